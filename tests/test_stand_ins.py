"""Stand-ins give the templates that torch's FakeTensorMode gives, for every operator."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import sys

import pytest
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_operator_contract import GRAPHS, arrays, given_by_name, modes, symbol_of

from mxnet.graph import templates
from mxnet.graph.lowering import Unplannable, lower
from mxnet.graph.program import Program
from mxnet.graph.stand_ins import _RULES, _by_element, _by_element_in_place, evaluate, fake_mode, stand_in
from mxnet.graph.templates import Place, layout_of, trace
from mxnet.ops.dtypes import DTYPE_NAMES

aten = torch.ops.aten
CPU = torch.device("cpu")


def text(item):
    if isinstance(item, Place):
        return f"place {item.number}"
    if isinstance(item, dict):
        return {key: text(value) for key, value in item.items()}
    return type(item)(map(text, item)) if isinstance(item, list | tuple) else repr(item)


def steps(found):
    return [(s.call.name, text(s.call.args), text(s.call.kwargs), s.call.random, s.call.unpacks, *s[1:]) for s in found]


def lies(layout):
    """A layout without strides along axes of one element, which say nothing: FakeTensorMode's view gets those wrong."""
    return layout.shape, [s for n, s in zip(layout.shape, layout.stride, strict=True) if n != 1], layout.dtype


def described(template):
    whole = ("inputs", "outputs", "requires_grad", "storage_of", "nbytes")
    found = {name: list(getattr(template, name)) for name in whole}
    return steps(template.forward), {**found, "layouts": list(map(lies, template.layouts))}


@pytest.mark.parametrize(
    ("call", "training"),
    [pytest.param(p.values[0], mode, id=p.id + "-training" * mode) for p in GRAPHS for mode in modes(p.values[0])],
)
def test_templates_are_those_of_fake_tensors(call, training, monkeypatch):
    compared = []

    def traced_twice(function, layouts, needs, device):
        fake = error = None
        try:
            fake = trace(function, layouts, needs, device, fake=True)
        except Exception as raised:
            error = raised
        try:
            own = trace(function, layouts, needs, device)
        except Exception:  # left to fake tensors
            if fake is None:
                raise error from None
            return fake
        assert fake is not None, f"only fake tensors refuse: {error}"
        compared.append((own, fake))
        assert described(own) == described(fake)
        return own

    def differentiated_twice(template, heads):
        fake = next((fake for own, fake in compared if own is template), None)
        if fake is None:
            return original(template, heads)
        try:
            expected = original(fake, heads)
        except RuntimeError:
            with pytest.raises(RuntimeError):
                original(template, heads)
            raise
        found = original(template, heads)
        assert steps(found.steps) == steps(expected.steps)
        assert found[1:] == expected[1:]
        assert described(template)[1] == described(fake)[1]
        return found

    original = templates.Template._trace_gradient
    monkeypatch.setattr(templates, "_trace", traced_twice)
    monkeypatch.setattr(templates.Template, "_trace_gradient", differentiated_twice)
    monkeypatch.setattr(templates, "_templates", type(templates._templates)())
    symbol = symbol_of(call)
    given = given_by_name(call, arrays(call))
    shapes = {name: array.shape for name, array in given.items()}
    dtypes = {name: DTYPE_NAMES[array._data.dtype] for name, array in given.items()}
    program = Program(symbol.graph)
    states = symbol.list_auxiliary_states()
    wanted = [name for name, array in given.items() if array._data.is_floating_point() and name not in states]
    for names in ([], wanted):
        with contextlib.suppress(Unplannable, RuntimeError):
            lower(program, shapes, dtypes, training=training, wanted=names)


def layouts_of(shape):
    """Tensors of a shape: contiguous, a window, with channels last, transposed, repeated."""
    made = [torch.empty(shape), torch.empty([2 * n for n in shape])[tuple(slice(n) for n in shape)]]
    if len(shape) == 4:
        made.append(torch.empty(shape).to(memory_format=torch.channels_last))
    if len(shape) > 1:
        made.append(torch.empty(shape[::-1]).permute(*reversed(range(len(shape)))))
        made.append(torch.empty(1, *shape[1:]).expand(shape))
    return made


def check_rule(func, *args):
    """An operation gives the same for stand-ins as for fake tensors."""

    def given(make):
        made = {}  # tensors that are one stay one
        return [
            made.setdefault(id(a), make(a.shape, a.stride(), a.dtype)) if isinstance(a, torch.Tensor) else a
            for a in args
        ]

    own = given(lambda shape, stride, dtype: stand_in(shape, stride, dtype, CPU))
    found = evaluate(func, *own)
    with fake_mode():
        fake = given(lambda shape, stride, dtype: torch.empty_strided(shape, stride, dtype=dtype))
        expected = func(*fake)
    found, expected = (result if isinstance(result, tuple) else (result,) for result in (found, expected))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if other is None:
            assert one is None
        else:
            assert lies(layout_of(one)) == lies(layout_of(other)) and one.device == other.device
            assert [one is t for t in own] == [other is t for t in fake]


