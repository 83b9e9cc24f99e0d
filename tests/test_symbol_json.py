"""Symbol files: written byte for byte as MXNet 1.9.1 does, read in every dialect since 0.8, safe against bad ones."""

from __future__ import annotations

import copy
import json
import os
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import networks
import symbol_files

import mxnet as mx
from mxnet.base import MXNetError

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle")

with open(os.path.join(HERE, "data", "symbol.json")) as file:
    RECORDED = json.load(file)


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_json_is_written_byte_for_byte_as_recorded(name):
    assert networks.build(mx, name).tojson() == RECORDED["networks"][name]["json"]


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_recorded_json_loads_and_is_written_back_unchanged(name):
    recorded = RECORDED["networks"][name]
    symbol = mx.sym.load_json(recorded["json"])
    assert symbol.tojson() == recorded["json"]
    assert symbol.list_arguments() == recorded["arguments"]
    assert symbol.list_auxiliary_states() == recorded["auxiliary"]
    assert symbol.list_outputs() == recorded["outputs"]
    assert symbol.attr_dict() == recorded["attr_dict"]


@pytest.mark.parametrize("name", symbol_files.DOCUMENTS)
def test_old_dialects_read_as_recorded(name):
    found, recorded = symbol_files.read(mx, name), dict(RECORDED["files"][name])
    if name == "auxiliary_states_missing":  # MXNet does not count these as changed in place; everywhere else it does
        recorded["json"] = recorded["json"].replace("[3, 0, 0], [4, 0, 0]]", "[3, 0, 1], [4, 0, 1]]")
    if name == "control_dependencies":  # they have no meaning here and are not kept
        del found["json"], recorded["json"]
    assert found == recorded


def test_saved_file_loads(tmp_path):
    net = networks.build(mx, "residual")
    path = tmp_path / "net-symbol.json"
    net.save(str(path))
    assert path.read_text(encoding="utf-8") == net.tojson()
    assert mx.sym.load(str(path)).tojson() == net.tojson()


def test_strings_with_any_character_survive():
    text = "".join(map(chr, range(1, 0x250))) + "\u2028\U0001f600"
    symbol = mx.sym.relu(mx.sym.var("x", attr={"__text__": text}), name=text)
    loaded = mx.sym.load_json(symbol.tojson())
    assert loaded.name == text and loaded.attr_dict()["x"]["__text__"] == text


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MXNetError, match="nothing-here.json"):
        mx.sym.load(str(tmp_path / "nothing-here.json"))


def test_a_binary_file_is_refused_by_name(tmp_path):
    path = tmp_path / "binary.json"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(MXNetError, match="binary.json"):
        mx.sym.load(str(path))


def changed(path, value, name="operator_attributes_in_attrs"):
    document = copy.deepcopy(symbol_files.DOCUMENTS[name])
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "JSON"),
        ("foo", "JSON"),
        ("[]", "object"),
        ("{}", "nodes"),
        ("[" * 100_000, "JSON"),
        ('{"nodes": 3}', "nodes"),
        (changed(["heads"], KeyError), "heads"),
        (changed(["heads"], []), "heads is empty"),
        (changed(["heads"], [[9, 0, 0]]), "head 0.*node 9"),
        (changed(["heads"], [[3, 4, 0]]), "head 0.*output 4 of 'fc'"),
        (changed(["heads"], [3]), "head 0"),
        (changed(["nodes", 3, "op"], "FooBar"), r"node 3 \(FooBar 'fc'\).*not registered"),
        (changed(["nodes", 3, "op"], 7), "node 3.*'op' is 7"),
        (changed(["nodes", 2], "x"), "node 2 is 'x'"),
        (changed(["nodes", 3, "inputs"], [[0, 0, 0], [3, 0, 0], [2, 0, 0]]), "node 3.*node 3; only nodes 0 to 2"),
        (changed(["nodes", 3, "inputs"], [[0, 0, 0], [-1, 0, 0], [2, 0, 0]]), "node 3.*node -1"),
        (changed(["nodes", 3, "inputs"], [[0, 1, 0], [1, 0, 0], [2, 0, 0]]), "output 1 of 'data'"),
        (changed(["nodes", 3, "inputs"], [[0, 0, 0]]), "node 3.*1 inputs; expected 3"),
        (changed(["nodes", 3, "inputs"], [["a", 0, 0]]), "node 3"),
        (changed(["nodes", 3, "inputs"], [[True, 0, 0]]), "node 3"),
        (changed(["nodes", 3, "attrs"], {"num_hidden": "x"}), "node 3.*num_hidden is 'x'"),
        (changed(["nodes", 3, "attrs"], {"num_hidden": 3}), "node 3.*object of strings"),
        (changed(["nodes", 3, "attrs"], {}), "node 3.*num_hidden"),
        (changed(["nodes", 3, "attrs"], {"num_hidden": "3", "foo": "1"}), "node 3.*foo"),
        (changed(["nodes", 0, "inputs"], [[0, 0]]), "node 0"),
        (changed(["attrs", "mxnet_version"], "x"), "mxnet_version"),
    ],
)
def test_bad_files_raise_an_error_that_names_the_place(text, message):
    with pytest.raises(MXNetError, match=f"(?s){message}"):
        mx.sym.load_json(text)


def test_a_deep_network_loads_and_saves_without_recursion():
    symbol = mx.sym.var("x")
    for _ in range(3000):
        symbol = mx.sym.relu(symbol)
    loaded = mx.sym.load_json(symbol.tojson())
    assert len(loaded.get_internals()) == 3001 and loaded.infer_shape(x=(2,))[1] == [(2,)]


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**20),
    st.floats(allow_nan=False),
    st.text(max_size=6),
    st.sampled_from(
        ["null", "relu", "Reshape", "Concat", "(2, 3)", "(1e9,", "9" * 400, "[[[[", "__shape__", "Convolution", "None"]
    ),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def paths(tree, here=()):
    yield here
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from paths(value, (*here, key))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(sorted(networks.NETWORKS)))
def test_corrupt_files_raise_mxnet_error_and_nothing_else(data, name):
    document = json.loads(RECORDED["networks"][name]["json"], strict=False)
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, last = data.draw(st.sampled_from([path for path in paths(document) if path]))
        place = document
        for key in parents:
            place = place[key]
        place[last] = data.draw(TREES)
    try:
        symbol = mx.sym.load_json(json.dumps(document))
        symbol.tojson()
        symbol.list_outputs()
        symbol.infer_shape_partial()
        symbol.infer_type_partial()
    except MXNetError:
        pass


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_truncated_files_raise_mxnet_error(data):
    text = RECORDED["networks"]["mlp"]["json"]
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(MXNetError):
        mx.sym.load_json(text[:cut])
