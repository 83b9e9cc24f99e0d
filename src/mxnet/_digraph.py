"""A directed graph in the DOT language that can draw itself: what programs use of `graphviz.Digraph`, without `dot`.

The picture is layered: every node lies in a row below all nodes that point to it, and in a lane. A chain of nodes
shares a lane, so that it is a straight line; an arrow that passes rows has a stretch of a lane for itself, so that it
meets no node. Lanes are shared by what lies in different rows. Lengths are in inches, x to the right and y upwards.
"""

from __future__ import annotations

import functools
import io
import os
import re
import webbrowser
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .base import MXNetError

__all__ = ["Digraph", "edge_line", "node_line"]

_FORMATS = ("eps", "jpeg", "jpg", "pdf", "png", "ps", "svg", "svgz", "tif", "tiff", "webp")
_TEXT_FORMATS = ("dot", "gv")
_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*|-?(\.[0-9]+|[0-9]+(\.[0-9]*)?)")
_KEYWORDS = {"node", "edge", "graph", "digraph", "subgraph", "strict"}

Attrs = dict[str, str]


def quote(text: str) -> str:
    """text as an identifier of the DOT language."""
    if _PLAIN.fullmatch(text) and text.lower() not in _KEYWORDS:
        return text
    return '"' + text.replace('"', '\\"') + '"'


def _attributes(attrs: Attrs) -> str:
    ordered = sorted(attrs.items(), key=lambda item: (item[0] != "label", item[0]))
    return " [" + " ".join(f"{quote(key)}={quote(value)}" for key, value in ordered) + "]" if attrs else ""


def node_line(name: str, attrs: Attrs) -> str:
    """The line of DOT that declares a node."""
    return f"\t{quote(name)}{_attributes(attrs)}\n"


def edge_line(tail: str, head: str, attrs: Attrs) -> str:
    """The line of DOT that declares an arrow from tail to head."""
    return f"\t{quote(tail)} -> {quote(head)}{_attributes(attrs)}\n"


