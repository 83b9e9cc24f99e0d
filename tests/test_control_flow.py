"""foreach, while_loop and cond: against what MXNet 1.9.1 gives, and against the same loops written in Python."""

from __future__ import annotations

import builtins
import json
import os
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import control_flow_cases as cases

import mxnet as mx
from mxnet import autograd, gluon, nd, sym
from mxnet.base import MXNetError
from mxnet.graph.graph import Graph, check

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle", "data")
with open(os.path.join(DATA, "control_flow.json")) as file:
    FACTS = json.load(file)
ARRAYS = dict(np.load(os.path.join(DATA, "control_flow.npz")))
#: those that MXNet can't differentiate
FORWARD_ONLY = [name for name in cases.SYMBOLS if not any(key.startswith(f"{name}/gradient") for key in ARRAYS)]


def assert_recorded(name, found):
    expected = {key[len(name) + 1 :]: array for key, array in ARRAYS.items() if key.startswith(f"{name}/")}
    assert sorted(expected) == sorted(found)
    for key, array in expected.items():
        assert found[key].dtype == array.dtype, key
        np.testing.assert_allclose(found[key], array, rtol=1e-5, atol=1e-6, err_msg=key)


@pytest.mark.parametrize("name", cases.SYMBOLS)
def test_files_are_written_as_mxnet_writes_them(name):
    made, _ = cases.group(mx, name)
    check(made.graph)
    assert cases.without_numbers(made.tojson()) == cases.without_numbers(FACTS["files"][name])


@pytest.mark.parametrize("name", cases.SYMBOLS)
def test_symbols_describe_themselves_as_in_mxnet(name):
    found, expected = cases.facts(mx, name), FACTS["symbols"][name]
    for part, recorded in zip(found.pop("types"), expected["types"], strict=True):  # where MXNet knows them
        assert [one if known else None for one, known in zip(part, recorded, strict=True)] == recorded
    assert found == {key: value for key, value in expected.items() if key != "types"}


@pytest.mark.parametrize("name", cases.SYMBOLS)
def test_values_and_gradients_are_those_of_mxnet(name):
    assert_recorded(name, cases.run(mx, cases.group(mx, name)[0], name, name not in FORWARD_ONLY))


@pytest.mark.parametrize("name", cases.SYMBOLS)
def test_files_of_mxnet_load_and_run(name):
    loaded = sym.load_json(FACTS["files"][name])
    check(loaded.graph)
    assert loaded.tojson() == FACTS["files"][name]
    assert str(Graph.parse(str(loaded.graph))) == str(loaded.graph)
    assert_recorded(name, cases.run(mx, loaded, name, name not in FORWARD_ONLY))


#: arguments that stand where the smallest change makes a loop longer, or takes another branch
CHOOSING = {("while_that_counts", "i"), ("while_without_outputs", "i"), ("cond_of_variables", "a")}


@pytest.mark.parametrize("name", [name for name in cases.SYMBOLS if name != "beam_search"])  # the best beam jumps
def test_gradients_agree_with_finite_differences(name):
    made, _ = cases.group(mx, name)
    given = {key: cases.SYMBOLS[name][1][key].astype("float64") for key in made.list_arguments()}
    arrays = {key: nd.array(value, dtype="float64") for key, value in given.items()}
    executor = made.bind(mx.cpu(), arrays, {key: nd.zeros_like(array) for key, array in arrays.items()})
    heads = [cases.values(out.shape, 1, 7 + i).astype("float64") for i, out in enumerate(executor.forward(True))]
    executor.backward([nd.array(head, dtype="float64") for head in heads])

    def loss(key, value):
        found = made.eval(**{**arrays, key: nd.array(value, dtype="float64")})
        return sum(float((out.asnumpy() * head).sum()) for out, head in zip(found, heads, strict=True))

    for key, value in given.items():
        if (name, key) in CHOOSING:
            continue
        for place in [*np.ndindex(*value.shape)][:4]:
            step = np.zeros_like(value)
            step[place] = 1e-6
            slope = (loss(key, value + step) - loss(key, value - step)) / 2e-6
            assert abs(executor.grad_dict[key].asnumpy()[place] - slope) < 1e-5, key


@pytest.mark.parametrize(
    ("name", "given", "expected"), [(*c, e) for c, e in zip(cases.SHAPES, FACTS["shapes"], strict=True)]
)
def test_shapes_that_mxnet_infers(name, given, expected):
    for part, recorded in zip(cases.shapes(mx, name, given), expected, strict=True):
        assert len(part) == len(recorded)
        assert all(shape == known for shape, known in zip(part, recorded, strict=True) if known)


@pytest.mark.parametrize("name", cases.ARRAYS)
def test_loops_of_arrays(name):
    nested, found = cases.run_arrays(mx, name)
    assert nested == FACTS["arrays"][name]
    assert_recorded(name, found)


@pytest.mark.parametrize("hybridize", [False, True])
@pytest.mark.parametrize("name", cases.BLOCKS)
def test_blocks(name, hybridize):
    assert_recorded(f"{name}{'_hybridized' * hybridize}", cases.run_block(mx, cases.make_block(mx, name, hybridize)))


