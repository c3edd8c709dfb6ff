"""Computational graphs: the lectures' examples, every derivative against jax.grad, and the renderers' syntax."""

import itertools
import re
import shutil
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

from dlcore.graph import computational_graph, draw, layered, to_dot, to_mermaid, to_text


def product_of_sum(x, y, z):
    return (x + y) * z


def neuron(w, x, b):
    return 1 / (1 + jnp.exp(-(w[0] * x[0] + w[1] * x[1] + b)))


def reuse(x, y):
    return x * x * jnp.sin(y) + y * x


def network(params, x):
    for layer in params:
        x = jax.nn.relu(x @ layer["W"] + layer["b"])
    return jnp.sum(x**2)


def opened(x, y):
    inner = jax.jit(lambda a, b: jax.checkpoint(jnp.sin)(a) * b)
    return inner(x, x) + jax.jit(jnp.tanh)(y) * 3.0


def loops(x, n):
    total, steps = jax.lax.scan(lambda s, v: (s * v, jnp.sin(s)), x, jnp.arange(1.0, 4.0))
    chosen = jax.lax.cond(n > 1, jnp.cos, jnp.exp, total)
    return chosen + jnp.sum(steps) * steps[n]


PARAMS = [{"W": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "b": jnp.array([0.1, -0.2])}] * 2
CASES = [
    (product_of_sum, (1.0, -3.0, 4.0)),
    (neuron, ((2.0, -3.0), (-1.0, -2.0), -3.0)),
    (reuse, (3.0, 2.0)),
    (network, (PARAMS, jnp.array([0.5, 2.0]))),
    (opened, (0.7, -1.2)),
    (loops, (1.1, 2)),
    (lambda x, unused: x, (2.0, 1.0)),
    (lambda x: jax.lax.stop_gradient(x) * x + jnp.where(jnp.argmax(jnp.stack([x, 1.0])) > 0, x, 2 * x), (3.0,)),
]
GRAPHS = [computational_graph(f, *args) for f, args in CASES]
EVERY = pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)


def by_label(graph):
    return {node.label: node for node in graph.nodes}


def test_lecture_example():
    # (x + y) z at x = 1, y = -3, z = 4: Niessner, "Introduction to Deep Learning" (TUM), computational graphs
    nodes = by_label(GRAPHS[0])
    assert {k: (float(n.value), float(n.derivative)) for k, n in nodes.items()} == {
        "x": (1, 4),
        "y": (-3, 4),
        "z": (4, -2),
        "+": (-2, 4),
        "*": (-8, 1),
    }
    assert [(float(e.local), float(e.backward)) for e in GRAPHS[0].edges] == [(1, 4), (1, 4), (4, 4), (-2, -2)]


def test_sigmoid_neuron_of_cs231n():
    # Stanford CS231n 2017, lecture 4: the sigmoid neuron at w = (2, -3, -3), x = (-1, -2), with its printed values
    graph = GRAPHS[1]
    values = [round(float(n.value), 2) for n in graph.nodes if n.kind == "operation"]
    assert values == [-2, 6, 4, 1, -1, 0.37, 1.37, 0.73]
    back = {n.label: round(float(n.derivative), 1) for n in graph.nodes if n.kind == "variable"}
    assert back == {"w[0]": -0.2, "w[1]": -0.4, "x[0]": 0.4, "x[1]": -0.6, "b": 0.2}


@pytest.mark.parametrize(("case", "graph"), list(zip(CASES, GRAPHS, strict=True)), ids=lambda c: getattr(c, "name", ""))
def test_arguments_have_the_derivatives_of_jax_grad(case, graph):
    f, args = case
    np.testing.assert_allclose(graph.nodes[graph.output].value, f(*args), rtol=1e-15)
    expected = jax.tree.leaves(jax.grad(f, tuple(range(len(args))), allow_int=True)(*args))
    variables = [node for node in graph.nodes if node.kind == "variable"]
    assert len(variables) == len(expected)
    for node, derivative in zip(variables, expected, strict=True):
        if node.derivative is None:
            assert derivative.dtype == jax.dtypes.float0
        else:
            np.testing.assert_allclose(node.derivative, derivative, rtol=1e-14)


