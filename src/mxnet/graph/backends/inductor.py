"""torch's own compiler: kernels in C++, made for a graph, its shapes and its constants."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...base import MXNetError
from ...ops.dtypes import torch_dtype
from ..graph import Graph, Node
from ..program import Program

CPU = torch.device("cpu")
_compiling = threading.Lock()  # torch's compiler is used by one thread at a time
#: their shapes depend on values, they look at values, or keep Python objects
_UNSUPPORTED = {"Custom", "_compiled_subgraph"}


class Inductor:
    """Compiles by torch's inductor, without tracing of bytecode; constants are frozen into the result.

    Compiling takes seconds to minutes, and needs a C++ compiler where the program runs.
    """

    name = "inductor"

    def check(self) -> None:
        """Raises: MXNetError if there is no C++ compiler."""
        names = _compilers()
        if not any(map(shutil.which, names)):
            raise MXNetError(
                f"backend 'inductor': no C++ compiler is installed (looked for {', '.join(names)}). Install g++ or "
                "clang, or name one in the environment variable CXX; backend 'oneDNN' needs none."
            )

    def supports(self, node: Node) -> bool:
        """Whether a node can be compiled: not those that draw random numbers, look at values, or run users' Python."""
        op = node.op
        if op is None:
            return True
        return not (
            op.name in _UNSUPPORTED or node.is_random or op.dynamic or op.stateful or op.takes_subgraphs
            or op.creates or (op.mutates and not op.uses_training) or op.name.startswith("_pack_")
        )  # fmt: skip

    def compile(
        self, graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str],
        constants: Mapping[str, Tensor],
    ) -> Callable[[Sequence[Tensor]], list[Tensor]]:  # fmt: skip
        """A function from the graph's variables without constants, in order, to its outputs.

        Raises: MXNetError if there is no C++ compiler, the graph can't be compiled, or a constant isn't on the CPU.
        """
        self.check()
        _check_devices(constants.items())
        program = Program(graph)
        names = [name for name in program.variables if name not in constants]

        def forward(*tensors: Tensor) -> list[Tensor]:
            given = {**constants, **dict(zip(names, tensors, strict=True))}
            return program.run([given[name] for name in program.variables], training=False, device=CPU)

        examples = [torch.empty(shapes[name], dtype=torch_dtype(dtypes[name])) for name in names]
        with _compiling:
            function = _compiled_or_error(forward, examples)

        def run(tensors: Sequence[Tensor]) -> list[Tensor]:
            _check_devices(zip(names, tensors, strict=True))
            return list(function([tensor.contiguous() for tensor in tensors]))

        return run


def _check_devices(tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Raise MXNetError if a tensor isn't on the CPU: the code compiled would read its address."""
    for name, tensor in tensors:
        if tensor.device.type != "cpu":
            raise MXNetError(
                f"backend 'inductor': {name!r} is on {tensor.device}; it compiles for the CPU alone. On a GPU use "
                "backend='tensorrt', or hybridize(static_alloc=True, static_shape=True)."
            )


def _compilers() -> list[str]:
    """The commands by which torch looks for a C++ compiler."""
    import torch._inductor.config as config

    given = getattr(config.cpp, "cxx", None)
    names = [name for name in (given if isinstance(given, tuple | list) else (given,)) if name]
    return names or [os.environ.get("CXX", "g++")]


def _compiled_or_error(
    forward: Callable[..., list[Tensor]], examples: Sequence[Tensor]
) -> Callable[[list[Tensor]], Any]:
    """As `_compiled`, with MXNetError for whatever happens inside of torch's compiler, or the one for C++."""
    try:
        try:
            return _compiled(forward, examples)
        except Exception as error:
            # torch tries the compiler by running it: on a machine short of memory that may fail once
            if not _finds_no_compiler(error):
                raise
            return _compiled(forward, examples)
    except MXNetError:
        raise
    except Exception as error:
        message = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if _finds_no_compiler(error):
            found = next(path for path in map(shutil.which, _compilers()) if path)
            message = f"torch can't run the C++ compiler {found} ({message}); see what `{found} --version` says"
        raise MXNetError(f"backend 'inductor': the graph can't be compiled: {message}") from error


def _finds_no_compiler(error: BaseException | None) -> bool:
    """Whether the reason is that torch found no C++ compiler that runs; its workers hand on such errors as text."""
    from torch._inductor.exc import InvalidCxxCompiler

    while error is not None:
        if isinstance(error, InvalidCxxCompiler) or "InvalidCxxCompiler" in str(error) or "cpp.cxx" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _compiled(forward: Callable[..., list[Tensor]], examples: Sequence[Tensor]) -> Callable[[list[Tensor]], Any]:
    import torch._inductor.config as config
    from torch._inductor.compile_fx import compile_fx_inner
    from torch._inductor.decomposition import select_decomp_table
    from torch._inductor.freezing import freeze
    from torch._inductor.virtualized import V
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    fake_mode = FakeTensorMode(allow_non_fake_inputs=True)
    fakes = [fake_mode.from_tensor(example, static_shapes=True) for example in examples]
    with torch.no_grad(), config.patch(freezing=True), fake_mode:
        table = select_decomp_table()
        operations = make_fx(forward, decomposition_table=table, tracing_mode="real")(*fakes)
        # the compiler has no code of its own for operations that change a tensor in place
        functional: Any = torch.func.functionalize(operations, remove="mutations_and_views")
        module = make_fx(functional, decomposition_table=table, tracing_mode="real")(*fakes)
    _read_once(module)
    with torch.no_grad(), config.patch(freezing=True), V.set_fake_mode(fake_mode):
        module, _ = freeze(module, module, fakes)
        compiled: Any = compile_fx_inner(module, fakes, is_inference=True)
    return compiled  # type: ignore[no-any-return]


def _read_once(module: Any) -> None:
    """Read each constant by one node: torch's folding takes away what it has folded, though others may read it."""
    first: dict[str, Any] = {}
    for node in list(module.graph.nodes):
        if node.op == "get_attr" and first.setdefault(node.target, node) is not node:
            node.replace_all_uses_with(first[node.target])
            module.graph.erase_node(node)
    module.recompile()
