"""A graph as a picture in the manner of the textbooks: values above the lines, derivatives below them."""

from typing import TYPE_CHECKING, Any, NamedTuple

from dlcore.graph.build import Graph
from dlcore.graph.layout import Layout, layered
from dlcore.graph.text import edge_text, show

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# one unit of the axes is one inch, so that the room for a text is known before it is drawn
ROW, HEIGHT, GAP, ENTRY, MARK_HEIGHT = 0.72, 0.34, 0.12, 0.12, 0.13
POINTS, SMALL_POINTS = 9, 7.5
WIDTH_PER_POINT = 0.0092
VALUE, DERIVATIVE, LOCAL, LINE = "#1a7f37", "#c0242b", "#6e7781", "#57606a"
LEGEND = (("value", VALUE), ("derivative of the result", DERIVATIVE), ("local derivative", LOCAL))
FACES = {"variable": "#ddf4ff", "constant": "#f6f8fa", "operation": "#fff8c5"}


class _Columns(NamedTuple):
    """Per column where its nodes begin, where their lines leave it, and the width of the whole picture."""

    begins: list[float]
    leaves: list[float]
    width: float


def draw(graph: Graph, inputs_left: bool = True, local: bool = True) -> "Figure":
    r"""A figure: behind each node its value above the line, the derivative $\partial f / \partial$ node below it.

    Local derivatives stand on the lines in gray, none with ``local=False``; where a node is used several times, so
    does in red what flows back along each line: the node's derivative is their sum. ``inputs_left`` as in ``layered``.
    Needs matplotlib.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layout = layered(graph, inputs_left)
    marks = [_mark(graph, edge, local) for edge in graph.edges]
    columns = _measure(graph, layout, marks)
    rows = [*layout.rows, *(row for bends in layout.bends for _, row in bends)]
    top, bottom = (0.8 - min(rows)) * ROW, (-0.8 - max(rows)) * ROW - MARK_HEIGHT
    legend = LEGEND if local else LEGEND[:-1]
    width = max(columns.width, GAP + sum(_text_width(text, SMALL_POINTS) + GAP for text, _ in legend))
    figure = Figure(figsize=(width, top - bottom), dpi=150)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(bottom, top))
    axes.set_axis_off()
    taken: list[tuple[float, float, float, float]] = []
    for i, mark in enumerate(marks):
        corners = _route(graph, layout, columns, i)
        _draw_line(axes, corners)
        _draw_mark(axes, _free_place(corners[-2:], mark, taken), mark)
    for i in range(len(graph.nodes)):
        _draw_node(axes, graph, layout, columns, i)
    _draw_legend(axes, legend, bottom + GAP)
    return figure


def _text_width(text, points):
    return len(text) * points * WIDTH_PER_POINT


def _node_width(node):
    return max(HEIGHT, _text_width(node.label, POINTS) + 0.16)


def _notes(graph, i):
    """The texts above and below the line behind node ``i``; a constant number is its own label."""
    node = graph.nodes[i]
    value = "" if node.kind == "constant" and node.value.ndim == 0 else show(node.value)
    return value, "" if node.derivative is None else show(node.derivative)


def _mark(graph, edge, local):
    """The (text, color) pairs on the line of ``edge``."""
    uses = sum(other.source == edge.source and other.backward is not None for other in graph.edges)
    _, backward, factor = edge_text(graph, edge)
    shares = [(backward, DERIVATIVE)] if uses > 1 and edge.backward is not None else []
    return shares + ([(f"*{factor.split('] ')[-1]}", LOCAL)] if local and edge.local is not None else [])


def _measure(graph, layout, marks):
    """Columns wide enough for their nodes, the texts behind them and the marks on the lines to the next column."""
    begins, leaves, x = [], [], GAP
    for column in range(max(layout.columns) + 1):
        here = [i for i, c in enumerate(layout.columns) if c == column]
        begins.append(x)
        room = (_node_width(graph.nodes[i]) + max(_text_width(t, POINTS) for t in _notes(graph, i)) for i in here)
        leaves.append(x + max(room, default=0) + 2 * GAP)
        coming = [mark for e, mark in zip(graph.edges, marks, strict=True) if layout.columns[e.target] == column + 1]
        x = leaves[-1] + max((_text_width(t, SMALL_POINTS) for mark in coming for t, _ in mark), default=0) + 0.5
    return _Columns(begins, leaves, leaves[-1] + _text_width(graph.name, POINTS) + 0.3)


def _route(graph: Graph, layout: Layout, columns: _Columns, i: int) -> list[tuple[float, float]]:
    """The corners of the line of edge ``i``; lines into one node arrive side by side."""
    edge = graph.edges[i]
    start, end = layout.columns[edge.source], layout.columns[edge.target]
    y = -layout.rows[edge.source] * ROW
    corners = [(columns.begins[start] + _node_width(graph.nodes[edge.source]), y), (columns.leaves[start], y)]
    for column, row in layout.bends[i]:
        corners += [(columns.begins[column], -row * ROW), (columns.leaves[column], -row * ROW)]
    arriving = [k for k, other in enumerate(graph.edges) if other.target == edge.target]
    arriving.sort(key=lambda k: layout.bends[k][-1][1] if layout.bends[k] else layout.rows[graph.edges[k].source])
    offset = (arriving.index(i) - (len(arriving) - 1) / 2) * min(ENTRY, HEIGHT / len(arriving))
    return [*corners, (columns.begins[end], -layout.rows[edge.target] * ROW - offset)]


def _draw_line(axes: Any, corners: list[tuple[float, float]]) -> None:
    xs, ys = zip(*corners, strict=True)
    axes.plot(xs, ys, color=LINE, linewidth=0.9, zorder=1)
    arrow = {"arrowstyle": "-|>", "color": LINE, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", corners[-1], corners[-2], arrowprops=arrow, zorder=1)


def _free_place(ends, mark, taken):
    """A point between the two ``ends`` where ``mark`` covers no mark before it, if there is one; adds it to those."""
    (x0, y0), (x1, y1) = ends
    half_width = max((_text_width(text, SMALL_POINTS) for text, _ in mark), default=0) / 2
    half_height = len(mark) * MARK_HEIGHT / 2
    boxes = []
    for t in (0.5, 0.4, 0.6, 0.3, 0.7, 0.2):
        x, y = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
        boxes.append((x - half_width, x + half_width, y - half_height, y + half_height))
    free = [box for box in boxes if not any(_overlap(box, other) for other in taken)]
    left, right, low, high = box = (free or boxes)[0]
    taken.extend([box] if mark else [])
    return (left + right) / 2, (low + high) / 2


def _overlap(a, b):
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def _draw_mark(axes: Any, center: tuple[float, float], mark: list[tuple[str, str]]) -> None:
    for k, (text, color) in enumerate(mark):
        y = center[1] + ((len(mark) - 1) / 2 - k) * MARK_HEIGHT
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
        style = {"fontsize": SMALL_POINTS, "color": color, "bbox": box, "zorder": 2}
        axes.text(center[0], y, text, ha="center", va="center", **style)


def _draw_legend(axes: Any, legend: tuple[tuple[str, str], ...], y: float) -> None:
    x = GAP
    for text, color in legend:
        axes.text(x, y, text, fontsize=SMALL_POINTS, color=color, va="center")
        x += _text_width(text, SMALL_POINTS) + GAP


def _draw_node(axes: Any, graph: Graph, layout: Layout, columns: _Columns, i: int) -> None:
    from matplotlib.patches import FancyBboxPatch

    node, column, y = graph.nodes[i], layout.columns[i], -layout.rows[i] * ROW
    x, width = columns.begins[column], _node_width(node)
    rounding = HEIGHT / 2 if node.kind == "operation" else 0.04
    style = f"round,pad=0,rounding_size={rounding}"
    size = {"width": width, "height": HEIGHT, "boxstyle": style}
    axes.add_patch(FancyBboxPatch((x, y - HEIGHT / 2), **size, facecolor=FACES[node.kind], edgecolor=LINE, zorder=3))
    axes.text(x + width / 2, y, node.label, ha="center", va="center_baseline", fontsize=POINTS, zorder=4)
    value, derivative = _notes(graph, i)
    axes.text(x + width + GAP, y + 0.04, value, va="bottom", fontsize=POINTS, color=VALUE, zorder=4)
    axes.text(x + width + GAP, y - 0.05, derivative, va="top", fontsize=POINTS, color=DERIVATIVE, zorder=4)
    if i == graph.output:
        _draw_line(axes, [(x + width, y), (columns.leaves[column], y), (columns.leaves[column] + 0.1, y)])
        axes.text(columns.leaves[column] + 0.15, y, graph.name, va="center", fontsize=POINTS, zorder=4)
