"""Backends and passes by name, for `optimize_for`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ...base import MXNetError
from ..graph import Graph, Node
from ..passes import fill_in_sizes, fuse_layers, optimize_inference, partition, simplify, split_prologue
from .base import Backend
from .parts import compile_parts

Pass = Callable[..., Graph]
#: shapes and dtypes of all variables and the names of parameters, to a prologue and the graph for every run
Transform = Callable[
    [Graph, Mapping[str, tuple[int, ...]], Mapping[str, str], Collection[str]], tuple[Graph, Graph]
]  # fmt: skip

#: names of the fusing passes; the first is the one shown
FUSING = ("oneDNN", "fuse", "MKLDNN", "ONEDNN")
#: loaded when they are first asked for
_KNOWN = {
    "inductor": "mxnet.graph.backends.inductor:Inductor",
    "onnxruntime": "mxnet.onnx.backends.onnxruntime:OnnxRuntime",
    "openvino": "mxnet.onnx.backends.openvino:OpenVino",
    "tensorrt": "mxnet.onnx.backends.tensorrt:TensorRT",
    "TensorRT": "mxnet.onnx.backends.tensorrt:TensorRT",  # its name in MXNet
}
_backends: dict[str, Backend] = {}
_passes: dict[str, list[Pass]] = {}


def register_backend(backend: Backend) -> Backend:
    """Make a backend known to `optimize_for` under its name; one of the same name is replaced.

    Raises: TypeError if it is a class rather than an object, or its name is no string; ValueError if the name is that
        of mxnext's own fusing passes, or the backend lacks a method.
    """
    if isinstance(backend, type):
        kind = backend.__name__
        raise TypeError(f"register_backend: got the class {kind}; expected an object: {kind}().")
    _check_name("register_backend", getattr(backend, "name", None))
    if backend.name in FUSING:
        raise ValueError(f"register_backend: {backend.name!r} is the name of mxnext's own fusing passes.")
    missing = [name for name in ("check", "supports", "compile") if not callable(getattr(backend, name, None))]
    if missing:
        raise ValueError(f"register_backend: {backend.name!r} has no method {', '.join(missing)}.")
    _backends[backend.name] = backend
    return backend


def register_pass(name: str) -> Callable[[Pass], Pass]:
    """Decorator: make a function from graph to graph known to `optimize_for` under a name.

    Several of one name run in order; where a backend has the same name, it takes what they return. Options given to
    optimize_for go to keyword arguments of those names. The graph that results replaces the block's for training, too.

    Raises: TypeError if the name is no string, or what is decorated no function.
    """
    _check_name("register_pass", name)

    def register(function: Pass) -> Pass:
        if not callable(function):
            raise TypeError(f"register_pass: {name!r} is to be {function!r}; expected a function from graph to graph.")
        _passes.setdefault(name, []).append(function)
        return function

    return register


def _check_name(what: str, name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise TypeError(f"{what}: the name is {name!r}; expected a string.")


def unregister(name: str) -> None:
    """Forget a backend and passes that were registered under a name."""
    _backends.pop(name, None)
    _passes.pop(name, None)


def backends() -> list[str]:
    """The names that `optimize_for` takes, whether or not what they need is installed."""
    return sorted({*FUSING, *_KNOWN, *_backends, *_passes})


def get_backend(name: str) -> Backend:
    """The backend with a name.

    Raises: MXNetError if there is none.
    """
    if not isinstance(name, str):
        raise MXNetError(f"the backend is {name!r}; expected a name, such as {', '.join(backends())}.")
    if name not in _backends and name in _KNOWN:
        module, _, kind = _KNOWN[name].partition(":")
        _backends[name] = getattr(importlib.import_module(module), kind)()
    if name not in _backends:
        raise MXNetError(f"backend {name!r} is not registered; registered are: {', '.join(backends())}.")
    return _backends[name]


class Optimizer:
    """What a name given to `optimize_for` stands for: passes, and how to run in inference.

    transform  the backend's way in inference; None: as any other graph
    """

    def __init__(self, name: str, options: Mapping[str, Any]):
        """Raises: MXNetError if nothing has this name, something it needs is missing, or an option is unknown."""
        self.name = name
        self.transform: Transform | None = None
        self._options = dict(options)
        self._backend: Backend | None = None
        self._passes = [(function, _taken(function, options)) for function in _passes.get(name, ())]
        backend = None
        if name not in FUSING and (not self._passes or name in _backends or name in _KNOWN):
            backend = get_backend(name)
        configure = getattr(backend, "with_options", None)
        known = [] if configure is None else _keywords(configure, 0)
        unknown = [key for key in options if key not in known and not any(key in taken for _, taken in self._passes)]
        if unknown:
            there = [*(key for function in _passes.get(name, ()) for key in _keywords(function)), *known]
            raise MXNetError(f"backend {name!r} has no option {unknown[0]!r}; it has: {', '.join(there) or 'none'}.")
        if name in FUSING:
            self.transform = fused
        elif backend is not None:
            given = {key: value for key, value in options.items() if key in known}
            try:
                self._backend = configure(**given) if configure is not None and given else backend
                self._backend.check()
            except MXNetError:
                raise
            except Exception as error:
                raise MXNetError(f"backend {name!r} can't be used: {type(error).__name__}: {error}") from error
            self.transform = run_by(self._backend)

    def __deepcopy__(self, memo: Any) -> Optimizer:
        return self

    def __reduce__(self) -> Any:  # found by name where it is unpickled, so that nothing is dropped unnoticed
        return Optimizer, (self.name, self._options)

    def rewrite(self, graph: Graph) -> Graph:
        """The graph after the registered passes.

        Raises: MXNetError if a pass fails, or returns something else or a graph with another number of outputs.
        """
        for function, options in self._passes:
            label = f"pass {getattr(function, '__name__', repr(function))!r} of {self.name!r}"
            try:
                changed = function(graph, **options)
            except MXNetError:
                raise
            except Exception as error:
                raise MXNetError(f"{label} failed: {type(error).__name__}: {error}") from error
            if not isinstance(changed, Graph):
                raise MXNetError(f"{label} returned {changed!r}; expected a Graph.")
            if len(changed.outputs) != len(graph.outputs):
                raise MXNetError(
                    f"{label} returned a graph of {len(changed.outputs)} outputs; expected {len(graph.outputs)}, as "
                    "before it."
                )
            graph = changed
        return graph


    def changed(self, graph: Graph, dtypes: Mapping[str, str], parameters: Collection[str] | None) -> Graph:
        """The graph after passes and the backend, where shapes aren't known yet: for `Symbol.optimize_for`.

        Args:
            dtypes: of the variables, as far as known.
            parameters: names of the variables that stay the same from run to run; None: not known.
        """
        graph = self.rewrite(graph)
        if self._backend is not None:
            return compile_parts(divided(simplify(graph), self._backend, parameters or ()), self._backend)
        return graph if self.transform is None else fuse_layers(simplify(graph), dtypes, parameters)


def fused(
    graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], parameters: Collection[str]
) -> tuple[Graph, Graph]:
    """The fusing passes."""
    return optimize_inference(graph, shapes, dtypes, parameters, True)


def divided(graph: Graph, backend: Backend, parameters: Collection[str]) -> Graph:
    """The graph with the parts that a backend supports as one node each.

    Raises: MXNetError if the backend fails to say what it supports.
    """

    def supports(node: Node) -> bool:
        try:
            return bool(backend.supports(node))
        except Exception as error:
            label = node.name if node.op is None else f"{node.name} ({node.op.name})"
            kind = type(error).__name__
            raise MXNetError(f"backend {backend.name!r}: {kind} in supports of {label}: {error}") from error

    return partition(graph, supports, parameters)


def run_by(backend: Backend) -> Transform:
    """The transform by which a backend runs what it supports."""

    def transform(
        graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], parameters: Collection[str]
    ) -> tuple[Graph, Graph]:
        graph = divided(simplify(fill_in_sizes(graph, shapes, dtypes)), backend, parameters)
        prologue, main = split_prologue(graph, parameters)
        return compile_parts(prologue, backend), compile_parts(main, backend)

    return transform


def _keywords(function: Callable[..., Any], skipped: int = 1) -> list[str]:
    """The options of a function: its parameters but for the first, which takes the graph."""
    parameters = list(inspect.signature(function).parameters.values())
    return [p.name for p in parameters[skipped:] if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _taken(function: Pass, options: Mapping[str, Any]) -> dict[str, Any]:
    if any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values()):
        return dict(options)
    return {key: value for key, value in options.items() if key in _keywords(function)}
