"""Whether the calling thread records operators for autograd, runs them in training mode, or is being traced."""

from __future__ import annotations

import threading
from typing import Any


class _State(threading.local):
    """What one thread does with operators; every thread starts with all of it off.

    recording  operators are recorded for autograd
    training   operators run in training mode
    tracer     the tracer that turns calls into a graph, or None
    watched    recording or traced: calls must take the general path
    """

    def __init__(self) -> None:
        self.recording = False
        self.training = False
        self.watched = False
        self.tracer: Any = None

    def set_recording(self, recording: bool) -> None:
        """Switch recording."""
        self.recording = recording
        self.watched = recording or self.tracer is not None

    def set_tracer(self, tracer: Any) -> None:
        """Start or, with None, stop tracing."""
        self.tracer = tracer
        self.watched = self.recording or tracer is not None


STATE = _State()


class Untraced:
    """``with Untraced():`` what runs inside is no part of the graph being traced."""

    def __enter__(self) -> None:
        self._tracer = STATE.tracer
        STATE.set_tracer(None)

    def __exit__(self, *exception: object) -> None:
        STATE.set_tracer(self._tracer)
