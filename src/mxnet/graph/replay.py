"""Replaying planned programs on a GPU: their kernels are recorded once, as CUDA graphs, and launched all at once.

A recorded kernel reads and writes where it did when it was recorded. So inputs are copied to where it reads them, but
for parameters and states, which are read and changed in place and recorded anew when they lie elsewhere; and results
are copied out, as the next run overwrites them. Forward and backward pass are two recordings that share memory: what
the one keeps for the other lies where the other expects it, until the next forward pass. Random numbers come from
mxnet's generator of the device, whose state both register: a replay draws what a run without recording would draw, and
moves the generator on as far.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from ..base import MXNetError
from .compiled import CompiledProgram
from .lowering import LoweredProgram
from .planned import Planned

_WARM_UP = 3  # runs before recording, in which kernels choose their algorithms and libraries take their workspaces
_MOST_RECORDINGS = 8  # of one program; parameters that have moved so often are copied from then on, as inputs are
_recording = threading.Lock()  # one program is recorded at a time in a process


class Recording(Protocol):
    """What a recorder recorded."""

    def replay(self) -> None:
        """Launch it, on the current stream."""


class Recorder(Protocol):
    """Something that records what runs on a device."""

    def warm_up(self, run: Callable[[], Any]) -> None:
        """Run a few times, apart from what else the device does."""

    def record(self, run: Callable[[], Any], generators: Sequence[torch.Generator]) -> tuple[Recording, Any]:
        """Record a run, and return what it returned: tensors that hold values once it has been replayed.

        Args:
            generators: those of which it draws random numbers.
        """


class CudaRecorder:
    """Records CUDA graphs that share one pool of memory: they are replayed in the order in which they are recorded."""

    def __init__(self, device: torch.device):
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, run: Callable[[], Any]) -> None:
        """Run a few times on the stream on which is recorded."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UP):
                run()
        current.wait_stream(self._stream)

    def record(self, run: Callable[[], Any], generators: Sequence[torch.Generator]) -> tuple[Recording, Any]:
        """Record a CUDA graph; nothing is computed."""
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        # The outer context gives the stream back also where ending the recording fails. Other threads may go on.
        with (
            torch.cuda.stream(self._stream),
            torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"),
        ):
            results = run()
        return graph, results


_recorders: dict[str, Callable[[torch.device], Recorder]] = {"cuda": CudaRecorder}


def can_record(device: torch.device) -> bool:
    """Whether anything can be recorded on a device."""
    return device.type in _recorders


def obstacle(device: torch.device, beside: Sequence[str], program: LoweredProgram) -> str | None:
    """Why a program can't be recorded; None if it can.

    Args:
        beside: the nodes that run beside it.
    """
    if not can_record(device):
        return f"the arrays are on {device.type}: only kernels of a GPU are recorded"
    if beside:
        return f"{', '.join(sorted(set(beside)))} can't be written down as operations of torch, and may look at values"
    again = sorted({i.label for i in program.instructions if i.replays is not None})
    if again:
        return f"{', '.join(again)} draws random numbers again, which sets the state of the generator"
    return None


