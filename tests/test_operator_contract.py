"""What every registered operator keeps to, on the calls of operator_examples.py."""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys

import numpy as np
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from operator_examples import EXAMPLES, Example

import mxnet as mx
from mxnet import nd
from mxnet.base import MXNetError
from mxnet.ndarray.invoke import invoke
from mxnet.ops.attributes import REQUIRED, format_attribute
from mxnet.ops.registry import all_operators, get_operator, has_operator
from mxnet.symbol.register import make_function as make_symbol_function
from mxnet.symbol.symbol import compose

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "oracle", "data", "operator_facts.json")) as file:
    FACTS = json.load(file)
OPERATORS = {op.name: op for op in all_operators()}
#: operators whose only effect is on what they are given, or that need more than arrays: tested by their own files
WITHOUT_EXAMPLE = {"_set_value", "Custom", "_pack_convolution_weight", "_pack_linear_weight"}
WITHOUT_EXAMPLE |= {op.name for op in OPERATORS.values() if op.takes_csr}
#: operators that run subgraphs, of which there are no calls on arrays: tested by test_control_flow.py, test_passes.py
WITHOUT_EXAMPLE |= {op.name for op in OPERATORS.values() if op.takes_subgraphs}
#: not among the forward operators of MXNet 1.9.1 (some are MXNet 2's, some mx.np's)
OURS = {
    "log_sigmoid", "mish", "cumsum", "_backward_gather_nd", "_channels_first", "_channels_last", "_compiled_subgraph",
    "_constant", "_fused_affine", "_fused_convolution", "_fused_fully_connected", "_pack_convolution_weight",
    "_pack_linear_weight",
}  # fmt: skip
#: MXNet declares them as required, but takes the value given here when they are missing
DEFAULTED = {("smooth_l1", "scalar"): 1.0}
#: in MXNet's functions the auxiliary states are no parameters
AUXILIARY_HIDDEN = {"BatchNorm_v1", "IdentityAttachKLSparseReg"}
#: operators that are not public: the machinery of MXNet's own back end, and what `mx.nd.imdecode` was made of
NOT_HERE = {
    "_CachedOp", "_CachedOpThreadSafe", "_CrossDeviceCopy", "_CustomFunction", "_NDArray", "_Native", "_NoGradient",
    "_imdecode",
}  # fmt: skip
ADDED_CHOICES = {("Activation", "act_type"): {"log_sigmoid", "mish"}}  # MXNet 2's
#: MXNet gives all inputs of one weight the name of the first one
REPEATED_NAMES = {"_multi_adamw_update", "_multi_lamb_update", "_multi_mp_adamw_update", "_multi_mp_lamb_update"}
CALLS = [pytest.param(call, id=call.id) for call in EXAMPLES if call.op in OPERATORS]


def attributes(call: Example):
    """The attributes without those that only count the inputs."""
    op = OPERATORS[call.op]
    return {k: v for k, v in call.attrs.items() if k in op.attributes}


def arrays(call: Example, dtype=None):
    return [
        None if a is None else nd.array(a, dtype=dtype if dtype and a.dtype == np.float32 else a.dtype)
        for a in call.inputs
    ]


def run(call: Example, inputs, **attrs):
    found = invoke(OPERATORS[call.op], inputs, {**attributes(call), **attrs})
    return found if isinstance(found, list) else [found]


def variables(call: Example):
    return [None if a is None else mx.sym.var(f"in{i}") for i, a in enumerate(call.inputs)]


def symbol_of(call: Example):
    made = [v for v in variables(call) if v is not None] if OPERATORS[call.op].variadic else variables(call)
    return compose(OPERATORS[call.op], made, attributes(call), hint="node", name="node")


def given_by_name(call: Example, inputs):
    return {f"in{i}": a for i, a in enumerate(inputs) if a is not None}


def same(first, second):
    first, second = first.asnumpy(), second.asnumpy()
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()