@pytest.mark.parametrize("name", cases.BLOCKS)
def test_exported_blocks_are_files_of_mxnet_and_come_back(name, tmp_path):
    with mx.name.NameManager():
        block = cases.make_block(mx, name, True)
        expected = cases.run_block(mx, block)
    block.export(str(tmp_path / "net"))
    text = (tmp_path / "net-symbol.json").read_text()
    assert cases.without_numbers(text) == cases.without_numbers(FACTS["exported"][name])
    (tmp_path / "theirs-symbol.json").write_text(FACTS["exported"][name])
    for file in ("net-symbol.json", "theirs-symbol.json"):
        inputs = [n for n in ("data0", "data1") if n in sym.load_json(text).list_inputs()]
        again = gluon.SymbolBlock.imports(str(tmp_path / file), inputs, str(tmp_path / "net-0000.params"))
        x, state = nd.array(cases.values((3, 2, 3), 1)), nd.array(cases.values((2, 4), 1, 2))
        found = cases.flat([again(*[x, state][: len(inputs)])])
        for position, array in enumerate(found):
            np.testing.assert_allclose(array.asnumpy(), expected[f"output{position}"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", cases.WRONG)
def test_wrong_uses_raise_what_mxnet_raises(name):
    kind, message = FACTS["errors"][name]
    with pytest.raises(getattr(builtins, kind, MXNetError)) as caught:
        cases.WRONG[name](mx)
    if name not in ("sym_foreach_one", "sym_while_zero"):
        assert str(caught.value).startswith(message)
    if name.startswith("sym"):
        assert isinstance(caught.value, MXNetError)


#: expressions of arrays with two elements: names, operators, loops and branches, their bodies among them
PROGRAMS = st.recursive(
    st.sampled_from("abxs"),
    lambda body: st.one_of(
        st.tuples(st.sampled_from(["add", "mul", "tanh"]), body, body),
        st.tuples(st.just("foreach"), body, body, body, body),
        st.tuples(st.sampled_from(["while", "cond"]), body, body, body),
    ),
    max_leaves=12,
)


def interpret(F, program, env):
    """The value of an expression; F is mx.nd or mx.sym, env has what names stand for."""
    if isinstance(program, str):
        return env[program] if program in env else env["a"]
    kind, *parts = program
    if kind in ("add", "mul", "tanh"):
        first, second = (interpret(F, part, env) for part in parts)
        return F.tanh(first + second) if kind == "tanh" else first * second * 0.5 if kind == "mul" else first + second
    first = interpret(F, parts[0], env)
    if kind == "foreach":
        second = interpret(F, parts[1], env)

        def step(x, states):
            inner = {**env, "x": x[0], "s": states[0]}
            return interpret(F, parts[2], inner) * x[0] + x[1], [F.tanh(interpret(F, parts[3], inner) + states[0])]

        rows, (last,) = F.contrib.foreach(step, [F.stack(first, second), F.stack(second, first)], [first])
        return F.tanh(F.sum(rows, axis=0) + last)
    if kind == "while":

        def more(i, s):
            return F.broadcast_lesser(i, F.sum(s, keepdims=True) + 3)

        def again(i, s):
            new = F.tanh(interpret(F, parts[1], {**env, "s": s}) + s)
            return interpret(F, parts[2], {**env, "x": new}) + new, [i + 1, new]

        zero = F.sum(first, keepdims=True) * 0
        rows, (count, last) = F.contrib.while_loop(more, again, [zero, first], max_iterations=3)
        total = F.broadcast_add(last, count)
        if isinstance(rows, list):  # arrays, and no step was taken: a symbol gives zeros then
            return F.tanh(total)
        return F.tanh(F.sum(rows, axis=0) + total)
    return F.contrib.cond(
        F.sum(first) > 0.1, lambda: interpret(F, parts[1], env) + first, lambda: interpret(F, parts[2], env)
    )


@settings(max_examples=30, deadline=None)
@given(PROGRAMS, st.integers(0, 99))
def test_symbols_compute_what_arrays_compute(program, number):
    arrays = {"a": nd.array(cases.values(2, 1, number)), "b": nd.array(cases.values(2, 1, number + 7))}
    made = interpret(sym, program, {name: sym.var(name) for name in arrays}) * 1
    made = sym.load_json(made.tojson())
    check(made.graph)
    bound = {name: arrays[name] for name in made.list_arguments()}
    executor = made.bind(mx.cpu(), bound, {name: nd.zeros(2) for name in bound})
    (found,) = executor.forward(is_train=True)
    executor.backward(nd.array([1, 2]))
    for array in arrays.values():
        array.attach_grad()
    with autograd.record():
        expected = interpret(nd, program, arrays) * 1
    expected.backward(nd.array([1, 2]))
    np.testing.assert_allclose(found.asnumpy(), expected.asnumpy(), rtol=1e-5, atol=1e-6)
    for name in bound:
        np.testing.assert_allclose(
            executor.grad_dict[name].asnumpy(), arrays[name].grad.asnumpy(), rtol=1e-4, atol=1e-5
        )


def test_the_same_symbol_may_come_in_twice():
    a = sym.var("a")
    outputs, state = sym.contrib.foreach(
        lambda x, s: (x[0] * x[1] + s, s + x[0]), [a, a], sym.slice_axis(a, axis=0, begin=0, end=1).reshape((-1,))
    )
    value = nd.array([[1, 2], [3, 4]])
    found = sym.Group([outputs, state]).eval(a=value)
    expected = nd.contrib.foreach(lambda x, s: (x[0] * x[1] + s, s + x[0]), [value, value], value[0])
    for one, other in zip(found, expected, strict=True):
        assert one.asnumpy().tolist() == other.asnumpy().tolist()
    assert sym.load_json(outputs.tojson()).eval(a=value)[0].asnumpy().tolist() == expected[0].asnumpy().tolist()


def test_the_mode_reaches_the_body_and_every_step_draws_anew():
    def step(x, s):
        return sym.Dropout(x, p=0.5), s + sym.random.uniform(shape=(3,))

    outputs, state = sym.contrib.foreach(step, sym.var("a"), sym.var("s"))
    executor = sym.Group([outputs, state]).bind(
        mx.cpu(), {"a": nd.ones((40, 9)), "s": nd.zeros(3)}, {"a": nd.zeros((40, 9))}
    )
    mx.random.seed(4)
    found, total = (out.asnumpy() for out in executor.forward(is_train=True))
    assert set(found.ravel()) == {0, 2} and len({tuple(row) for row in found}) > 20
    assert 10 < total.min() and total.max() < 30
    executor.backward([nd.ones((40, 9)), nd.ones(3)])
    assert executor.grad_dict["a"].asnumpy().tolist() == found.tolist()
    executor.backward([nd.ones((40, 9)), nd.ones(3)])  # computed again, with the same random numbers
    assert executor.grad_dict["a"].asnumpy().tolist() == found.tolist()
    mx.random.seed(4)
    assert executor.forward(is_train=True)[0].asnumpy().tolist() == found.tolist()
    assert set(executor.forward(is_train=False)[0].asnumpy().ravel()) == {1}


class Normalized(gluon.HybridBlock):
    """BatchNorm in every step."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.norm = gluon.nn.BatchNorm(momentum=0.5)
            self.dense = gluon.nn.Dense(2, flatten=False)

    def hybrid_forward(self, F, x, state):
        return F.contrib.foreach(lambda data, s: (self.dense(self.norm(data)), s + 1), x, state)


def test_auxiliary_states_change_inside_of_bodies(tmp_path):
    results = []
    x, state = nd.array(cases.values((3, 4, 2), 2)), nd.zeros(1)
    for hybridize in (False, True):
        block = Normalized(prefix="net_")
        block.initialize(mx.init.One())
        if hybridize:
            block.hybridize()
        for _ in range(2):
            with autograd.record():
                outputs, _ = block(x, state)
                loss = (outputs * outputs).sum()
            loss.backward()
        results.append([outputs, block(x, state)[0], *(p.data() for _, p in sorted(block.collect_params().items())),
                        block.norm.gamma.grad()])  # fmt: skip
    for one, other in zip(*results, strict=True):
        assert one.asnumpy().tolist() == other.asnumpy().tolist()
    assert not np.allclose(block.norm.running_mean.data().asnumpy(), 0)
    block.export(str(tmp_path / "net"))
    again = gluon.SymbolBlock.imports(
        str(tmp_path / "net-symbol.json"), ["data0", "data1"], str(tmp_path / "net-0000.params")
    )
    assert again(x, state)[0].asnumpy().tolist() == block(x, state)[0].asnumpy().tolist()


def test_auxiliary_states_belong_to_the_graph_around():
    def step(x, s):
        y = sym.BatchNorm(x, name="bn", fix_gamma=False, momentum=0.0)
        return y, sym.contrib.cond(s < 1, lambda: s + 1, lambda: sym.BatchNorm(s, name="other"))

    outputs, state = sym.contrib.foreach(step, sym.var("a"), sym.var("s"))
    made = sym.Group([outputs, state])
    assert made.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var", "other_moving_mean", "other_moving_var"]
    executor = made.simple_bind(mx.cpu(), a=(3, 4, 2), s=(1, 1))
    executor.arg_dict["a"][:] = nd.array(cases.values((3, 4, 2)))
    executor.forward(is_train=True)
    last = cases.values((3, 4, 2))[2].mean(axis=0)
    np.testing.assert_allclose(executor.aux_dict["bn_moving_mean"].asnumpy(), last, rtol=1e-5)


def test_random_numbers_in_conditions_and_loops_in_loops():
    w = sym.var("w")

    def inner(i, s):
        return s, [i + 1, sym.contrib.cond(i < 1, lambda: s * w, lambda: s + w)]

    def step(x, s):
        outputs, (_, last) = sym.contrib.while_loop(lambda i, t: i < 3, inner, [x * 0, s], max_iterations=4)
        return outputs.sum() + x, last

    made = sym.Group(list(sym.contrib.foreach(step, sym.var("a"), sym.var("s"))))
    a, s, v = nd.array([[1], [2]]), nd.array([3]), nd.array([0.5])
    arrays = {"a": a, "s": s, "w": v}
    executor = made.bind(mx.cpu(), arrays, {key: nd.zeros_like(array) for key, array in arrays.items()})
    found = executor.forward(is_train=True)
    executor.backward([nd.ones_like(out) for out in found])
    for array in arrays.values():
        array.attach_grad()
    with autograd.record():
        rows, state = [], s
        for step in range(2):
            total = 0
            for i in range(3):
                total, state = total + state, state * v if i < 1 else state + v
            rows.append(total + a[step])
        expected = [nd.stack(*rows), state]
    autograd.backward(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.asnumpy(), other.asnumpy(), rtol=1e-6)
    for key, array in arrays.items():
        np.testing.assert_allclose(executor.grad_dict[key].asnumpy(), array.grad.asnumpy(), rtol=1e-6)
    again = sym.load_json(made.tojson())
    assert again.tojson() == made.tojson()
    assert [out.asnumpy().tolist() for out in again.eval(**arrays)] == [out.asnumpy().tolist() for out in found]


def test_no_steps():
    outputs, state = sym.contrib.foreach(lambda x, s: (x * 2 + s, s + 1), sym.var("a"), sym.var("s"))
    found = sym.Group([outputs, state]).eval(a=nd.zeros((0, 3)), s=nd.ones(3))
    assert found[0].shape == (0, 3) and found[1].asnumpy().tolist() == [1, 1, 1]
    outputs, state = sym.contrib.while_loop(
        lambda i, s: i < 0, lambda i, s: (sym.dot(s, sym.var("w")), [i + 1, s]), [sym.var("i"), sym.var("s")], 4
    )
    made = sym.Group([outputs, *state])
    found = made.eval(i=nd.zeros(1), s=nd.ones((2, 3)), w=nd.ones((3, 5)))
    assert found[0].shape == (4, 2, 5) and not found[0].asnumpy().any() and found[2].asnumpy().tolist() == [[1] * 3] * 2
    with pytest.raises(MXNetError, match="at least 1"):
        nd.contrib.foreach(lambda x, s: (x, s), nd.zeros((0, 3)), nd.ones(3))


def test_loop_variables_may_grow():
    _, (_, grown) = sym.contrib.while_loop(
        lambda i, s: i < 3, lambda i, s: ([], [i + 1, sym.concat(s, s, dim=0)]), [sym.var("i"), sym.var("s")], 9
    )
    arrays = {"i": nd.zeros(1), "s": nd.array([1, 2])}
    executor = grown.bind(mx.cpu(), arrays, {"s": nd.zeros(2)}, {"i": "null", "s": "write"})
    (found,) = executor.forward(is_train=True)
    assert found.asnumpy().tolist() == [1, 2] * 8
    executor.backward(nd.ones(16))
    assert executor.grad_dict["s"].asnumpy().tolist() == [8, 8]
    outputs, _ = sym.contrib.while_loop(
        lambda i, s: i < 3, lambda i, s: (s, [i + 1, sym.concat(s, s, dim=0)]), [sym.var("i"), sym.var("s")], 9
    )
    with pytest.raises(MXNetError, match=r"_while_loop.*output 0 has shape \(2,\).*\(4,\) in step 1"):
        outputs.eval(**arrays)


def test_sizes_that_follow_inside_of_a_body():
    def step(x, s):
        return sym.FullyConnected(x, num_hidden=3, name="fc") + sym.zeros((0, 3)), s + sym.ones((0, 0))

    made = sym.Group(list(sym.contrib.foreach(step, sym.var("a"), sym.var("s"))))
    assert made.infer_shape(a=(4, 2, 5), s=(2, 7)) == ([(4, 2, 5), (2, 7), (3, 5), (3,)], [(4, 2, 3), (2, 7)], [])
    executor = made.simple_bind(mx.cpu(), a=(4, 2, 5), s=(2, 7))
    assert executor.forward()[1].asnumpy().tolist() == [[4] * 7] * 2


def test_inference_takes_no_longer_for_each_level_of_nesting():
    def nest(depth, x, s):
        if depth == 0:
            return x + s, s * 2
        rows, last = sym.contrib.foreach(lambda x, s: nest(depth - 1, x, s), x, s)
        return rows.sum(axis=0), last

    made = sym.Group(list(nest(40, sym.var("a"), sym.var("s"))))  # twice as long for each level would never end
    assert made.infer_shape(a=(1,) * 40 + (3,))[1] == [(3,), (3,)]
    assert made.infer_type(a="float64")[1] == [np.float64] * 2
    assert made.eval(a=nd.ones((1,) * 40 + (3,)), s=nd.ones(3))[0].asnumpy().tolist() == [2, 2, 2]
    assert sym.load_json(made.tojson()).tojson() == made.tojson()


def test_shapes_follow_where_dtypes_contradict_each_other():
    def step(x, s):
        return sym.FullyConnected(x, num_hidden=3, name="fc"), sym.Cast(s, dtype="float64") + sym.zeros((2,))

    made = sym.contrib.foreach(step, sym.var("a"), sym.var("s"))[0]
    assert made.infer_shape(a=(4, 2, 5))[0] == [(4, 2, 5), (2,), (3, 5), (3,)]
    with pytest.raises(MXNetError, match="_foreach.*elemwise_add.*one dtype"):
        made.infer_type(a="float32")


def test_shapes_of_branches_and_loops_are_known_where_they_are_the_same():
    made = sym.contrib.cond(
        sym.var("p"), lambda: sym.FullyConnected(sym.var("a"), num_hidden=3, name="f"), lambda: sym.var("b")
    )
    assert made.infer_shape_partial(a=(2, 5), b=(2, 3))[1] == [(2, 3)]
    assert made.infer_shape_partial(a=(2, 5), b=(4, 3))[1] == [()]
    never = sym.contrib.cond(sym.var("p"), lambda: sym.var("a") + sym.var("b"), lambda: sym.var("b") * 2)
    arrays = {"a": nd.ones(2), "b": nd.ones(3)}
    assert never.eval(p=nd.zeros(1), **arrays)[0].asnumpy().tolist() == [2, 2, 2]
    with pytest.raises(MXNetError, match="Error in operator _cond.*Error in operator _plus"):
        never.eval(p=nd.ones(1), **arrays)


@pytest.mark.parametrize("wrong", [nd.ones(2), nd.ones((2, 1))])
def test_conditions_are_one_number(wrong):
    branch = sym.contrib.cond(sym.var("p"), lambda: sym.var("a"), lambda: sym.var("b"))
    with pytest.raises(MXNetError, match="_cond.*expected one number"):
        branch.eval(p=wrong, a=nd.ones(1), b=nd.ones(1))
    _, (last,) = sym.contrib.while_loop(lambda i: i, lambda i: ([], [i - 1]), [sym.var("i")], 5)
    with pytest.raises(MXNetError, match="_while_loop.*expected one number"):
        last.eval(i=wrong)


def test_states_keep_their_shape():
    made = sym.contrib.foreach(lambda x, s: (x, sym.tile(s, reps=(2,))), sym.var("a"), sym.var("s"))[0]
    with pytest.raises(MXNetError, match="Error in operator _foreach"):
        made.infer_shape(a=(2, 3), s=(4,))
    with pytest.raises(MXNetError, match="shapes"):
        sym.contrib.foreach(lambda x, s: (x[0] + x[1], s), [sym.var("a"), sym.var("b")], sym.var("s"))[0].eval(
            a=nd.ones((2, 3)), b=nd.ones((3, 3)), s=nd.ones(1)
        )


def test_errors_name_the_node_inside():
    made = sym.contrib.foreach(lambda x, s: (sym.dot(x, s, name="product"), s), sym.var("a"), sym.var("s"))[0]
    with pytest.raises(MXNetError, match="Error in operator _foreach.*Error in operator product"):
        made.eval(a=nd.ones((2, 3, 4)), s=nd.ones((5, 6)))


def test_gradients_of_one_branch_are_summed_apart():
    # torch's autograd gives one tensor as the gradient of both terms of a sum
    a, b = sym.var("a"), sym.var("b")
    made = (a + sym.contrib.cond(sym.sum(b) > 0, lambda: a + b, lambda: a)) * 1
    arrays = {"a": nd.ones(2), "b": nd.ones(2)}
    executor = made.bind(mx.cpu(), arrays, {"a": nd.zeros(2), "b": nd.zeros(2)})
    executor.forward(is_train=True)
    executor.backward(nd.array([1, 2]))
    assert executor.grad_dict["a"].asnumpy().tolist() == [2, 4]
    assert executor.grad_dict["b"].asnumpy().tolist() == [1, 2]


def test_symbols_made_before_may_be_called_in_a_body():
    layer = sym.tanh(
        sym.FullyConnected(sym.var("data"), num_hidden=3, name="fc") + sym.exp(sym.var("outside"), name="e")
    )
    made = sym.Group(list(sym.contrib.foreach(lambda x, s: (layer(data=x), layer(data=s)), sym.var("a"), sym.var("s"))))
    check(made.graph)
    assert made.list_arguments() == ["a", "s", "fc_weight", "fc_bias", "outside"]
    assert "e" in [node.name for node in made.graph.nodes]  # computed once, before the loop
    arrays = {name: nd.array(cases.values(shape, 1, i)) for i, (name, shape) in enumerate(
        {"a": (2, 3, 3), "s": (3, 3), "fc_weight": (3, 3), "fc_bias": (3,), "outside": (3, 3)}.items())}  # fmt: skip
    rows, last = made.eval(**arrays)
    given = {name: arrays[name] for name in ("fc_weight", "fc_bias", "outside")}
    state = arrays["s"]
    for step in range(2):
        assert rows[step].asnumpy().tolist() == layer.eval(data=arrays["a"][step], **given)[0].asnumpy().tolist()
        (state,) = layer.eval(data=state, **given)
    assert last.asnumpy().tolist() == state.asnumpy().tolist()


def test_loaded_blocks_run_in_loops():
    class Net(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            data = sym.var("data")
            with self.name_scope():
                self.body = gluon.SymbolBlock(sym.FullyConnected(data, num_hidden=3, name="fc"), data)

        def hybrid_forward(self, F, x, s):
            return F.contrib.foreach(lambda row, s: (self.body(row) + s, s * 2), x, s)

    net = Net()
    net.initialize(mx.init.One())
    x, s = nd.array(cases.values((2, 4, 5))), nd.ones((4, 3))
    expected = net(x, s)
    net.hybridize()
    for one, other in zip(net(x, s), expected, strict=True):
        assert one.asnumpy().tolist() == other.asnumpy().tolist()


def test_loops_need_data():
    with pytest.raises(MXNetError, match="at least one array to slice"):
        sym.contrib.foreach(lambda x, s: (x, s), [], sym.var("s"))


def test_conditions_of_any_dtype():
    made = sym.contrib.cond(sym.var("p"), lambda: sym.var("a"), lambda: sym.var("b"))
    for dtype in ("int32", "float64", "bool", "float16"):
        assert made.eval(p=nd.ones(1, dtype=dtype), a=nd.ones(2), b=nd.zeros(2))[0].asnumpy().tolist() == [1, 1]


def test_symbols_with_subgraphs_are_composed_copied_and_renamed():
    made, _ = sym.contrib.foreach(lambda x, s: (x * sym.var("w") + s, s), sym.var("a"), sym.var("s"))
    other = made(w=sym.exp(sym.var("v")), name="renamed")
    assert other.list_arguments() == ["a", "s", "v"] and other.name == "renamed"
    given = {"a": nd.ones((2, 1)), "s": nd.ones(1)}
    assert other.eval(v=nd.zeros(1), **given)[0].asnumpy().tolist() == [[2], [2]]
    for copied in (made.__copy__(), pickle.loads(pickle.dumps(made))):
        assert copied.tojson() == made.tojson()
        assert copied.eval(w=nd.ones(1), **given)[0].asnumpy().tolist() == [[2], [2]]
    inner = made.get_internals()
    assert inner.list_outputs() == ["a", "s", "w", f"{made.name}_output0", f"{made.name}_output1"]


def test_operators_with_subgraphs_are_not_called_directly():
    with pytest.raises(MXNetError, match="_foreach.*foreach"):
        mx.sym._internal._foreach(
            sym.var("a"), num_outputs=1, num_out_data=1, in_state_locs=(), in_data_locs=(0,), remain_locs=()
        )
    with pytest.raises(MXNetError, match="_cond.*symbols only"):
        mx.nd._internal._cond(
            nd.ones(1), num_outputs=1, cond_input_locs=(0,), then_input_locs=(0,), else_input_locs=(0,)
        )


def change(text, path, value):
    document = json.loads(text)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("foreach_of_one_axis", ["subgraphs"], []),
        ("foreach_of_one_axis", ["subgraphs"], "text"),
        ("foreach_of_one_axis", ["subgraphs"], [1]),
        ("foreach_of_one_axis", ["subgraphs", 0, "heads"], []),
        ("foreach_of_one_axis", ["subgraphs", 0, "nodes", 0, "op"], "NoSuchOperator"),
        ("foreach_of_one_axis", ["attrs", "in_data_locs"], "[5]"),
        ("foreach_of_one_axis", ["attrs", "in_data_locs"], "[1]"),
        ("foreach_of_one_axis", ["attrs", "in_data_locs"], "nonsense"),
        ("foreach_of_one_axis", ["attrs", "in_data_locs"], "[]"),
        ("foreach_of_one_axis", ["inputs"], [[0, 0, 0]]),
        ("foreach_of_one_axis", ["attrs", "num_outputs"], "7"),
        ("foreach_of_one_axis", ["attrs", "num_out_data"], "-3"),
        ("while_that_counts", ["attrs", "func_var_locs"], "[0, 9]"),
        ("while_that_counts", ["attrs", "func_var_locs"], "[0, 0]"),
        ("while_that_counts", ["attrs", "func_var_locs"], "[0]"),
        ("while_that_counts", ["attrs", "max_iterations"], "0"),
        ("while_that_counts", ["attrs", "cond_input_locs"], "[9]"),
        ("while_that_counts", ["attrs", "num_out_data"], "9"),
        ("while_that_counts", ["subgraphs", 0, "heads"], [[0, 0, 0], [0, 0, 0]]),
        ("cond_then", ["attrs", "then_input_locs"], "[0, 1]"),
        ("cond_then", ["attrs", "else_input_locs"], "[-1, 0, 1]"),
        ("cond_then", ["attrs", "num_outputs"], "3"),
        ("cond_then", ["subgraphs"], []),
    ],
)
def test_wrong_files_are_refused(name, path, value):
    text = FACTS["files"][name]
    number = next(i for i, node in enumerate(json.loads(text)["nodes"]) if "subgraphs" in node)
    with pytest.raises(MXNetError, match="symbol file: node"):
        sym.load_json(change(text, ["nodes", number, *path], value))


def test_files_of_endless_depth_are_refused():
    text = FACTS["files"]["foreach_of_one_axis"]
    document = json.loads(text)
    inner = json.loads(text)
    for _ in range(80):
        document["nodes"][-1]["subgraphs"] = [inner]
        inner = document
        document = json.loads(text)
    with pytest.raises(MXNetError, match="symbol file"):
        sym.load_json(json.dumps(inner))


def test_subgraphs_on_other_operators_are_refused():
    document = json.loads((sym.var("a") + 1).tojson())
    document["nodes"][1]["subgraphs"] = [json.loads(sym.var("b").tojson())]
    with pytest.raises(MXNetError, match="no subgraphs"):
        sym.load_json(json.dumps(document))


def test_casts_of_mixed_precision_are_left_out_inside_too():
    made = sym.contrib.foreach(lambda x, s: (sym.amp_cast(x, dtype="float16") + s, s), sym.var("a"), sym.var("s"))[0]
    assert "amp_cast" not in made.tojson() and "amp_cast" in made.tojson(remove_amp_cast=False)


def test_a_forward_method_with_a_loop_is_traced_and_one_with_a_branch_refused():
    class Net(gluon.HybridBlock):
        def __init__(self, loop):
            super().__init__()
            self.loop = loop

        def forward(self, x):
            if self.loop:
                return nd.contrib.foreach(lambda row, s: (row * 2, s + row), x, x[0])[1]
            return nd.contrib.cond(x.sum() > 0, lambda: x, lambda: -x)

    x = nd.array([[1, 2], [3, 4]])
    net = Net(True)
    net.hybridize()
    assert net(x).asnumpy().tolist() == [5, 8]
    net = Net(False)
    assert net(x).asnumpy().tolist() == [[1, 2], [3, 4]]
    net.hybridize()
    with pytest.raises(MXNetError, match="test_control_flow.py"):
        net(x)


class Square(mx.operator.CustomOp):
    """Keeps its input from forward to backward."""

    def forward(self, is_train, req, in_data, out_data, aux):
        self.x = in_data[0]
        self.assign(out_data[0], req[0], in_data[0] * in_data[0])

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], 2 * self.x * out_grad[0])


@mx.operator.register("control_flow_square")
class SquareProp(mx.operator.CustomOpProp):
    def create_operator(self, ctx, shapes, dtypes):
        return Square()


def test_custom_operators_keep_their_state_for_each_step():
    def step(x, s):
        return sym.Custom(x + s, op_type="control_flow_square"), s + x

    made = sym.Group(list(sym.contrib.foreach(step, sym.var("a"), sym.var("s"))))
    arrays = {"a": nd.array([[1], [2], [3]]), "s": nd.array([1])}
    executor = made.bind(mx.cpu(), arrays, {key: nd.zeros_like(array) for key, array in arrays.items()})
    outputs = executor.forward(is_train=True)
    assert [out.asnumpy().tolist() for out in outputs] == [[[4], [16], [49]], [7]]
    executor.backward([nd.ones((3, 1)), nd.ones(1)])
    assert executor.grad_dict["a"].asnumpy().tolist() == [[27], [23], [15]]
    assert executor.grad_dict["s"].asnumpy().tolist() == [27]


@pytest.mark.parametrize("flags", [None, {}, {"static_alloc": True, "static_shape": True}])
@pytest.mark.parametrize("kind", ["foreach", "while_loop", "cond"])
def test_parameters_used_only_inside_are_initialized_at_the_first_call(kind, flags):
    class Net(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.one = gluon.nn.Dense(3)
                self.other = gluon.nn.Dense(3)

        def hybrid_forward(self, F, x, s):
            if kind == "foreach":
                return F.contrib.foreach(lambda row, s: (self.one(row) + self.other(row), s), x, s)[0]
            if kind == "while_loop":
                return F.contrib.while_loop(lambda x, s: s < 3, lambda x, s: (self.one(x), (x, s + 1)), (x, s), 3)[0]
            return F.contrib.cond(s < 3, lambda: self.one(x), lambda: self.other(x))

    net = Net()
    net.initialize(mx.init.One())
    if flags is not None:
        net.hybridize(**flags)
    expected = {
        "foreach": [[[10] * 3] * 4] * 2,
        "while_loop": [[[20] * 3] * 2] * 2 + [[[0] * 3] * 2],
        "cond": [[20] * 3] * 2,
    }
    for _ in range(2):
        with autograd.record():
            out = net(nd.ones((2, 4, 5)), nd.ones(1))
        out.backward()
        assert out.asnumpy().tolist() == expected[kind]
    assert (
        net.one.weight.grad().asnumpy().tolist()
        == [[{"foreach": 8, "while_loop": 4, "cond": 2}[kind]] * net.one.weight.shape[1]] * 3
    )


def test_loops_over_constants():
    class Net(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            rows, _ = F.contrib.foreach(lambda row, s: (row + s, s * 2), F.arange(6).reshape((3, 2)), F.ones((2,)))
            return F.broadcast_add(rows, x)

    net = Net()
    expected = net(nd.ones(1)).asnumpy().tolist()
    for flags in ({}, {"static_alloc": True, "static_shape": True}):
        net.hybridize(**flags)
        assert net(nd.ones(1)).asnumpy().tolist() == expected


@pytest.mark.parametrize("budget", [None, 0.9, 0.85])
def test_planned_steps_through_loops_give_the_same_gradients(budget):
    def step(x, s):
        h = sym.tanh(sym.FullyConnected(x, num_hidden=8, name="fc") + s)
        return sym.Dropout(sym.exp(h) * sym.sigmoid(h), p=0.5), h

    made = sym.Group(list(sym.contrib.foreach(step, sym.var("a"), sym.var("s"))))
    plan = made.memory_plan(a=(12, 16, 8), s=(16, 8))
    assert plan.planned_bytes > 0 and "_foreach" in str(plan)
    executor = made.simple_bind(mx.cpu(), a=(12, 16, 8), s=(16, 8), memory_budget=budget)
    for number, array in enumerate(executor.arg_arrays):
        array[:] = nd.array(cases.values(array.shape, 0.5, number))
    mx.random.seed(6)
    outputs = [out.copy() for out in executor.forward(is_train=True)]
    heads = [nd.array(cases.values(out.shape, 1, 7)) for out in outputs]
    executor.backward(heads)
    mx.random.seed(6)
    arrays = {key: array.copy() for key, array in executor.arg_dict.items()}
    for array in arrays.values():
        array.attach_grad()
    with autograd.record():
        state, rows = arrays["s"], []
        for number in range(12):
            dense = nd.FullyConnected(arrays["a"][number], arrays["fc_weight"], arrays["fc_bias"], num_hidden=8)
            state = nd.tanh(dense + state)
            rows.append(nd.Dropout(nd.exp(state) * nd.sigmoid(state), p=0.5))
        expected = [nd.stack(*rows), state]
    autograd.backward(expected, heads)
    for one, other in zip(outputs, expected, strict=True):
        assert one.asnumpy().tolist() == other.asnumpy().tolist()
    for key, array in arrays.items():
        np.testing.assert_allclose(executor.grad_dict[key].asnumpy(), array.grad.asnumpy(), rtol=1e-5, atol=1e-6)


def symbol_of_counts(length):
    """A classifier that runs a recurrent cell over `length` steps."""
    data, label = sym.var("data"), sym.var("softmax_label")
    weights = {name: sym.var(name) for name in ("x_weight", "x_bias", "h_weight", "h_bias")}

    def step(x, s):
        inner = sym.FullyConnected(x, weights["x_weight"], weights["x_bias"], num_hidden=8)
        s = sym.tanh(inner + sym.FullyConnected(s, weights["h_weight"], weights["h_bias"], num_hidden=8))
        return [], s

    steps = sym.SwapAxis(data, dim1=0, dim2=1)
    _, state = sym.contrib.foreach(step, steps, sym.zeros((0, 8)))
    return sym.SoftmaxOutput(sym.FullyConnected(state, num_hidden=2, name="out"), label, name="softmax")


def test_bucketing_module_trains_through_a_loop():
    mx.random.seed(0)
    random = np.random.RandomState(0)
    module = mx.mod.BucketingModule(
        lambda length: (symbol_of_counts(length), ["data"], ["softmax_label"]), default_bucket_key=6
    )
    module.bind([("data", (20, 6, 1))], [("softmax_label", (20,))])
    module.init_params(mx.init.Xavier())
    module.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": 0.02})
    metric = mx.metric.Accuracy()
    for number in range(120):
        length = (6, 4, 5)[number % 3]
        data = random.choice([-1, 1], (20, length, 1)).astype("float32")
        label = (data.sum(axis=(1, 2)) > 0).astype("float32")
        shapes = {"provide_data": [("data", data.shape)], "provide_label": [("softmax_label", (20,))]}
        batch = mx.io.DataBatch([nd.array(data)], [nd.array(label)], bucket_key=length, **shapes)
        module.forward_backward(batch)
        module.update()
        if number >= 100:
            module.update_metric(metric, batch.label)
    assert metric.get()[1] > 0.9


def test_module_keeps_a_checkpoint(tmp_path):
    module = mx.mod.Module(symbol_of_counts(3))
    module.bind([("data", (2, 3, 1))], [("softmax_label", (2,))])
    module.init_params(mx.init.Uniform(1))
    module.save_checkpoint(str(tmp_path / "net"), 1)
    again = mx.mod.Module.load(str(tmp_path / "net"), 1)
    again.bind([("data", (2, 3, 1))], [("softmax_label", (2,))], for_training=False)
    batch = mx.io.DataBatch([nd.array([[[1], [2], [3]], [[3], [2], [1]]])], [nd.zeros(2)])
    module.forward(batch, is_train=False)
    again.forward(batch)
    assert again.get_outputs()[0].asnumpy().tolist() == module.get_outputs()[0].asnumpy().tolist()
