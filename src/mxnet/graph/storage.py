"""Storage types of the values of a graph, and of the gradients of its variables, as MXNet 1.9.1 infers them.

An operator that no rule names takes and gives dense arrays ("default"); what is sparse is converted on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..base import MXNetError
from ..ops.registry import Attrs
from .graph import Graph, Node, Value

#: as symbol files write them in ``__storage_type__``
CODES = {"default": "0", "row_sparse": "1", "csr": "2"}
NAMES = {code: name for name, code in CODES.items()}

Stypes = Sequence[str]
Rule = Callable[[Attrs, Stypes], str]
GradientRule = Callable[[Attrs, Stypes, str], Stypes]  # attributes, those of the inputs and of the head

DENSE, ROWS, CSR = "default", "row_sparse", "csr"

#: operators whose result is zero where the data are zero, or that touch stored elements only
KEEP_ZEROS = frozenset((
    "abs", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "ceil", "degrees", "expm1", "fix", "floor", "log1p",
    "make_loss", "negative", "radians", "relu", "rint", "round", "sign", "sin", "sinh", "sqrt", "square", "BlockGrad",
    "tan", "tanh", "trunc", "_copy", "_mul_scalar", "_div_scalar", "_scatter_plus_scalar", "_scatter_minus_scalar",
    "zeros_like",
))  # fmt: skip

#: operators that keep zeros with some attributes
KEEP_ZEROS_IF: dict[str, Callable[[Attrs], bool]] = {
    "_plus_scalar": lambda attrs: attrs["scalar"] == 0,
    "_minus_scalar": lambda attrs: attrs["scalar"] == 0,
    "_equal_scalar": lambda attrs: attrs["scalar"] != 0,
    "_not_equal_scalar": lambda attrs: attrs["scalar"] == 0,
    "_greater_scalar": lambda attrs: attrs["scalar"] >= 0,
    "_greater_equal_scalar": lambda attrs: attrs["scalar"] > 0,
    "_lesser_scalar": lambda attrs: attrs["scalar"] <= 0,
    "_lesser_equal_scalar": lambda attrs: attrs["scalar"] < 0,
    "clip": lambda attrs: attrs["a_min"] <= 0 <= attrs["a_max"],
}


def _alike(attrs: Attrs, given: Stypes) -> str:
    return given[0] if len(set(given)) == 1 else DENSE


def _product(attrs: Attrs, given: Stypes) -> str:
    sparse = [stype for stype in given if stype != DENSE]
    return sparse[0] if len(set(sparse)) == 1 else DENSE


def _dot(attrs: Attrs, given: Stypes) -> str:
    if attrs["forward_stype"] is not None:
        return str(attrs["forward_stype"])
    if given[0] == CSR and given[1] != CSR and attrs["transpose_a"] and not attrs["transpose_b"]:
        return ROWS
    return CSR if tuple(given) == (DENSE, CSR) and not attrs["transpose_a"] else DENSE


def _first_axis(axis: object) -> object:
    return axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("elemwise_add", "elemwise_sub", "_grad_add", "_maximum", "_minimum"), _alike),
    "elemwise_mul": _product,
    "_scatter_elemwise_div": lambda attrs, given: ROWS if given[0] == ROWS else DENSE,
    "broadcast_mul": lambda attrs, given: CSR if tuple(given) == (CSR, DENSE) else DENSE,
    "broadcast_div": lambda attrs, given: CSR if tuple(given) == (CSR, DENSE) else DENSE,
    "add_n": lambda attrs, given: ROWS if set(given) == {ROWS} else DENSE,
    "dot": _dot,
    "cast_storage": lambda attrs, given: str(attrs["stype"]),
    "_sparse_retain": lambda attrs, given: given[0],
    "_square_sum": lambda attrs, given: (
        ROWS if given[0] == ROWS and attrs["keepdims"] and _first_axis(attrs["axis"]) == 1 else DENSE
    ),
    "slice": lambda attrs, given: CSR if given[0] == CSR and all(s in (None, 1) for s in attrs["step"]) else DENSE,
    "take": lambda attrs, given: (
        CSR if tuple(given) == (CSR, DENSE) and attrs["axis"] == 0 and attrs["mode"] in ("clip", "wrap") else DENSE
    ),
    "Concat": lambda attrs, given: CSR if set(given) == {CSR} and attrs["dim"] == 0 else DENSE,
}


def result_stype(op: str, attrs: Attrs, given: Stypes) -> str:
    """The storage type of the result of an operator for those of its inputs."""
    rule = _RULES.get(op)
    if rule is not None:
        return rule(attrs, given)
    if given and (op in KEEP_ZEROS or (op in KEEP_ZEROS_IF and KEEP_ZEROS_IF[op](attrs))):
        return given[0]
    return DENSE


def _head(attrs: Attrs, given: Stypes, head: str) -> Stypes:
    return [head] * len(given)


def _if_all_rows(attrs: Attrs, given: Stypes, head: str) -> Stypes:
    return [ROWS if head == given[0] == ROWS else DENSE]


def _dot_gradient(attrs: Attrs, given: Stypes, head: str) -> Stypes:
    plain = not attrs["transpose_a"] and not attrs["transpose_b"]
    return [DENSE, ROWS if plain and given[0] == CSR and given[1] != CSR and head != CSR else DENSE]


_GRADIENT_RULES: dict[str, GradientRule] = {
    **dict.fromkeys(
        ("_copy", "negative", "_mul_scalar", "_div_scalar", "elemwise_add", "elemwise_sub", "_grad_add", "add_n",
         "cast_storage"), _head),
    **dict.fromkeys(("abs", "sign", "relu", "square"), _if_all_rows),
    **dict.fromkeys(
        ("ceil", "fix", "floor", "rint", "round", "trunc", "BlockGrad", "zeros_like"),
        lambda attrs, given, head: [ROWS if given[0] == ROWS else DENSE],
    ),
    "Embedding": lambda attrs, given, head: [DENSE, ROWS if attrs["sparse_grad"] else DENSE],
    "_contrib_SparseEmbedding": lambda attrs, given, head: [DENSE, ROWS],
    "_sparse_retain": lambda attrs, given, head: [ROWS, DENSE],
    "_square_sum": lambda attrs, given, head: [ROWS if given[0] == ROWS else DENSE],
    "dot": _dot_gradient,
}  # fmt: skip


def variable_stype(node: Node) -> str:
    """The storage type that a variable asks for.

    Raises: MXNetError for an unknown one.
    """
    code = node.attributes.get("__storage_type__", "0")
    if code not in NAMES:
        raise MXNetError(f"variable {node.name!r}: __storage_type__ is {code!r}; expected one of {', '.join(NAMES)}.")
    return NAMES[code]


def infer_stypes(graph: Graph, known: Mapping[str, str]) -> dict[Value, str]:
    """The storage type of every value, from those of variables by name; others are as their attributes say."""
    stypes: dict[Value, str] = {}
    for node in graph.nodes:
        if node.op is None:
            stypes[Value(node, 0)] = known.get(node.name) or variable_stype(node)
            continue
        if node.op.takes_csr:
            sparse = node.op.csr_outputs(node.attrs)
            stypes.update({Value(node, i): CSR if i in sparse else DENSE for i in range(node.num_outputs)})
            continue
        given = [stypes[value] for value in node.inputs]
        first = DENSE if node.subgraphs else result_stype(node.op.name, node.attrs, given)
        for index in range(node.num_outputs):
            stypes[Value(node, index)] = first if index == 0 else DENSE
    return stypes


def infer_gradient_stypes(graph: Graph, stypes: Mapping[Value, str]) -> dict[str, str]:
    """The storage type of the gradient of every variable, by name, when outputs get gradients of their own types."""
    heads: dict[Value, list[str]] = {}
    for value in graph.outputs:
        heads.setdefault(value, []).append(stypes[value])
    for node in reversed(graph.nodes):
        if node.op is None or all(Value(node, index) not in heads for index in range(node.num_outputs)):
            continue
        head = _sum(heads.get(Value(node, 0), []))
        rule = _GRADIENT_RULES.get(node.op.name)
        given = [stypes[value] for value in node.inputs]
        found = [DENSE] * len(given) if rule is None else rule(node.attrs, given, head)
        for value, stype in zip(node.inputs, found, strict=True):
            heads.setdefault(value, []).append(stype)
    return {node.name: _sum(heads.get(Value(node, 0), [])) for node in graph.variables}


def _sum(parts: Stypes) -> str:
    """The storage type of a sum of gradients."""
    return parts[0] if len(set(parts)) == 1 else DENSE