class Digraph:
    """A directed graph; the names of its attributes and methods, and their meaning, are those of `graphviz.Digraph`.

    `.source` is the whole graph, for any program that reads DOT. The picture drawn here follows, of nodes: `label`,
    `shape` (box, oval, circle, diamond, plaintext and their synonyms; any other is drawn as a box), `fixedsize`,
    `width` and `height` (inches), `style` (filled or not), `fillcolor`, `color`, `fontcolor` and `fontsize` (points);
    of edges: `label`, `dir`, `color`, `fontcolor` and `fontsize`; of the graph: `rankdir` (TB or BT) and `bgcolor`.
    """

    def __init__(
        self, name: str | None = None, comment: str | None = None, filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None, format: str | None = None, engine: str | None = None,
        encoding: str = "utf-8", graph_attr: Attrs | None = None, node_attr: Attrs | None = None,
        edge_attr: Attrs | None = None,
    ):  # fmt: skip
        self.name, self.comment, self.encoding = name, comment, encoding
        self.directory = os.fspath(directory or "")
        self.filename = os.fspath(filename or f"{name or 'Digraph'}.gv")
        self.engine = engine or "dot"
        if self.engine != "dot":
            raise ValueError(f"engine is {engine!r}; drawing without the program dot knows the layout 'dot' only")
        self.format = format or "pdf"
        self.graph_attr = dict(graph_attr or {})
        self.node_attr = dict(node_attr or {})
        self.edge_attr = dict(edge_attr or {})
        self._nodes: dict[str, Attrs] = {}
        self._edges: list[tuple[str, str, Attrs]] = []
        self._lines: list[str] = []

    @property
    def format(self) -> str:
        return self._format

    @format.setter
    def format(self, format: str) -> None:
        if format.lower() not in _FORMATS + _TEXT_FORMATS:
            raise ValueError(f"unknown format: {format!r}; it is one of {', '.join(_FORMATS + _TEXT_FORMATS)}")
        self._format = format.lower()

    # What the graph holds

    def node(self, name: str, label: str | None = None, **attrs: str) -> None:
        """Add a node, or give the one with this name more attributes."""
        attrs = {**({} if label is None else {"label": label}), **{key: str(value) for key, value in attrs.items()}}
        self._nodes.setdefault(name, {}).update(attrs)
        self._lines.append(node_line(name, attrs))

    def edge(self, tail_name: str, head_name: str, label: str | None = None, **attrs: str) -> None:
        """Add an arrow between two nodes; those not yet known are added."""
        attrs = {**({} if label is None else {"label": label}), **{key: str(value) for key, value in attrs.items()}}
        self._nodes.setdefault(tail_name, {})
        self._nodes.setdefault(head_name, {})
        self._edges.append((tail_name, head_name, attrs))
        self._lines.append(edge_line(tail_name, head_name, attrs))

    def edges(self, tail_head_iter: Iterable[tuple[str, str]]) -> None:
        """Add an arrow for each pair of names."""
        for tail, head in tail_head_iter:
            self.edge(tail, head)

    def attr(self, kw: str, **attrs: str) -> None:
        """Set attributes of the graph ("graph") or the defaults of all nodes ("node") or arrows ("edge")."""
        try:
            kinds = {"graph": self.graph_attr, "node": self.node_attr, "edge": self.edge_attr}
            kinds[kw.lower()].update({key: str(value) for key, value in attrs.items()})
        except KeyError:
            raise ValueError(f"attr is for 'graph', 'node' or 'edge'; got {kw!r}") from None

    def __iter__(self) -> Iterator[str]:
        if self.comment:
            yield f"// {self.comment}\n"
        yield f"digraph {quote(self.name)} {{\n" if self.name else "digraph {\n"
        for kind, attrs in (("graph", self.graph_attr), ("node", self.node_attr), ("edge", self.edge_attr)):
            if attrs:
                yield f"\t{kind}{_attributes(attrs)}\n"
        yield from self._lines
        yield "}"

    @property
    def body(self) -> tuple[str, ...]:
        """The lines of DOT for nodes and arrows; use `node` and `edge` to add some."""
        return tuple(self._lines)

    @property
    def source(self) -> str:
        """The graph in the DOT language."""
        return "".join(self)

    def __str__(self) -> str:
        return self.source

    # Its files and pictures

    @property
    def filepath(self) -> str:
        return os.path.join(self.directory, self.filename)

    def save(
        self, filename: str | os.PathLike[str] | None = None, directory: str | os.PathLike[str] | None = None
    ) -> str:
        """Write the source to a file and return its path."""
        self.filename = os.fspath(filename or self.filename)
        self.directory = os.fspath(self.directory if directory is None else directory)
        if os.path.dirname(self.filepath):
            os.makedirs(os.path.dirname(self.filepath), exist_ok=True)
        Path(self.filepath).write_text(self.source + "\n", encoding=self.encoding)
        return self.filepath

    def render(
        self, filename: str | os.PathLike[str] | None = None, directory: str | os.PathLike[str] | None = None,
        view: bool = False, cleanup: bool = False, format: str | None = None,
    ) -> str:  # fmt: skip
        """Write the source to filename and the picture to filename.format; return the path of the picture.

        view opens the picture; cleanup removes the file with the source.
        """
        format = self.format if format is None else format.lower()
        content = self.pipe(format)
        source = self.save(filename, directory)
        path = f"{source}.{format}"
        Path(path).write_bytes(content)
        if cleanup:
            os.remove(source)
        if view:
            webbrowser.open(Path(path).absolute().as_uri())
        return path

    def view(
        self, filename: str | os.PathLike[str] | None = None, directory: str | os.PathLike[str] | None = None,
        cleanup: bool = False,
    ) -> str:  # fmt: skip
        """Write the picture as `render` does, and open it."""
        return self.render(filename, directory, view=True, cleanup=cleanup)

    def pipe(self, format: str | None = None) -> bytes:
        """The picture as bytes in a format."""
        format = self.format if format is None else format.lower()
        if format in _TEXT_FORMATS:
            return (self.source + "\n").encode(self.encoding)
        if format not in _FORMATS:
            raise ValueError(f"unknown format: {format!r}; it is one of {', '.join(_FORMATS + _TEXT_FORMATS)}")
        return _paint(self, format)

    def _repr_svg_(self) -> str:
        return self.pipe("svg").decode()

    _repr_image_svg_xml = _repr_svg_

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self._repr_svg_()}


