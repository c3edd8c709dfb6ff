"""Where the nodes of a graph stand in a picture: columns from left to right, rows within a column.

Layers, bends where an edge passes a column, and order by the mean of the neighbors: Sugiyama, Tagawa & Toda 1981.
"""

import itertools
from typing import NamedTuple

from dlcore.graph.build import Graph

SWEEPS = 12


class Layout(NamedTuple):
    """Per node its column and row, per edge the (column, row) of its bends between the two ends."""

    columns: tuple[int, ...]
    rows: tuple[float, ...]
    bends: tuple[tuple[tuple[int, float], ...], ...]


def layered(graph: Graph, inputs_left: bool = True) -> Layout:
    """The layout of ``graph``; whatever shares a column is at least one row apart.

    Variables stand in the first column; with ``inputs_left=False`` each one just before its first use, which suits
    networks of many layers.
    """
    n = len(graph.nodes)
    columns = _columns(graph, inputs_left)
    chains = []
    for edge in graph.edges:  # a bend is a place like a node, numbered from n on
        passed = range(columns[edge.source] + 1, columns[edge.target])
        bends = range(len(columns), len(columns) + len(passed))
        columns.extend(passed)
        chains.append([edge.source, *bends, edge.target])
    rows = _rows(columns, [link for chain in chains for link in itertools.pairwise(chain)])
    bends = tuple(tuple((columns[p], rows[p]) for p in chain[1:-1]) for chain in chains)
    return Layout(tuple(columns[:n]), tuple(rows[:n]), bends)


def _columns(graph, inputs_left):
    """Operations one column after their last operand; what may move right stands one column before its first use."""
    columns = []
    for node in graph.nodes:
        columns.append(1 + max((columns[o] for o in node.operands), default=-1))
    for i, node in reversed(list(enumerate(graph.nodes))):
        uses = [columns[edge.target] for edge in graph.edges if edge.source == i]
        if uses and (node.kind == "constant" or not inputs_left):
            columns[i] = min(uses) - 1
    return columns


def _rows(columns, links):
    """Sweeps to and fro: every place moves to the mean of its neighbors, as far as its column has room."""
    neighbors = [[] for _ in columns]
    for a, b in links:
        neighbors[a].append(b)
        neighbors[b].append(a)
    members = [[p for p, c in enumerate(columns) if c == column] for column in range(max(columns) + 1)]
    rows = [0.0] * len(columns)
    for column in members:
        for k, place in enumerate(column):
            rows[place] = k - (len(column) - 1) / 2
    for sweep in range(SWEEPS):
        for column in members if sweep % 2 else reversed(members):
            _spread(column, {p: _mean([rows[q] for q in neighbors[p]], rows[p]) for p in column}, rows)
    return rows


def _mean(values, default):
    return sum(values) / len(values) if values else default


def _spread(column, wanted, rows):
    """Set the rows of ``column`` as wanted, in that order, pushed one row apart, the mean kept."""
    order = sorted(column, key=lambda p: (wanted[p], rows[p], p))
    free = float("-inf")
    for place in order:
        rows[place] = free = max(wanted[place], free + 1)
    shift = sum(rows[p] - wanted[p] for p in column) / len(column)
    for place in column:
        rows[place] -= shift