@EVERY
def test_chain_rule_holds_along_every_edge(graph):
    for edge in graph.edges:
        assert edge.source < edge.target
        if edge.backward is not None:
            axes = graph.nodes[edge.target].value.ndim
            pulled = jnp.tensordot(graph.nodes[edge.target].derivative, edge.local, axes=axes)
            np.testing.assert_allclose(edge.backward, pulled, rtol=1e-13, atol=1e-15)
    for i, node in enumerate(graph.nodes):
        shares = [e.backward for e in graph.edges if e.source == i and e.backward is not None]
        if shares and node.derivative is not None:
            np.testing.assert_allclose(node.derivative, sum(shares), rtol=1e-14)


@EVERY
def test_constants_and_integers_have_no_derivative(graph):
    for node in graph.nodes:
        differentiable = jnp.issubdtype(node.value.dtype, jnp.inexact) and node.kind != "constant"
        assert (node.derivative is not None) == differentiable
        assert node.derivative is None or node.derivative.shape == node.value.shape


def test_operands_keep_order_and_repetition():
    square = next(node for node in GRAPHS[2].nodes if node.label == "*")
    assert square.operands == (0, 0)
    assert sum(edge.source == 0 and edge.target == 2 for edge in GRAPHS[2].edges) == 1
    graph = computational_graph(lambda x, y: x - y / x, 1.0, 2.0)
    assert [node.operands for node in graph.nodes] == [(), (), (1, 0), (0, 2)]


def test_functions_under_jit_and_checkpoint_are_opened_and_loops_are_single_nodes():
    labels = [node.label for node in GRAPHS[4].nodes]
    assert labels == ["x", "y", "sin", "*", "tanh", "3", "*", "+"]
    assert {"scan[0]", "scan[1]", "cond"} <= {node.label for node in GRAPHS[5].nodes}


def test_custom_rules_are_one_node_unless_opened():
    closed = computational_graph(jax.nn.relu, 0.0)
    assert [node.label for node in closed.nodes] == ["x", "relu"]
    assert closed.nodes[0].derivative == 0  # its rule; the maximum's is 1/2 at a tie
    shown = computational_graph(jax.nn.relu, 0.0, open_custom=True)
    assert "max" in by_label(shown)
    assert shown.nodes[0].derivative == 0.5


def test_names_from_signature_paths_and_checkpoint_name():
    def f(a, *rest, scale=2.0):
        hidden = checkpoint_name(a["w"] * rest[1][0], "hidden")
        return hidden * scale + rest[0]

    graph = computational_graph(f, {"w": 1.0}, 2.0, (3.0,))
    assert [node.label for node in graph.nodes if node.kind == "variable"] == ["a.w", "rest[0]", "rest[1][0]"]
    assert "hidden" in by_label(graph)
    assert [n.label for n in computational_graph(max, (2.0,)).nodes] == ["x0[0]"]  # a builtin without signature


def test_closed_over_arrays_and_dead_code():
    table = jnp.arange(3.0)

    def f(x):
        jnp.exp(x)
        return jnp.sum(table * (x * jnp.sqrt(4.0)))

    labels = [node.label for node in computational_graph(f, 1.5).nodes]
    assert "exp" not in labels
    assert "constant" in labels
    assert "2" in labels  # a constant expression is a constant


def test_output_that_is_no_scalar():
    def f(x):
        return x**2

    x = jnp.array([1.0, 2.0])
    with pytest.raises(ValueError, match=r"needed a scalar output, got float64\[2\]; try cotangent"):
        computational_graph(f, x)
    graph = computational_graph(f, x, cotangent=jnp.array([1.0, 10.0]))
    np.testing.assert_array_equal(graph.nodes[0].derivative, [2.0, 40.0])
    with pytest.raises(ValueError, match=r"cotangent: needed the output's shape \[2\], got \[3\]"):
        computational_graph(f, x, cotangent=jnp.ones(3))


def test_other_bad_outputs():
    with pytest.raises(ValueError, match=r"needed one output array, got 2 \(loss, n\)"):
        computational_graph(lambda x: {"loss": x, "n": x}, 1.0)
    with pytest.raises(ValueError, match=r"got 0 \(nothing\)"):
        computational_graph(lambda x: (), 1.0)
    with pytest.raises(TypeError, match=r"needed a floating output to differentiate, got int64; try arguments 1\.0"):
        computational_graph(product_of_sum, 1, -3, 4)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_dtype_is_kept(dtype):
    graph = computational_graph(product_of_sum, *(jnp.asarray(v, dtype) for v in (1, -3, 4)))
    assert all(node.value.dtype == node.derivative.dtype == dtype for node in graph.nodes)
    assert graph.nodes[2].derivative == -2