# Placing

_ROW_GAP, _LABELLED_ROW_GAP, _LANE_GAP, _MARGIN = 0.34, 0.52, 0.24, 0.16
_LABEL_SIZE, _LABEL_OFFSET = 8.5, 0.06


@dataclass(eq=False)
class Box:
    """A node as it is drawn: the lines of its text with their sizes in points, its size, row, lane and centre."""

    name: str
    attrs: Attrs
    lines: list[tuple[str, float, bool]]
    width: float
    height: float
    row: int = 0
    lane: int = 0
    x: float = 0.0
    y: float = 0.0


@dataclass(eq=False)
class Arrow:
    """An edge as it is drawn, from the upper box to the lower; lane is where it passes the rows between them."""

    upper: Box
    lower: Box
    attrs: Attrs
    points_up: bool
    points_down: bool
    lane: int | None = None
    label_width: float = 0.0

    @property
    def span(self) -> int:
        return self.lower.row - self.upper.row


@dataclass(eq=False)
class Stretch:
    """A run of rows, first to last, in one lane: boxes in a straight line, or one passing arrow."""

    first: int
    last: int
    boxes: list[Box] = field(default_factory=list)
    arrow: Arrow | None = None


def _directed_arrows(graph: Digraph, boxes: dict[str, Box]) -> list[Arrow]:
    """An arrow for each edge between two boxes, turned so that following them from upper to lower never ends in a
    circle."""
    following: dict[str, list[int]] = defaultdict(list)
    for index, (tail, _, _) in enumerate(graph._edges):
        following[tail].append(index)
    turned: set[int] = set()
    state: dict[str, int] = {}  # 1: on the path being followed, 2: done
    for start in boxes:
        stack: list[tuple[str, int]] = [] if start in state else [(start, 0)]
        while stack:
            name, next_edge = stack.pop()
            state[name] = 1
            if next_edge == len(following[name]):
                state[name] = 2
                continue
            stack.append((name, next_edge + 1))
            index = following[name][next_edge]
            head = graph._edges[index][1]
            if state.get(head) == 1:
                turned.add(index)
            elif head not in state:
                stack.append((head, 0))
    arrows = []
    for index, (tail, head, attrs) in enumerate(graph._edges):
        attrs = {**graph.edge_attr, **attrs}
        direction = attrs.get("dir", "forward")
        at_head, at_tail = direction in ("forward", "both"), direction in ("back", "both")
        if tail == head:
            continue  # an arrow from a node to itself is not drawn
        if index in turned:
            arrows.append(Arrow(boxes[head], boxes[tail], attrs, at_head, at_tail))
        else:
            arrows.append(Arrow(boxes[tail], boxes[head], attrs, at_tail, at_head))
    return arrows


def _set_rows(boxes: Iterable[Box], arrows: list[Arrow]) -> None:
    """Put each box right below the lowest box that points to it; the others right above the highest they point to."""
    above: dict[Box, list[Box]] = defaultdict(list)
    below: dict[Box, list[Box]] = defaultdict(list)
    for arrow in arrows:
        above[arrow.lower].append(arrow.upper)
        below[arrow.upper].append(arrow.lower)
    waiting = {box: len(above[box]) for box in boxes}
    ready = [box for box, count in waiting.items() if not count]
    for box in ready:  # grows while it is read
        for lower in below[box]:
            lower.row = max(lower.row, box.row + 1)
            waiting[lower] -= 1
            if not waiting[lower]:
                ready.append(lower)
    for box in ready:
        if not above[box] and below[box]:
            box.row = min(lower.row for lower in below[box]) - 1