def test_every_operator_has_an_example():
    missing = set(OPERATORS) - {call.op for call in EXAMPLES} - WITHOUT_EXAMPLE
    assert not {call.op for call in EXAMPLES} - set(OPERATORS)
    assert not missing, f"add examples to operator_examples.py for: {', '.join(sorted(missing))}"


def modes(call: Example):
    return [False, True] if OPERATORS[call.op].uses_training else [False]


GRAPHS = [
    call
    for call in CALLS
    if OPERATORS[call.values[0].op].num_outputs(
        OPERATORS[call.values[0].op].parse_attributes(attributes(call.values[0]))
    )
]


@pytest.mark.parametrize(
    ("call", "training"),
    [pytest.param(p.values[0], mode, id=p.id + "-training" * mode) for p in GRAPHS for mode in modes(p.values[0])],
)
def test_imperative_equals_symbolic_bit_for_bit(call, training):
    eager, bound = arrays(call), arrays(call)
    mx.random.seed(3)
    with mx.autograd.train_mode() if training else mx.autograd.predict_mode():
        expected = run(call, eager)
    symbol = symbol_of(call)
    given = given_by_name(call, bound)
    arguments = {name: given[name] for name in symbol.list_arguments()}
    states = {name: given[name] for name in symbol.list_auxiliary_states()}
    executor = symbol.bind(mx.cpu(), arguments, aux_states=states, grad_req="null")
    mx.random.seed(3)
    found = executor.forward(is_train=training)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert same(one, other)
    for one, other in zip(bound, eager, strict=True):
        assert one is None or same(one, other)  # what is changed in place is changed alike


@pytest.mark.parametrize("call", CALLS)
def test_results_share_no_memory_with_inputs(call):
    inputs = arrays(call)
    results = run(call, inputs)
    places = {a._data.untyped_storage().data_ptr() for a in inputs if a is not None and a.size}
    changed = set(OPERATORS[call.op].mutates)
    if not changed and not call.op.endswith("_update"):
        assert all(r._data.untyped_storage().data_ptr() not in places for r in results if r.size)


@pytest.mark.parametrize("call", GRAPHS)
def test_inferred_shapes_and_dtypes_are_the_actual_ones(call):
    inputs = arrays(call)
    actual = run(call, arrays(call))
    symbol = symbol_of(call)
    given = given_by_name(call, inputs)
    names, states = symbol.list_arguments(), symbol.list_auxiliary_states()
    counts = [call.data, None] if call.data is not None else [None]
    for count in counts:
        shapes = {f"in{i}": a.shape for i, a in enumerate(inputs[:count]) if a is not None}
        found = symbol.infer_shape_partial(**shapes)
        if not OPERATORS[call.op].dynamic:
            assert found[1] == [a.shape for a in actual]
        assert found[0] == [given[name].shape for name in names] and found[2] == [given[name].shape for name in states]
    dtypes = symbol.infer_type(**{name: array.dtype for name, array in given.items()})
    assert dtypes[1] == [a.dtype for a in actual]


@pytest.mark.parametrize("call", GRAPHS)
def test_symbol_files_and_printed_attributes_come_back(call):
    symbol = symbol_of(call)
    assert mx.sym.load_json(symbol.tojson()).tojson() == symbol.tojson()
    op, given = OPERATORS[call.op], attributes(call)
    parsed = op.parse_attributes(given)
    assert op.parse_attributes({key: format_attribute(value) for key, value in given.items()}) == parsed
    assert op.parse_attributes({k: format_attribute(v) for k, v in parsed.items()}) == parsed


def differentiable(call: Example):
    if call.gradient is False or not call.inputs:
        return ()
    floats = [i for i, a in enumerate(call.inputs) if a is not None and a.dtype == np.float32]
    return tuple(i for i in floats if call.gradient is True or i in call.gradient)