class Replay:
    """A planned program that is recorded at its first run, and replayed from then on.

    reason        why it isn't recorded and runs as usual; None while it is or will be
    num_replayed  how many forward passes have been replayed
    num_missed    how many ran as usual, because what an earlier forward pass keeps was still waiting for its backward
    """

    def __init__(
        self, compiled: CompiledProgram, device: torch.device, fixed: Sequence[bool], changed: Sequence[int],
        generator: torch.Generator | None, reason: str | None,
    ):  # fmt: skip
        """
        Args:
            compiled: the program.
            device: where it runs.
            fixed: for each input whether it usually stays where it is: parameters and states.
            changed: positions of the inputs that the program changes in place.
            generator: what it draws random numbers from; None if it draws none.
            reason: why it can't be recorded, if that is known.
        """
        self.reason = reason
        self.num_replayed = 0
        self.num_missed = 0
        self._compiled = compiled
        self._device = device
        self._fixed = list(fixed)
        self._changed = frozenset(changed)
        self._generator = generator
        self._num_recordings = 0
        self._inputs: list[Tensor] = []
        self._outputs: list[Tensor] = []
        self._heads: list[Tensor] = []
        self._gradients: dict[str, Tensor | None] = {}
        self._forward: Recording | None = None
        self._backward: Recording | None = None
        self._owner: weakref.ref[Any] | None = None  # the run whose backward pass reads what the forward pass kept
        self._lock = threading.RLock()

    @property
    def is_recorded(self) -> bool:
        """Whether the kernels are recorded."""
        return self._forward is not None

    @torch.no_grad()
    def forward(self, tensors: Sequence[Tensor], owner: Any = None) -> list[Tensor] | None:
        """The outputs; None if the program must run as usual.

        Args:
            tensors: in the order of the program's inputs, contiguous, on the device.
            owner: of a training step: the object that will call `backward`, or `release`, or end before.
        """
        with self._lock:
            if self.reason is not None:
                return None
            if self._owner is not None and self._owner() is not None:
                self.num_missed += 1
                return None
            if (self._forward is None or self._moved(tensors)) and not self._record(tensors):
                return None
            assert self._forward is not None
            self._copy_inputs(tensors)
            self._forward.replay()
            self.num_replayed += 1
            self._owner = None if owner is None else weakref.ref(owner)
            return [output.clone() for output in self._outputs]

    @torch.no_grad()
    def backward(self, head_grads: Sequence[Tensor]) -> dict[str, Tensor | None]:
        """The gradients by name, once after each forward pass that was replayed with an owner.

        Args:
            head_grads: in the order of the program's.
        """
        with self._lock:
            assert self._backward is not None
            for own, head in zip(self._heads, head_grads, strict=True):
                own.copy_(head)
            self._backward.replay()
            self._owner = None
            return {name: None if found is None else found.clone() for name, found in self._gradients.items()}

    def release(self) -> None:
        """There will be no backward pass for the last forward pass."""
        with self._lock:
            self._owner = None

    def _copy_inputs(self, tensors: Sequence[Tensor]) -> None:
        for own, tensor, fixed in zip(self._inputs, tensors, self._fixed, strict=True):
            if not fixed:
                own.copy_(tensor)

    def _moved(self, tensors: Sequence[Tensor]) -> bool:
        """Whether something that stays where it is, usually, lies elsewhere."""
        moved = [
            position
            for position, (own, tensor, fixed) in enumerate(zip(self._inputs, tensors, self._fixed, strict=True))
            if fixed and own.data_ptr() != tensor.data_ptr()
        ]
        if moved and self._num_recordings >= _MOST_RECORDINGS:
            for position in moved:
                self._fixed[position] = False
        return bool(moved)

    def _record(self, tensors: Sequence[Tensor]) -> bool:
        """Record for inputs that lie where these do; False, with the reason, where that fails."""
        self._forward = self._backward = None
        self._outputs, self._heads, self._gradients = [], [], {}
        if any(not self._fixed[position] for position in self._changed):
            self.reason = f"what it changes in place has moved {self._num_recordings} times"
            return False
        new_recorder = partial(_recorders[self._device.type], self._device)
        recorder = new_recorder()
        self._inputs = [t if fixed else t.clone() for t, fixed in zip(tensors, self._fixed, strict=True)]
        layouts = [layout for _, layout in self._compiled.head_grads if layout is not None]
        self._heads = [
            torch.empty_strided(layout.shape, layout.stride, dtype=layout.dtype, device=self._device).fill_(1)
            for layout in layouts
        ]  # fmt: skip
        apart = [t.clone() if i in self._changed else t for i, t in enumerate(self._inputs)]
        generator = self._generator
        state = None if generator is None else generator.get_state()
        with _recording:
            try:
                recorder.warm_up(lambda: self._run_backward(self._run_forward(apart, generator)[1], generator))
                try:
                    if generator is not None:  # a recording that fails leaves its generator unusable: not that of mxnet
                        self._record_with(new_recorder(), torch.Generator(self._device))
                        self._forward = self._backward = None
                        self._outputs, self._gradients = [], {}
                    self._record_with(recorder, generator)
                except (RuntimeError, MXNetError) as error:
                    self._fail(error)
            finally:
                if generator is not None and state is not None:
                    generator.set_state(state)
        self._num_recordings += 1
        return self.reason is None

    def _record_with(self, recorder: Recorder, generator: torch.Generator | None) -> None:
        """Record both passes, which draw from a generator."""
        generators = [] if generator is None else [generator]
        self._forward, (self._outputs, kept) = recorder.record(
            lambda: self._run_forward(self._inputs, generator), generators
        )
        if self._compiled.has_backward:
            self._backward, self._gradients = recorder.record(lambda: self._run_backward(kept, generator), generators)

    def _fail(self, error: BaseException) -> None:
        """Run as usual from now on."""
        # where the run failed, ending the recording fails, too
        while error.__context__ is not None and not isinstance(error, MXNetError):
            error = error.__context__
        self._forward = self._backward = None
        self._inputs, self._outputs, self._heads, self._gradients = [], [], [], {}
        self.reason = f"recording failed: {error}"
        warnings.warn(
            f"static_shape: the kernels can't be recorded, so the graph runs as with static_alloc alone: {error}",
            stacklevel=2,
        )

    def _run_forward(
        self, tensors: Sequence[Tensor], generator: torch.Generator | None
    ) -> tuple[list[Tensor], list[Any]]:
        values = self._compiled.start(tensors)
        return self._compiled.forward(values, generator, None), values

    def _run_backward(self, values: list[Any], generator: torch.Generator | None) -> dict[str, Tensor | None]:
        return self._compiled.backward(values, self._heads, generator) if self._compiled.has_backward else {}


class Replays:
    """The recordings of planned programs, one for each that has run."""

    def __init__(self) -> None:
        self._made: weakref.WeakKeyDictionary[Planned, Replay] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(
        self, planned: Planned, device: torch.device, fixed: Sequence[bool], changed: Sequence[int],
        generator: torch.Generator | None,
    ) -> Replay:  # fmt: skip
        """The recording of a planned program; arguments as for `Replay`."""
        with self._lock:
            found = self._made.get(planned)
            if found is None:
                reason = obstacle(device, planned.lowered.beside, planned.chosen.program)
                draws = any(instruction.call.random for instruction in planned.chosen.program.instructions)
                found = Replay(planned.compiled, device, fixed, changed, generator if draws else None, reason)
                self._made[planned] = found
        return found

    def all(self) -> list[Replay]:
        """Those of programs that are still kept."""
        return list(self._made.values())