def _straight_lines(boxes: Iterable[Box], arrows: list[Arrow]) -> list[Stretch]:
    """The boxes in vertical lines: each box follows at most one other, and lines are as long as they can be."""
    short = [arrow for arrow in arrows if arrow.span == 1]
    depth: dict[Box, int] = defaultdict(int)  # the longest line that can hang below, and stand above, a box
    height: dict[Box, int] = defaultdict(int)
    for arrow in sorted(short, key=lambda arrow: -arrow.upper.row):
        depth[arrow.upper] = max(depth[arrow.upper], depth[arrow.lower] + 1)
    for arrow in sorted(short, key=lambda arrow: arrow.upper.row):
        height[arrow.lower] = max(height[arrow.lower], height[arrow.upper] + 1)
    follower: dict[Box, Box] = {}
    led: set[Box] = set()
    for arrow in sorted(short, key=lambda arrow: -(depth[arrow.lower] + height[arrow.upper])):
        if arrow.upper not in follower and arrow.lower not in led:
            follower[arrow.upper] = arrow.lower
            led.add(arrow.lower)
    stretches = []
    for box in boxes:
        if box not in led:
            line = [box]
            while line[-1] in follower:
                line.append(follower[line[-1]])
            stretches.append(Stretch(line[0].row, line[-1].row, line))
    return stretches


def _set_lanes(stretches: list[Stretch], arrows: list[Arrow]) -> None:
    """Give each stretch the free lane nearest to what it is joined to: long lines first, then short arrows first."""
    joined: dict[Box, list[Arrow]] = defaultdict(list)
    for arrow in arrows:
        joined[arrow.upper].append(arrow)
        joined[arrow.lower].append(arrow)
    taken: dict[int, list[Stretch]] = defaultdict(list)
    placed: set[Box] = set()
    lines = sorted((s for s in stretches if s.boxes), key=lambda s: -len(s.boxes))
    passing = sorted((s for s in stretches if s.arrow), key=lambda s: s.last - s.first)
    for stretch in lines + passing:
        if stretch.arrow:
            ends = [stretch.arrow.upper.lane, stretch.arrow.lower.lane]
        else:
            ends = [other.lane for box in stretch.boxes for arrow in joined[box]
                    for other in (arrow.upper, arrow.lower) if other in placed]  # fmt: skip
        reach = max(map(abs, taken), default=0) + 1
        lane = min(
            (lane for lane in range(-reach, reach + 1)
             if all(s.last < stretch.first or s.first > stretch.last for s in taken.get(lane, ()))),
            key=lambda lane: (sum(abs(lane - end) for end in ends or [0]), abs(lane), -lane),
        )  # fmt: skip
        taken[lane].append(stretch)
        for box in stretch.boxes:
            box.lane = lane
            placed.add(box)
        if stretch.arrow:
            stretch.arrow.lane = lane


def _place(
    graph: Digraph,
) -> tuple[list[Box], list[Arrow], float, float, dict[int, float], dict[int, tuple[float, float]]]:
    """Boxes and arrows with their places; the picture's width and height; x of each lane; y of each row's two edges."""
    boxes = {name: _make_box(name, {**graph.node_attr, **attrs}) for name, attrs in graph._nodes.items()}
    arrows = _directed_arrows(graph, boxes)
    _set_rows(boxes.values(), arrows)
    for arrow in arrows:
        if arrow.attrs.get("label"):
            arrow.label_width = max(_text_width(line, _label_size(arrow)) for line in arrow.attrs["label"].split("\n"))
    stretches = _straight_lines(boxes.values(), arrows)
    stretches += [Stretch(a.upper.row + 1, a.lower.row - 1, arrow=a) for a in arrows if a.span > 1]
    _set_lanes(stretches, arrows)

    left: dict[int, float] = defaultdict(float)
    right: dict[int, float] = defaultdict(float)
    for box in boxes.values():
        left[box.lane] = max(left[box.lane], box.width / 2)
        right[box.lane] = max(right[box.lane], box.width / 2)
    for arrow in arrows:
        lane = arrow.lane if arrow.lane is not None else arrow.upper.lane
        right[lane] = max(right[lane], arrow.label_width + 2 * _LABEL_OFFSET)
        left[lane] = max(left[lane], 0.05)
    lane_x: dict[int, float] = {}
    x = _MARGIN
    for lane in sorted(right):
        lane_x[lane] = x + left[lane]
        x = lane_x[lane] + right[lane] + _LANE_GAP
    width = x - _LANE_GAP + _MARGIN

    heights: dict[int, float] = defaultdict(float)
    for box in boxes.values():
        heights[box.row] = max(heights[box.row], box.height)
    gap = _LABELLED_ROW_GAP if any(arrow.label_width for arrow in arrows) else _ROW_GAP
    rows: dict[int, tuple[float, float]] = {}  # y of the upper and lower edge, downwards from the top
    y = _MARGIN
    for row in sorted(heights):
        rows[row] = (y, y + heights[row])
        y += heights[row] + gap
    height = y - gap + _MARGIN if rows else 2 * _MARGIN
    rows = {row: (height - upper, height - lower) for row, (upper, lower) in rows.items()}
    for box in boxes.values():
        box.x, box.y = lane_x[box.lane], sum(rows[box.row]) / 2
    return list(boxes.values()), arrows, max(width, 2 * _MARGIN), height, lane_x, rows


