"""print_summary and plot_network against what MXNet 1.9.1 printed (tests/oracle/record_visualization.py)."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest

from mxnet import visualization as viz
from mxnet._digraph import Digraph, _place

CASES = json.loads((Path(__file__).parent / "oracle/data/visualization.json").read_text())["cases"]


class RecordedSymbol:
    """A symbol's answers, as recorded."""

    def __init__(self, case):
        self.case = case

    def tojson(self):
        return self.case["json"]

    def get_internals(self):
        return self

    def list_arguments(self):
        return self.case["arguments"]

    def list_outputs(self):
        return self.case["internals"]

    def infer_shape(self, **shape):
        known = shape == {name: tuple(value) for name, value in self.case["shape"].items()}
        return ([], [tuple(value) for value in self.case["shapes"]], []) if known else (None, None, None)

    def infer_type(self, **dtype):
        return ([], self.case["dtypes"], []) if dtype == self.case["dtype"] else (None, None, None)


def shape_of(case):
    return {name: tuple(value) for name, value in case["shape"].items()}


@pytest.fixture(autouse=True)
def _draw_ourselves(monkeypatch):
    monkeypatch.setattr(viz, "_graphviz", lambda: None)


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def test_summary_is_printed_as_mxnet_prints_it(case, capsys):
    viz.print_summary(RecordedSymbol(case))
    assert capsys.readouterr().out == case["summary_without_shape"]
    if case in (CASES["two_outputs"], CASES["embedding"]):
        return  # MXNet miscounts these: see the next test
    viz.print_summary(RecordedSymbol(case), shape=shape_of(case))
    assert capsys.readouterr().out == case["summary"]
    viz.print_summary(RecordedSymbol(case), shape_of(case), line_length=72, positions=[30, 48, 58, 72])
    assert capsys.readouterr().out == case["summary_narrow"]


@pytest.mark.parametrize("name, layer, shape, theirs, count", [
    ("two_outputs", "halves(SliceChannel)", "4", "0", "0"),  # MXNet leaves the shape blank, and what follows uncounted
    ("two_outputs", "left(FullyConnected)", "3", "3", "15"),  # 4 inputs, 3 outputs, and the biases
    ("embedding", "out(FullyConnected)", "3", "15", "105"),  # 5 words of 7 numbers each, 3 outputs
])  # fmt: skip
def test_summary_counts_every_parameter_where_mxnet_miscounts(name, layer, shape, theirs, count, capsys):
    viz.print_summary(RecordedSymbol(CASES[name]), shape=shape_of(CASES[name]))
    (row,) = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(layer)]
    assert row[:3] == [layer, shape, count]
    (recorded,) = [line.split() for line in CASES[name]["summary"].splitlines() if line.startswith(layer)]
    assert theirs in recorded[1:3]


def test_plot_has_the_source_of_mxnet(case):
    for plot in case["plots"]:
        arguments = dict(plot["arguments"])
        if "shape" in arguments:
            arguments["shape"] = shape_of(case)
        drawn = viz.plot_network(RecordedSymbol(case), **arguments)
        assert drawn.source == plot["source"]
        assert drawn.format == arguments.get("save_format", "pdf")


def test_graphviz_package_is_given_the_same_source(monkeypatch):
    graphviz = pytest.importorskip("graphviz")
    monkeypatch.setattr(viz, "_graphviz", lambda: graphviz)
    case = CASES["lenet"]
    drawn = viz.plot_network(RecordedSymbol(case), title="the network", shape=shape_of(case))
    assert isinstance(drawn, graphviz.Digraph)
    assert drawn.source.strip() == case["plots"][1]["source"]


def test_shared_parameter_counts_once_in_the_total(capsys):
    nodes = [{"op": "null", "name": name, "inputs": []} for name in ("data", "w_weight")]
    attrs = {"num_hidden": "4", "no_bias": "True"}
    nodes += [{"op": "FullyConnected", "name": "a", "attrs": attrs, "inputs": [[0, 0, 0], [1, 0, 0]]}]
    nodes += [{"op": "FullyConnected", "name": "b", "attrs": attrs, "inputs": [[2, 0, 0], [1, 0, 0]]}]
    case = {
        "json": json.dumps({"nodes": nodes, "heads": [[3, 0, 0]]}),
        "arguments": ["data", "w_weight"],
        "internals": ["data", "w_weight", "a_output", "b_output"],
        "shape": {"data": [2, 4]},
        "shapes": [[2, 4], [4, 4], [2, 4], [2, 4]],
    }
    viz.print_summary(RecordedSymbol(case), shape={"data": (2, 4)})
    out = capsys.readouterr().out
    assert len(re.findall(r" 16 ", out)) == 2
    assert "Total params: 16\n" in out


def test_bad_arguments_are_refused():
    symbol = RecordedSymbol(CASES["lenet"])
    with pytest.raises(TypeError, match="symbol must be a Symbol; got str 'net'"):
        viz.print_summary("net")
    with pytest.raises(TypeError, match="symbol must be a Symbol"):
        viz.plot_network(None)
    with pytest.raises(TypeError, match=r"shape is \(1, 2\); expected a dict"):
        viz.print_summary(symbol, shape=(1, 2))
    with pytest.raises(ValueError, match="Input shape is incomplete"):
        viz.plot_network(symbol, shape={})
    with pytest.raises(ValueError, match="Input type is incomplete"):
        viz.plot_network(symbol, dtype={"data": "float64"})
    with pytest.raises(ValueError, match="positions has 2 values"):
        viz.print_summary(symbol, positions=[0.5, 1.0])
    with pytest.raises(TypeError, match="node_attrs is 3"):
        viz.plot_network(symbol, node_attrs=3)
    with pytest.raises(ValueError, match="unknown format: 'bogus'"):
        viz.plot_network(symbol, save_format="bogus")


