r"""A graph in words: a table to read, DOT for Graphviz and Mermaid for web pages.

Numbers are shown themselves, arrays by shape and Euclidean norm, ``[3, 4] ‖2.31‖``.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from dlcore.graph.build import Edge, Graph, Node

DOT_SHAPES = {"variable": "box", "constant": "plaintext", "operation": "circle"}
MERMAID_SHAPES = {"variable": '["{}"]', "constant": '("{}")', "operation": '(("{}"))'}


def show(value: Any) -> str:
    """A number with four digits; an array by its shape and norm; a dash for None."""
    if value is None:
        return "-"
    if np.ndim(value) == 0:
        number = np.asarray(value).item()
        return str(number) if isinstance(number, bool) else f"{number:.4g}"
    if not jnp.issubdtype(value.dtype, jnp.inexact):
        return f"{value.dtype}{list(value.shape)}"
    return f"{list(value.shape)} ‖{np.linalg.norm(np.asarray(value).astype(complex).ravel()):.4g}‖"


def to_text(graph: Graph) -> str:
    """A table: a line per node with its value, the derivative of the output, and the chain rule along its edges.

    Read downwards it is the forward pass, read upwards the backward pass.
    """
    arguments = ", ".join(node.label for node in graph.nodes if node.kind == "variable")
    head = ("", "node", "value", f"∂{graph.name}/∂node", "local derivatives")
    rows = [_row(graph, i, node) for i, node in enumerate(graph.nodes)]
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    title = f"{graph.name}({arguments}) = {show(graph.nodes[graph.output].value)}"
    return "\n".join([title, *(line.rstrip() for line in lines)])


def _row(graph: Graph, i: int, node: Node):
    called = node.label
    if node.operands:
        called += f" ({', '.join(_reference(graph, operand) for operand in node.operands)})"
    local = [f"{_reference(graph, e.source)}: {show(e.local)}" for e in graph.edges if e.target == i and _flows(e)]
    return f"{i}", called, show(node.value), show(node.derivative), ", ".join(local)


def _reference(graph: Graph, i: int) -> str:
    node = graph.nodes[i]
    return f"#{i}" if node.kind == "operation" else node.label


def _flows(edge: Edge) -> bool:
    return edge.backward is not None


def edge_text(graph: Graph, edge: Edge) -> tuple[str, str, str]:
    """What stands at an edge: the value of its source, the derivative that flows back, the local derivative."""
    return show(graph.nodes[edge.source].value), show(edge.backward), show(edge.local)


def to_dot(graph: Graph) -> str:
    """DOT, the language of Graphviz: values, derivatives that flow back and local derivatives on the edges."""
    lines = [f"digraph {_dot_quoted(graph.name)} {{", "  rankdir=LR;"]
    for i, node in enumerate(graph.nodes):
        lines.append(f"  n{i} [label={_dot_quoted(node.label)}, shape={DOT_SHAPES[node.kind]}];")
    for edge in graph.edges:
        label = _dot_quoted(_edge_label(graph, edge))
        lines.append(f"  n{edge.source} -> n{edge.target} [label={label}];")
    value = _dot_quoted(f"{show(graph.nodes[graph.output].value)}\n∂ {show(graph.nodes[graph.output].derivative)}")
    lines += [
        f"  out [label={_dot_quoted(graph.name)}, shape=plaintext];",
        f"  n{graph.output} -> out [label={value}];",
    ]
    return "\n".join([*lines, "}"])


def _edge_label(graph, edge):
    value, backward, local = edge_text(graph, edge)
    return f"{value}\n∂ {backward} (local {local})" if _flows(edge) else value


def _dot_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def to_mermaid(graph: Graph) -> str:
    """A Mermaid flowchart, which web pages, notebooks and README files draw."""
    lines = ["flowchart LR"]
    for i, node in enumerate(graph.nodes):
        lines.append(f"  n{i}" + MERMAID_SHAPES[node.kind].format(_mermaid_text(node.label)))
    labels = [_mermaid_text(_edge_label(graph, edge)) for edge in graph.edges]
    lines += [f'  n{e.source} -->|"{text}"| n{e.target}' for e, text in zip(graph.edges, labels, strict=True)]
    output = graph.nodes[graph.output]
    text = _mermaid_text(f"{show(output.value)}\n∂ {show(output.derivative)}")
    lines += [f'  out("{_mermaid_text(graph.name)}")', f'  n{graph.output} -->|"{text}"| out']
    return "\n".join(lines)


def _mermaid_text(text: str) -> str:
    """Characters with a meaning of their own, in Mermaid or in HTML, as entities; a backquote would start Markdown."""
    entities = {"#": "#35;", "&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\n": "<br/>"}
    return "".join(entities.get(character, character) for character in text)