# Text

_FONT_SIZE, _SMALLEST, _TEXT_MARGIN = 10.0, 6.0, 0.08


@functools.lru_cache(maxsize=4096)
def _text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    width, _, _ = text_to_path.get_text_width_height_descent(
        text or " ", FontProperties(size=size, weight="bold" if bold else "normal"), False
    )
    return width / 72


def _label_size(arrow: Arrow) -> float:
    return float(arrow.attrs.get("fontsize", _LABEL_SIZE))


def _make_box(name: str, attrs: Attrs) -> Box:
    """A box large enough for its label; with fixedsize the label is broken and made smaller until it fits."""
    label = attrs.get("label", name).replace("\\n", "\n").replace("\\N", name)
    size = float(attrs.get("fontsize", _FONT_SIZE))
    width, height = float(attrs.get("width", 0.75)), float(attrs.get("height", 0.5))
    fixed = attrs.get("fixedsize", "false").lower() not in ("false", "no", "0")
    title, *details = label.split("\n")
    lines = [(title, size, bool(details)), *((detail, size * 0.9, False) for detail in details)]
    share = 0.82 if attrs.get("shape") in ("oval", "ellipse", "circle", "diamond") else 1.0  # of the width, for text
    if not fixed:
        needed = max(_text_width(*line) for line in lines) + 2 * _TEXT_MARGIN
        width = max(width, needed / share)
        height = max(height, sum(line[1] for line in lines) * 1.3 / 72 + 2 * _TEXT_MARGIN)
        return Box(name, attrs, lines, width, height)
    room = width * share - 2 * _TEXT_MARGIN
    fitted = [piece for line in lines for piece in _fit(*line, room)]
    needed = sum(size for _, size, _ in fitted) * 1.25 / 72
    if needed > height - 0.06:
        fitted = [(text, size * (height - 0.06) / needed, bold) for text, size, bold in fitted]
    return Box(name, attrs, fitted, width, height)


def _fit(text: str, size: float, bold: bool, room: float) -> list[tuple[str, float, bool]]:
    """A line of text in as few pieces as fit the room, each a little smaller if need be."""
    smallest = min(size, max(_SMALLEST, size * 0.8))
    pieces = re.findall(r"[^_\-./ ]*[_\-./ ]*", text)
    lines = [""]
    for piece in filter(None, pieces):
        if lines[-1] and _text_width(lines[-1] + piece, smallest, bold) > room:
            lines.append("")
        lines[-1] += piece
    fitted = min(size, *(size * room / _text_width(line, size, bold) for line in lines))
    return [(line, fitted, bold) for line in lines]


# Painting

_INK, _ARROW_INK, _LABEL_INK = "#1f2933", "#52606d", "#3e4c59"