@pytest.mark.parametrize("shape", [(4, 6, 5, 7), (1, 6, 5, 7), (4, 6, 1, 1), (4, 1, 5, 5), (4, 6), (2, 4, 3, 5, 5)])
def test_rules_of_batch_norm(shape):
    c = torch.empty(shape[1])
    size = math.prod(shape[2:])
    for data, head in itertools.product(layouts_of(shape)[:3], layouts_of(shape)[::2]):
        for training, w in ((False, c), (True, c), (True, None)):
            check_rule(aten.native_batch_norm.default, data, w, w, c, c, training, 0.1, 1e-3)
            for wanted in ([True, True, True], [False, True, False]):
                backward = aten.native_batch_norm_backward.default
                check_rule(backward, head, data, w, c, c, c, c, training, 1e-3, wanted)
        check_rule(aten.batch_norm_update_stats.default, data, None, None, 0.0)
        check_rule(aten.native_group_norm.default, data, None, None, shape[0], shape[1], size, shape[1], 0.0)


CONVOLUTIONS = [
    ((4, 6, 9, 7), (8, 6, 3, 3), 1), ((4, 6, 9, 7), (8, 3, 3, 2), 2), ((1, 6, 9, 7), (6, 1, 3, 3), 6),
    ((4, 6, 3, 3), (8, 6, 1, 1), 1), ((4, 1, 9, 9), (1, 1, 3, 3), 1), ((2, 3, 4, 9, 7), (4, 3, 2, 3, 3), 1),
    ((4, 6, 9), (8, 6, 3), 1), ((1, 1, 1, 1), (1, 1, 1, 1), 1),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "kernel", "groups"), CONVOLUTIONS)
def test_rules_of_convolution(shape, kernel, groups):
    axes = len(shape) - 2
    for data, weight in itertools.product(layouts_of(shape)[:4], layouts_of(kernel)[:3]):
        for stride, padding, dilation, biased in ((1, 0, 1, False), (2, 1, 1, True), (1, 1, 2, False)):
            if any(n + 2 * padding <= dilation * (k - 1) for n, k in zip(shape[2:], kernel[2:], strict=True)):
                continue
            others = [stride] * axes, [padding] * axes, [dilation] * axes, False, [0] * axes, groups
            bias = torch.empty(kernel[0]) if biased else None
            check_rule(aten.convolution.default, data, weight, bias, *others)
            head = torch.convolution(data, weight, bias, *others)
            sizes = [kernel[0]] if biased else None
            for wanted in ([True, True, biased], [False, True, False]):
                check_rule(aten.convolution_backward.default, head, data, weight, sizes, *others, wanted)


ELEMENT_WISE = [func for func, rule in _RULES.items() if rule in (_by_element, _by_element_in_place)]


@pytest.mark.parametrize("func", ELEMENT_WISE, ids=str)
def test_rules_of_element_wise_operations(func):
    kinds = [str(argument.type) for argument in func._schema.arguments if argument.name != "alpha"]
    numbers = [2.0] * (len(kinds) - kinds.count("Tensor"))
    for shape, dtype in itertools.product(
        ((4, 6, 5, 7), (1, 6, 1, 7), (3,), ()), (torch.float32, torch.float64, torch.float16)
    ):
        for given in itertools.product(layouts_of(shape), repeat=kinds.count("Tensor")):
            first = given[0]
            if func._schema.is_mutable and any(n > 1 and not s for n, s in zip(shape, first.stride(), strict=True)):
                continue  # more than one element in one place
            check_rule(func, *(torch.empty_strided(t.shape, t.stride(), dtype=dtype) for t in given), *numbers)


@pytest.mark.parametrize("shape", [(4, 6, 5, 7), (1, 6, 1, 7), (4, 6), (1, 6), (4, 1), (3,), ()])
def test_rules_of_comparisons_and_rows(shape):
    for data in layouts_of(shape):
        check_rule(aten.gt.Scalar, data, 2.0)
        for other in layouts_of(shape):
            check_rule(aten.bitwise_or.Tensor, data > 0, other > 0)
        if len(shape) > 1:
            check_rule(aten.sub.Tensor, data, torch.empty(shape[-1]))
            check_rule(aten.add.Tensor, data, torch.empty(2 * shape[-1])[::2])
            check_rule(aten.add_.Tensor, torch.empty(shape), torch.empty(shape[-1]))


def test_rules_of_copies_means_and_pooling():
    for shape in ((4, 6, 5, 7), (1, 6, 1, 7), (4, 6)):
        for data in layouts_of(shape):
            for source in layouts_of(shape):
                check_rule(aten.copy_.default, torch.empty(shape), source)
            for axes in ([0], [1], [-1, 0], list(range(len(shape)))):
                check_rule(aten.mean.dim, data, axes)
    data, head = torch.empty(4, 6, 8, 8), torch.empty(4, 6, 4, 4)
    own = [stand_in(t.shape, t.stride(), t.dtype, CPU) for t in (head, data, head.long(), data)]
    func = aten.max_pool2d_with_indices_backward.grad_input
    window = [2, 2], [2, 2], [0, 0], [1, 1], False
    assert evaluate(func, *own[:2], *window, own[2], grad_input=own[3]) is own[3]


def test_a_stand_in_has_no_values():
    tensor = stand_in((2, 3), (3, 1), torch.float32, CPU)
    assert (tensor.device, tensor.shape, tensor.stride()) == (CPU, (2, 3), (3, 1))
    with pytest.raises(NotImplementedError, match="without memory"):
        tensor + 1
