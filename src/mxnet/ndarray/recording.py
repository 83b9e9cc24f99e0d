"""Whether the calling thread records operators for autograd and runs them in training mode."""

from __future__ import annotations

import threading


class _State(threading.local):
    """recording and training of one thread; every thread starts with both off."""

    def __init__(self) -> None:
        self.recording = False
        self.training = False


STATE = _State()