def _paint(graph: Digraph, format: str) -> bytes:
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "drawing a network needs the program dot (Graphviz) with the package graphviz, or the package matplotlib: "
            'pip install "mxnext[plot]"'
        ) from error
    rankdir = graph.graph_attr.get("rankdir", "TB")
    if rankdir not in ("TB", "BT"):
        raise MXNetError(f"rankdir={rankdir} needs the program dot (install Graphviz); without it rankdir is TB or BT")
    boxes, arrows, width, height, lane_x, rows = _place(graph)
    dpi = min(144.0, 30000 / max(width, height))
    with matplotlib.rc_context({"svg.hashsalt": "mxnet", "svg.fonttype": "path", "path.simplify": False}):
        figure = Figure(figsize=(width, height), dpi=dpi)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(0, height) if rankdir == "TB" else (height, 0))
        axes.set_axis_off()
        for arrow, upper_x, lower_x in _with_ports(arrows):
            _paint_arrow(axes, arrow, upper_x, lower_x, lane_x, rows)
        for box in boxes:
            _paint_box(axes, box, up=1 if rankdir == "TB" else -1)
        content = io.BytesIO()
        metadata = {"svg": {"Date": None}, "svgz": {"Date": None}, "pdf": {"CreationDate": None}}.get(format)
        figure.savefig(content, format=format, dpi=dpi, metadata=metadata,
                       facecolor=graph.graph_attr.get("bgcolor", "white"))  # fmt: skip
    return content.getvalue()


def _with_ports(arrows: list[Arrow]) -> list[tuple[Arrow, float, float]]:
    """Each arrow with the x where it meets its upper and its lower box: apart for arrows that come from apart."""

    def ports(side: str) -> dict[Arrow, float]:
        at: dict[Box, list[Arrow]] = defaultdict(list)
        for arrow in arrows:
            at[getattr(arrow, side)].append(arrow)
        places = {}
        for box, meeting in at.items():
            def lane(arrow: Arrow, other: str = "lower" if side == "upper" else "upper") -> int:
                return arrow.lane if arrow.lane is not None else getattr(arrow, other).lane

            for direction in (-1, 0, 1):
                some = [a for a in meeting if (lane(a) > box.lane) - (lane(a) < box.lane) == direction]
                some.sort(key=lambda arrow: abs(lane(arrow) - box.lane))
                step = box.width * 0.36 / max(1, len(some))
                for position, arrow in enumerate(some, 1):
                    if len(meeting) == 1:
                        places[arrow] = box.x
                        continue
                    spread = step * position if direction else step * (position - (len(some) + 1) / 2)
                    places[arrow] = box.x + (direction or 1) * spread
        return places

    upper, lower = ports("upper"), ports("lower")
    return [(arrow, upper[arrow], lower[arrow]) for arrow in arrows]


def _paint_arrow(
    axes: Any, arrow: Arrow, upper_x: float, lower_x: float, lane_x: dict[int, float],
    rows: dict[int, tuple[float, float]],
) -> None:  # fmt: skip
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    upper, lower = arrow.upper, arrow.lower
    x, y = lower_x, _meets(lower, lower_x, 1)
    points, codes = [(x, y)], [Curve.MOVETO]

    def go(to_x: float, to_y: float) -> None:
        """Straight, or in a curve that leaves and arrives upright."""
        nonlocal x, y
        if abs(to_x - x) < 1e-6 and abs(to_y - y) < 1e-6:
            return
        if abs(to_x - x) < 1e-6:
            points.append((to_x, to_y))
            codes.append(Curve.LINETO)
        else:
            bend = (to_y - y) * 0.55
            points.extend([(x, y + bend), (to_x, to_y - bend), (to_x, to_y)])
            codes.extend([Curve.CURVE4] * 3)
        x, y = to_x, to_y

    go(x, rows[lower.row][0])
    if arrow.lane is not None:
        go(lane_x[arrow.lane], rows[lower.row - 1][1])
        go(x, rows[upper.row + 1][0])
    go(upper_x, rows[upper.row][1])
    go(upper_x, _meets(upper, upper_x, -1))

    style = {(True, True): "<|-|>", (True, False): "-|>", (False, True): "<|-", (False, False): "-"}
    color = arrow.attrs.get("color", _ARROW_INK)
    axes.add_patch(FancyArrowPatch(
        path=Curve(points, codes), arrowstyle=style[arrow.points_up, arrow.points_down], mutation_scale=9,
        linewidth=1.1, color=color, shrinkA=0, shrinkB=0, joinstyle="miter", capstyle="butt", zorder=1,
    ))  # fmt: skip
    if arrow.label_width:
        label_x, label_y = _label_place(arrow, upper_x, lower_x, lane_x, rows)
        axes.text(
            label_x, label_y, arrow.attrs["label"], fontsize=_label_size(arrow), ha="left", va="center", zorder=3,
            color=arrow.attrs.get("fontcolor", _LABEL_INK), parse_math=False,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
        )  # fmt: skip