def test_equal_names_give_a_warning():
    nodes = [{"op": "null", "name": "data", "inputs": []}]
    nodes += [{"op": "sum", "name": "u", "inputs": [[0, 0, 0]]}] * 2
    case = {"json": json.dumps({"nodes": nodes, "heads": [[1, 0, 0], [2, 0, 0]]})}
    with pytest.warns(UserWarning, match="Repeated names: u"):
        viz.plot_network(RecordedSymbol(case))


@pytest.mark.parametrize("format, start", [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_render_writes_picture_and_source(tmp_path, format, start):
    pytest.importorskip("matplotlib")
    drawn = viz.plot_network(RecordedSymbol(CASES["lenet"]), save_format=format, shape=shape_of(CASES["lenet"]))
    path = drawn.render(filename=tmp_path / "net")
    assert path == str(tmp_path / f"net.{format}")
    assert Path(path).read_bytes().startswith(start)
    assert (tmp_path / "net").read_text() == drawn.source + "\n"
    drawn.render(filename="other", directory=tmp_path, format="svg", cleanup=True)
    assert (tmp_path / "other.svg").exists() and not (tmp_path / "other").exists()
    assert "<svg" in drawn._repr_svg_()


def test_picture_has_the_size_of_the_plan_and_is_not_blank():
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    drawn = viz.plot_network(RecordedSymbol(CASES["resnet"]), shape=shape_of(CASES["resnet"]))
    _, _, width, height, _, _ = _place(drawn)
    picture = image.open(io.BytesIO(drawn.pipe("png"))).convert("RGB")
    assert abs(picture.width - 144 * width) <= 1 and abs(picture.height - 144 * height) <= 1
    colors = {color for count, color in picture.getcolors(1 << 20) if count > 1000}
    assert {(0xFB, 0x80, 0x72), (0xBE, 0xBA, 0xDA), (0xFF, 0xFF, 0xB3), (0x8D, 0xD3, 0xC7)} <= colors


def test_nothing_overlaps_and_arrows_rise(case):
    pytest.importorskip("matplotlib")
    drawn = viz.plot_network(RecordedSymbol(case), shape=shape_of(case), hide_weights=False)
    boxes, arrows, width, height, lane_x, rows = _place(drawn)
    for i, box in enumerate(boxes):
        assert box.width / 2 <= box.x <= width - box.width / 2
        assert box.height / 2 <= box.y <= height - box.height / 2
        for other in boxes[:i]:
            apart_x = abs(box.x - other.x) - (box.width + other.width) / 2
            apart_y = abs(box.y - other.y) - (box.height + other.height) / 2
            assert max(apart_x, apart_y) > 0.2, (box.name, other.name)
    for arrow in arrows:
        assert arrow.upper.y > arrow.lower.y  # data flows from the bottom to the top
        if arrow.lane is not None:  # a passing arrow meets no box
            x = lane_x[arrow.lane]
            passed = [box for box in boxes if arrow.upper.row < box.row < arrow.lower.row]
            assert all(abs(box.x - x) > box.width / 2 for box in passed)


def test_a_chain_is_a_straight_line():
    pytest.importorskip("matplotlib")
    boxes, *_ = _place(viz.plot_network(RecordedSymbol(CASES["lenet"])))
    assert len({box.x for box in boxes if box.name != "softmax_label"}) == 1


def test_cycles_and_isolated_nodes_can_be_drawn():
    pytest.importorskip("matplotlib")
    graph = Digraph("cycle", node_attr={"shape": "diamond"})
    graph.edges(["ab", "bc", "ca", "aa"])
    graph.node("alone", "a $label$ of\ntwo lines")
    assert graph.source.splitlines()[1] == "\tnode [shape=diamond]"
    assert graph.pipe("png").startswith(b"\x89PNG")


def test_a_long_label_is_fitted_into_a_fixed_box():
    pytest.importorskip("matplotlib")
    from mxnet._digraph import _text_width

    graph = Digraph()
    graph.node("n", "resnetv10_stage1_batchnorm0_and_a_name_far_too_long_for_one_line", width="1.3", height="0.8034",
               fixedsize="true")  # fmt: skip
    box = _place(graph)[0][0]
    assert (box.width, box.height) == (1.3, 0.8034)
    assert all(_text_width(text, size, bold) <= 1.3 for text, size, bold in box.lines)
    assert sum(size for _, size, _ in box.lines) / 72 < 0.8034


def test_drawing_needs_matplotlib_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"mxnext\[plot\]"):
        viz.plot_network(RecordedSymbol(CASES["lenet"])).pipe("png")


def test_symbols_loaded_from_json_answer_as_recorded(case, capsys):
    import mxnet as mx

    symbol = mx.sym.load_json(case["json"])
    assert viz.plot_network(symbol, title="the network", shape=shape_of(case)).source == case["plots"][1]["source"]
    viz.print_summary(symbol, shape=shape_of(case))
    ours = capsys.readouterr().out
    viz.print_summary(RecordedSymbol(case), shape=shape_of(case))
    assert ours == capsys.readouterr().out
    with pytest.raises(mx.MXNetError, match="nope"):
        viz.print_summary(symbol, shape={"nope": (1, 2)})
