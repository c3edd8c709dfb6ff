"""Computational graphs: of any JAX function, with values and derivatives, as text, DOT, Mermaid or a picture."""

from dlcore.graph.build import Edge, Graph, Node, computational_graph
from dlcore.graph.layout import Layout, layered
from dlcore.graph.picture import draw
from dlcore.graph.text import to_dot, to_mermaid, to_text

__all__ = [
    "Edge",
    "Graph",
    "Layout",
    "Node",
    "computational_graph",
    "draw",
    "layered",
    "to_dot",
    "to_mermaid",
    "to_text",
]