@pytest.mark.parametrize(
    "call", [pytest.param(call, id=call.id) for call in EXAMPLES if call.op in OPERATORS and differentiable(call)]
)
def test_gradients_agree_with_finite_differences(call):
    positions = differentiable(call)
    random = np.random.RandomState(5)
    attrs = {"dtype": "float64"} if "dtype" in attributes(call) and call.op not in ("Cast", "amp_cast") else {}

    def forward(inputs):
        mx.random.seed(3)
        return run(call, inputs, **attrs)

    inputs = arrays(call, "float64")
    for position in positions:
        inputs[position].attach_grad()
    with mx.autograd.record(train_mode=True):
        outputs = forward(inputs)
    outputs = [out for out in outputs if out._node is not None]
    assert outputs, "nothing was recorded"
    heads = [nd.array(random.uniform(-1, 1, out.shape), dtype=out.dtype) for out in outputs]
    mx.autograd.backward(outputs, heads)
    count = len(outputs)
    start = [None if a is None else a.asnumpy() for a in arrays(call, "float64")]

    def value(position, changed):
        moved = [
            None if a is None else nd.array(changed if i == position else a, dtype=a.dtype) for i, a in enumerate(start)
        ]
        with mx.autograd.train_mode():
            return sum(
                float((out.asnumpy() * head.asnumpy()).sum())
                for out, head in zip(forward(moved)[:count], heads, strict=True)
            )

    for position in positions:
        expected = np.zeros_like(start[position])
        for index in np.ndindex(*expected.shape):
            step = np.zeros_like(expected)
            step[index] = 1e-5
            expected[index] = (value(position, start[position] + step) - value(position, start[position] - step)) / 2e-5
        np.testing.assert_allclose(inputs[position].grad.asnumpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("call", [call for call in CALLS if call.values[0].inputs])
def test_what_is_no_array_raises_an_error_that_names_operator_and_argument(call):
    op = OPERATORS[call.op]
    for position, item in enumerate(call.inputs):
        if item is not None:
            inputs = arrays(call)
            inputs[position] = "no array"
            argument = op.parameter_of(position)
            with pytest.raises(MXNetError, match=f"{op.name}.*{argument}"):
                run(call, inputs)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_unknown_and_bad_attributes_raise_an_error_that_names_them(name):
    op = OPERATORS[name]
    with pytest.raises(MXNetError, match=f"{name}.*no_such_attribute"):
        op.parse_attributes({"no_such_attribute": 1})
    for attribute in op.attributes.values():
        if attribute.kind not in ("a string", "a literal"):
            with pytest.raises(MXNetError, match=f"{name}.*{attribute.name}"):
                attribute.parse(object(), name)


@pytest.mark.parametrize("call", [call for call in CALLS if len(call.values[0].inputs) > 0])
def test_impossible_shapes_raise_mxnet_error_naming_the_operator(call):
    inputs = arrays(call)
    inputs = [
        None if a is None else nd.zeros((3, 1, 2, 1, 5, 1, 7)[: 7 - i], dtype=a.dtype) for i, a in enumerate(inputs)
    ]
    try:
        run(call, inputs)
    except MXNetError as error:
        assert call.op in str(error)


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - OURS))
def test_declaration_is_that_of_mxnet(name):
    op, facts = OPERATORS[name], FACTS[name]
    inputs = [i for i in op.inputs if i not in op.mutates or i in facts["inputs"]]
    assert inputs == facts["inputs"]
    assert set(facts["aliases"]) <= {op.name, *op.aliases}
    counted = {facts["count"]} | ({op.num_inputs_attr} if op.variadic else set())
    expected = {n: (required, default) for n, required, default in facts["attributes"] if n not in counted}
    found = {n: a for n, a in op.attributes.items() if n not in counted}
    if name != "_linspace":  # MXNet declares it as _arange; ours has what mx.nd.linspace passes
        assert list(found) == list(expected)
        for attribute, (required, default) in zip(found.values(), expected.values(), strict=True):
            if (name, attribute.name) in DEFAULTED:
                required, default = False, DEFAULTED[name, attribute.name]
            assert required == (attribute.default is REQUIRED)
            if not required and not (default is None and attribute.default == ()):
                assert (
                    attribute.parse(tuple(default) if isinstance(default, list) else default, name) == attribute.default
                )
    if facts["auxiliary"] and set(facts["auxiliary"]) <= set(op.inputs):
        assert list(op.mutates) == facts["auxiliary"]


