"""What operations really give has the sizes that plans expect, for the calls of operator_examples.py."""

from __future__ import annotations

import pytest
import torch
from test_operator_contract import CALLS, OPERATORS, arrays, differentiable, given_by_name, modes, symbol_of
from torch.utils._pytree import tree_map

import mxnet as mx
from mxnet import gluon, nd
from mxnet.graph.creation import resolve_creation
from mxnet.graph.infer import infer_dtypes, infer_shapes
from mxnet.graph.lowering import Unplannable, lower
from mxnet.graph.program import Program
from mxnet.graph.real_sizes import lstm_workspace_bytes
from mxnet.graph.templates import GENERATOR, STATES, Place
from mxnet.ops.dtypes import DTYPE_NAMES
from mxnet.ops.generators import generator_for
from mxnet.storage_counter import StorageCounter

CPU = torch.device("cpu")


def lowered_call(call, training):
    """The flat program of one call, with all gradients that there are, and tensors for its inputs."""
    graph = symbol_of(call).graph
    given = given_by_name(call, arrays(call))
    wanted = [f"in{position}" for position in differentiable(call)]
    shapes = {name: array.shape for name, array in given.items()}
    dtypes = {name: DTYPE_NAMES[array._data.dtype] for name, array in given.items()}
    program = Program(resolve_creation(graph, infer_shapes(graph, shapes, infer_dtypes(graph, dtypes))))
    return lower(program, shapes, dtypes, training=training, wanted=wanted), given


def steps(shape, stride):
    """Strides where they matter: of axes with more than one element."""
    return [step for extent, step in zip(shape, stride, strict=True) if extent > 1 and 0 not in shape]


def sizes(tensor):
    """Shape, strides, dtype and bytes of storage."""
    shape = tuple(tensor.shape)
    return shape, steps(shape, tensor.stride()), tensor.dtype, tensor.untyped_storage().nbytes()


def differences(lowered, given):
    """Run a program, instruction by instruction; what its results are that was not expected."""
    values = dict(zip(lowered.inputs.values(), (given[name]._data for name in lowered.inputs), strict=True))
    for head in lowered.head_grads:
        layout = lowered.layouts[head]
        values[head] = torch.empty_strided(layout.shape, layout.stride, dtype=layout.dtype).fill_(0.5)
    found = []
    blocks = {}  # storage -> where it is
    owners = {}

    def filled(leaf):
        if isinstance(leaf, Place):
            return values[instruction.reads[leaf.number]]
        return {GENERATOR: generator_for(CPU), STATES: {}}.get(leaf) if leaf in (GENERATOR, STATES) else leaf

    for instruction in lowered.instructions:
        args, kwargs = tree_map(filled, (tuple(instruction.call.args), dict(instruction.call.kwargs)))
        with torch.no_grad():
            result = instruction.call.function(*args, **kwargs)
        results = result if instruction.call.unpacks else (result,)
        for index, actual in zip(instruction.outputs, results, strict=True):
            if index is None or (layout := lowered.layouts[index]) is None:
                values[index] = actual
                continue
            values[index] = actual
            nbytes = lowered.storages[lowered.storage_of[index]].nbytes
            expected = layout.shape, steps(layout.shape, layout.stride), layout.dtype, nbytes
            if actual is None:  # torch's undefined tensor
                assert nbytes == 0
            elif (size := sizes(actual)) != expected:
                found.append(f"{instruction.name} gives {size}; expected {expected}")
            elif nbytes:  # all values are kept, so an address is that of one storage
                storage, block = lowered.storage_of[index], actual.untyped_storage().data_ptr()
                if (blocks.setdefault(storage, block), owners.setdefault(block, storage)) != (block, storage):
                    found.append(f"{instruction.name}: another storage than expected for result {index}")
    return found


@pytest.mark.parametrize(
    ("call", "training"),
    [pytest.param(p.values[0], mode, id=p.id + "-training" * mode) for p in CALLS for mode in modes(p.values[0])],
)
def test_every_instruction_gives_what_the_plan_expects(call, training):
    try:
        lowered, given = lowered_call(call, training)
    except Unplannable:
        assert OPERATORS[call.op].dynamic
        return
    assert differences(lowered, given) == []


@pytest.mark.parametrize("itemsize", [4, 2])
@pytest.mark.parametrize(
    "extents", [(1, 1, 1, 1), (5, 3, 10, 20), (2, 64, 256, 256), (3, 7, 300, 100), (4, 33, 64, 192), (7, 2, 1, 256)]
)
def test_the_workspace_of_an_lstm_layer_is_as_computed(extents, itemsize):
    if itemsize == 2 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("oneDNN has no bfloat16 on this processor")
    steps, rows, inputs, units = extents
    shapes = [(steps, rows, inputs), (4 * units, inputs), (4 * units, units), (4 * units,), (4 * units,)]
    tensors = [torch.zeros(shape, dtype={4: torch.float32, 2: torch.bfloat16}[itemsize]) for shape in shapes]
    states = [tensors[0].new_zeros(rows, units) for _ in range(2)]
    *_, workspace = torch.ops.aten.mkldnn_rnn_layer(
        *tensors, *states, False, [], 2, units, 1, True, False, False, True
    )
    assert workspace.numel() == lstm_workspace_bytes(*extents, itemsize)


def peak_of(step):
    step()  # what is made once is made now
    with StorageCounter() as counter:
        step()
    return counter.peak


@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_plans_of_recurrent_layers_count_what_their_kernels_keep(mode, bidirectional):
    rnn = mx.sym.RNN(
        *(mx.sym.var(name) for name in ("data", "parameters", "state", "state_cell")[: 4 if mode == "lstm" else 3]),
        state_size=40, num_layers=2, mode=mode, bidirectional=bidirectional, name="rnn",
    )  # fmt: skip
    network = mx.sym.MakeLoss(mx.sym.sum(rnn))
    shape = (12, 8, 24)
    reqs = {name: "write" if name == "parameters" else "null" for name in network.list_arguments()}
    executor = network.simple_bind(mx.cpu(), grad_req=reqs, data=shape)

    def step():
        executor.forward(is_train=True)
        executor.backward()

    assert peak_of(step) == executor.memory_plan().planned_bytes
    inputs = network.simple_bind(mx.cpu(), grad_req="null", data=shape)
    assert peak_of(inputs.forward) == inputs.memory_plan().planned_bytes


def test_the_plan_of_an_lstm_block_counts_its_workspaces_under_a_budget_too():
    net = gluon.nn.HybridSequential()
    net.add(*(gluon.rnn.LSTM(32, 1) for _ in range(6)))
    net.initialize()
    x = nd.random.normal(shape=(20, 16, 32))

    def step():
        with mx.autograd.record():
            out = net(x)
        out.backward(x)
        return out.asnumpy(), [p.grad().asnumpy() for p in net.collect_params().values()]

    net(x)
    expected = step()
    kept = None
    for options in ({"recompute": False}, {"memory_budget": 0.8}):
        net.hybridize(static_alloc=True, **options)
        plan = net.memory_plan(x)
        assert peak_of(step) == plan.planned_bytes
        found = step()
        assert (found[0] == expected[0]).all()
        assert all((a == b).all() for a, b in zip(found[1], expected[1], strict=True))
        if kept is None:
            kept = plan
            workspaces = 6 * lstm_workspace_bytes(20, 16, 32, 32)
            assert plan.planned_bytes > workspaces
        else:
            assert plan.peak_bytes <= 0.8 * kept.peak_bytes
