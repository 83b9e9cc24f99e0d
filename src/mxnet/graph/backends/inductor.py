"""torch's own compiler: kernels in C++, made for a graph, its shapes and its constants."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...base import MXNetError
from ...ops.dtypes import torch_dtype
from ..graph import Graph, Node
from ..program import Program

CPU = torch.device("cpu")
#: their shapes depend on values, they look at values, or keep Python objects
_UNSUPPORTED = {"Custom", "_compiled_subgraph"}


class Inductor:
    """Compiles by torch's inductor, without tracing of bytecode; constants are frozen into the result.

    Compiling takes seconds to minutes, and needs a C++ compiler where the program runs.
    """

    name = "inductor"

    def check(self) -> None:
        """Raises: MXNetError if there is no C++ compiler."""
        import torch._inductor.config as config

        given = config.cpp.cxx
        names = [name for name in (given if isinstance(given, tuple | list) else (given,)) if name]
        if not any(map(shutil.which, names or ["g++"])):
            raise MXNetError(
                "backend 'inductor': no C++ compiler is installed (looked for "
                f"{', '.join(names) or 'g++'}). Install g++ or clang, or name one in the environment variable CXX; "
                "backend 'oneDNN' needs none."
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

        Raises: MXNetError if there is no C++ compiler, or the graph can't be compiled.
        """
        self.check()
        program = Program(graph)
        names = [name for name in program.variables if name not in constants]

        def forward(*tensors: Tensor) -> list[Tensor]:
            given = {**constants, **dict(zip(names, tensors, strict=True))}
            return program.run([given[name] for name in program.variables], training=False, device=CPU)

        examples = [torch.empty(shapes[name], dtype=torch_dtype(dtypes[name])) for name in names]
        try:
            function = _compiled(forward, examples)
        except MXNetError:
            raise
        except Exception as error:  # whatever happens inside of torch's compiler, or the one for C++
            message = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise MXNetError(f"backend 'inductor': the graph can't be compiled: {message}") from error

        def run(tensors: Sequence[Tensor]) -> list[Tensor]:
            return list(function([tensor.contiguous() for tensor in tensors]))

        return run


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
        trace = make_fx(forward, decomposition_table=select_decomp_table(), tracing_mode="real")
        module = trace(*fakes)
    with torch.no_grad(), config.patch(freezing=True), V.set_fake_mode(fake_mode):
        module, _ = freeze(module, module, fakes)
        compiled: Any = compile_fx_inner(module, fakes, is_inference=True)
    return compiled  # type: ignore[no-any-return]