def test_every_operator_of_mxnet_is_here():
    assert {name for name in FACTS if not has_operator(name)} == NOT_HERE
    assert not [name for name in NOT_HERE if FACTS[name]["public"]]


@pytest.mark.parametrize("name", sorted(n for n in OPERATORS if n in FACTS and FACTS[n]["attributes"]))
def test_attributes_take_the_values_that_mxnet_takes(name):
    op, facts = OPERATORS[name], FACTS[name]
    for attribute, choices in facts["choices"].items():
        found = op.attributes[attribute]
        for choice in choices:
            found.parse(choice, name)
        if found.choices is not None:
            assert set(found.choices) - ADDED_CHOICES.get((name, attribute), set()) == set(choices) - {None}
    for attribute in facts["optional"]:
        if attribute in op.attributes and name != "_linspace":  # see test_declaration_is_that_of_mxnet
            assert op.attributes[attribute].parse(None, name) is None


@pytest.mark.parametrize("name", sorted(n for n in OPERATORS if FACTS.get(n, {}).get("arguments") is not None))
def test_symbols_have_the_inputs_states_and_outputs_of_mxnet(name):
    if OPERATORS[name].takes_subgraphs or name in REPEATED_NAMES:
        return
    facts = FACTS[name]
    symbol = make_symbol_function(OPERATORS[name], "made", __name__)(name="node", **facts["attributes_set"])

    def shown(names):
        return [item.removeprefix("node_") for item in names]

    assert shown(symbol.list_arguments()) == facts["arguments"]
    assert shown(symbol.list_auxiliary_states()) == facts["auxiliary"]
    assert shown(symbol.list_outputs()) == facts["outputs"]
    assert mx.sym.load_json(symbol.tojson()).tojson() == symbol.tojson()


@pytest.mark.parametrize(
    "name", sorted(n for n in OPERATORS if n in FACTS and FACTS[n]["signatures"] and n not in AUXILIARY_HIDDEN)
)
def test_public_functions_have_the_signatures_of_mxnet(name):
    for path, signature in FACTS[name]["signatures"].items():
        function = functools.reduce(getattr, path.split(".")[1:], mx)
        expected = [part.split("=")[0].strip() for part in signature.strip("()").split(", ")]
        found = [
            ("*" * (p.kind is p.VAR_POSITIONAL) + "**" * (p.kind is p.VAR_KEYWORD)) + p.name
            for p in inspect.signature(function).parameters.values()
        ]
        if OPERATORS[name].variadic:  # what follows *data is given by name, in any order
            found, expected = sorted(found), sorted(expected)
        assert found == expected, path


@pytest.mark.parametrize("call", [call for call in CALLS if FACTS.get(call.values[0].op, {}).get("counted_outputs")])
def test_files_count_the_outputs_that_mxnet_counts(call):
    if call.op != "amp_multicast" and set(call.attrs) <= {
        n for n, required, _ in FACTS[call.op]["attributes"] if required
    }:
        document = json.loads(symbol_of(call).tojson())
        assert document["node_row_ptr"][-1] - document["node_row_ptr"][-2] == FACTS[call.op]["counted_outputs"]


def test_an_unknown_operator_is_named():
    with pytest.raises(MXNetError, match="FullyConected is not registered. Did you mean.*FullyConnected"):
        get_operator("FullyConected")