def _label_place(
    arrow: Arrow, upper_x: float, lower_x: float, lane_x: dict[int, float], rows: dict[int, tuple[float, float]]
) -> tuple[float, float]:
    """Where an arrow's label begins: to the right of the arrow, half-way; where it changes lanes, on the outside near
    the end that is farther from the middle lane, where fewer arrows meet."""
    if arrow.lane is not None:
        return (lane_x[arrow.lane] + _LABEL_OFFSET,
                (rows[arrow.upper.row + 1][0] + rows[arrow.lower.row - 1][1]) / 2)  # fmt: skip
    top, bottom = rows[arrow.upper.row][1], rows[arrow.lower.row][0]
    if arrow.upper.lane == arrow.lower.lane:
        return max(upper_x, lower_x) + _LABEL_OFFSET, (top + bottom) / 2
    at_top = abs(arrow.upper.lane) > abs(arrow.lower.lane)
    x, other_x = (upper_x, lower_x) if at_top else (lower_x, upper_x)
    x += _LABEL_OFFSET if x > other_x else -_LABEL_OFFSET - arrow.label_width
    return x, (top - 0.26 * (top - bottom) if at_top else bottom + 0.26 * (top - bottom))


def _meets(box: Box, x: float, side: int) -> float:
    """y where the outline of a box is met at x, above (side 1) or below (-1)."""
    aside = min(1.0, abs(x - box.x) / (box.width / 2))
    match box.attrs.get("shape", "ellipse"):
        case "oval" | "ellipse" | "circle":
            share = (1 - aside**2) ** 0.5
        case "diamond":
            share = 1 - aside
        case _:
            share = 1.0
    return box.y + side * share * box.height / 2


def _paint_box(axes: Any, box: Box, up: int) -> None:
    from matplotlib import patches
    from matplotlib.colors import to_rgb

    filled = "filled" in box.attrs.get("style", "")
    fill = _color(box.attrs.get("fillcolor") or (box.attrs.get("color") or "lightgray" if filled else "white"))
    edge = _color(box.attrs["color"]) if "color" in box.attrs else tuple(0.62 * part for part in to_rgb(fill))
    style = {"facecolor": fill if filled else "white", "edgecolor": edge, "linewidth": 1.0, "zorder": 2}
    left, bottom, w, h = box.x - box.width / 2, box.y - box.height / 2, box.width, box.height
    match box.attrs.get("shape", "ellipse"):
        case "oval" | "ellipse" | "circle":
            axes.add_patch(patches.Ellipse((box.x, box.y), w, h, **style))
        case "diamond":
            corners = [(box.x, bottom), (left, box.y), (box.x, bottom + h), (left + w, box.y)]
            axes.add_patch(patches.Polygon(corners, **style))
        case "plaintext" | "plain" | "none":
            pass
        case _:
            rounding = patches.BoxStyle("Round", pad=0, rounding_size=min(0.07, w / 4, h / 4))
            axes.add_patch(patches.FancyBboxPatch((left, bottom), w, h, boxstyle=rounding, **style))
    y = box.y + up * sum(size for _, size, _ in box.lines) * 1.25 / 72 / 2
    for text, size, bold in box.lines:
        y -= up * size * 1.25 / 72 / 2
        axes.text(box.x, y, text, fontsize=size, fontweight="bold" if bold else "normal", ha="center",
                  va="center_baseline", color=box.attrs.get("fontcolor", _INK), zorder=3, parse_math=False)  # fmt: skip
        y -= up * size * 1.25 / 72 / 2


def _color(color: str) -> str:
    from matplotlib.colors import is_color_like

    if not is_color_like(color):
        raise ValueError(f"unknown color: {color!r}; give a name such as 'lightblue', or '#rrggbb'")
    return color