def test_large_local_derivatives_are_left_out():
    graph = computational_graph(lambda x: jnp.sum(jnp.sin(x)), jnp.ones(20), max_jacobian=20)
    assert [edge.local is None for edge in graph.edges] == [True, False]
    assert all(edge.backward is not None for edge in graph.edges)


def test_text():
    assert to_text(GRAPHS[0]) == "\n".join(
        [
            "product_of_sum(x, y, z) = -8",
            "   node       value  ∂product_of_sum/∂node  local derivatives",
            "0  x          1      4",
            "1  y          -3     4",
            "2  z          4      -2",
            "3  + (x, y)   -2     4                      x: 1, y: 1",
            "4  * (#3, z)  -8     1                      #3: 4, z: -2",
        ]
    )
    assert "[2, 2] ‖3.775‖" in to_text(GRAPHS[3])


HOSTILE = computational_graph(lambda a: a['"q\\<u>#`&'] * 2.0, {'"q\\<u>#`&': 1.5})


@pytest.mark.parametrize("graph", [*GRAPHS, HOSTILE], ids=lambda graph: graph.name)
def test_dot_syntax(graph):
    dot = to_dot(graph)
    quoted = r'"(?:[^"\\\n]|\\.)*"'
    node = rf"  \w+ \[label={quoted}, shape=(box|plaintext|circle)\];"
    edge = rf"  \w+ -> \w+ \[label={quoted}\];"
    first, *body, last = dot.split("\n")
    assert re.fullmatch(rf"digraph {quoted} {{", first)
    assert last == "}"
    assert body[0] == "  rankdir=LR;"
    assert all(re.fullmatch(f"{node}|{edge}", line) for line in body[1:])
    assert sum(" -> " in line.split("[label=")[0] for line in body) == len(graph.edges) + 1
    if shutil.which("dot"):
        subprocess.run(["dot", "-Tsvg"], input=dot.encode(), check=True, capture_output=True)


@pytest.mark.parametrize("graph", [*GRAPHS, HOSTILE], ids=lambda graph: graph.name)
def test_mermaid_syntax(graph):
    first, *body = to_mermaid(graph).split("\n")
    text = r'"(?:[^"`#&<>]|#(?:35|quot|lt|gt|amp|96);|<br/>)*"'
    assert first == "flowchart LR"
    node = rf"  \w+(\[{text}\]|\({text}\)|\(\({text}\)\))"
    assert all(re.fullmatch(rf"{node}|  \w+ -->\|{text}\| \w+", line) for line in body)
    assert sum("-->" in line for line in body) == len(graph.edges) + 1


@EVERY
@pytest.mark.parametrize("inputs_left", [True, False])
def test_layout(graph, inputs_left):
    layout = layered(graph, inputs_left)
    for edge, bends in zip(graph.edges, layout.bends, strict=True):
        passed = [layout.columns[edge.source], *(column for column, _ in bends), layout.columns[edge.target]]
        assert passed == list(range(passed[0], passed[-1] + 1))
    places = list(zip(layout.columns, layout.rows, strict=True)) + [b for bends in layout.bends for b in bends]
    for (c, r), (d, s) in itertools.combinations(places, 2):
        assert c != d or abs(r - s) > 1 - 1e-9
    used = {edge.source for edge in graph.edges}
    if inputs_left:
        assert all(layout.columns[i] == 0 for i, n in enumerate(graph.nodes) if n.kind == "variable" and i in used)


@pytest.mark.parametrize("graph", GRAPHS[:4], ids=lambda graph: graph.name)
def test_no_text_of_a_picture_covers_another(graph):
    figure = draw(graph)
    renderer = figure.canvas.get_renderer()
    texts = [t for t in figure.axes[0].texts if t.get_text()]
    boxes = [t.get_window_extent(renderer) for t in texts]
    for (a, one), (b, other) in itertools.combinations(zip(texts, boxes, strict=True), 2):
        assert not one.padded(-1).overlaps(other.padded(-1)), (a.get_text(), b.get_text())
    assert all(figure.bbox.padded(1).contains(*corner) for box in boxes for corner in box.corners())
    labels = [node.label for node in graph.nodes]
    assert all(label in [t.get_text() for t in texts] for label in labels)


def test_picture_without_local_derivatives():
    def starred(figure):
        return [t for t in figure.axes[0].texts if t.get_text().startswith("*") and len(t.get_text()) > 1]

    assert len(starred(draw(GRAPHS[0]))) == 4
    assert not starred(draw(GRAPHS[0], local=False))
