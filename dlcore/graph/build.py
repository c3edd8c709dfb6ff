r"""The computational graph of a JAX function: operations in the order of computation, with values and derivatives.

Every node is one array $v_i$. Forward: $v_i$ from its operands. Backward, in reverse order, with the output $v_n$:
$\bar v_n = 1$ and $\bar v_j = \sum_{i : j \to i} \bar v_i \, \partial v_i / \partial v_j$. Each term of the sum is
what flows back along one edge. Griewank & Walther 2008, section 3.2.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.extend.core
import jax.numpy as jnp

from dlcore.graph.labels import CUSTOM, operation_label
from dlcore.numerics.formats import Array
from dlcore.tree.names import leaf_names

OPENED = frozenset({"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"})


class Node(NamedTuple):
    """One array: an argument of the function, a constant or the result of an operation.

    ``derivative`` is that of the output, of the shape of ``value``; None for constants, integers and booleans.
    """

    label: str
    kind: Literal["variable", "constant", "operation"]
    operands: tuple[int, ...]
    value: Array
    derivative: Array | None


class Edge(NamedTuple):
    r"""From an operand to an operation, once also where it is used twice, as in $x \cdot x$.

    ``local`` is $\partial$ target / $\partial$ source, [*target, *source], None where it has too many entries;
    ``backward`` the share of the source's derivative that flows back along this edge. Both None if not differentiable.
    """

    source: int
    target: int
    local: Array | None
    backward: Array | None


class Graph(NamedTuple):
    """``nodes`` in the order of computation, the arguments first; ``output`` is the number of the function's value."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    output: int


class _Place(NamedTuple):
    """A node before its derivatives are known: ``function`` maps the arrays at ``sources`` to the value."""

    label: str
    kind: Literal["variable", "constant", "operation"]
    operands: tuple[int, ...]
    value: Any
    sources: tuple[int, ...] = ()
    function: Callable | None = None


def computational_graph(
    f: Callable,
    *args: Any,
    cotangent: Any = None,
    open_custom: bool = False,
    max_jacobian: int = 10_000,
) -> Graph:
    """The graph of ``f`` at ``args``, with the value and the derivative of the output at every node. Host function.

    Arguments are named by the signature of ``f`` and their paths in it: ``x``, ``params.layers[0].W``. Functions under
    ``jit`` and ``checkpoint`` are opened; loops and branches are one node per result. A function with derivative
    rules of its own, ``jax.nn.relu``, is one node too; with ``open_custom`` what it computes is shown, whose
    derivatives may differ from its rules.
    ``cotangent`` holds weights, of the shape of the output: what is differentiated is the weighted sum of its entries.
    Local derivatives of more than ``max_jacobian`` entries are left out.

    Raises ValueError for several outputs, or one that is no scalar without ``cotangent``; TypeError for an output that
    has no derivative.
    """
    closed, shape = jax.make_jaxpr(f, return_shape=True)(*args)
    _check_one_output(shape)
    places: list[_Place] = []
    for label, value in zip(_argument_names(f, args), jax.tree.leaves(args), strict=True):
        places.append(_Place(label, "variable", (), jnp.asarray(value)))
    (output,) = _walk(closed, range(len(places)), places, open_custom)
    derivatives, shares = _backward(places, output, _seed(places[output].value, cotangent))
    return _assemble(getattr(f, "__name__", "f"), places, output, derivatives, shares, max_jacobian)


def _argument_names(f, args):
    try:
        bound = inspect.signature(f).bind(*args).arguments
    except (TypeError, ValueError):  # builtin functions have no signature
        bound = {f"x{i}": value for i, value in enumerate(args)}
    return [_joined(root, name) for root, value in bound.items() for name in leaf_names(value)]


def _joined(root: str, name: str) -> str:
    return f"{root}{name}" if name.startswith("[") or not name else f"{root}.{name}"


def _check_one_output(shape):
    names = leaf_names(shape)
    if len(names) != 1:
        got = ", ".join(name or "the value" for name in names) or "nothing"
        raise ValueError(f"f: needed one output array, got {len(names)} ({got}); try: lambda *args: f(*args)[0]")


def _seed(value, cotangent):
    if not jnp.issubdtype(value.dtype, jnp.inexact):
        raise TypeError(f"f: needed a floating output to differentiate, got {value.dtype}; try arguments 1.0, not 1")
    if cotangent is None and value.shape != ():
        raise ValueError(
            f"f: needed a scalar output, got {value.dtype}{list(value.shape)}; "
            f"try cotangent=jnp.ones({value.shape}), to differentiate the sum of its entries"
        )
    weights = jnp.ones_like(value) if cotangent is None else jnp.asarray(cotangent, value.dtype)
    if weights.shape != value.shape:
        raise ValueError(f"cotangent: needed the output's shape {list(value.shape)}, got {list(weights.shape)}")
    return weights


def _walk(closed, arguments: Sequence[int], places: list[_Place], open_custom: bool) -> list[int]:
    """Append what ``closed`` computes from the nodes ``arguments``; the nodes of its results."""
    jaxpr = closed.jaxpr
    at = dict(zip(jaxpr.invars, arguments, strict=True))
    at |= {
        var: _put(places, _constant(jnp.asarray(value)))
        for var, value in zip(jaxpr.constvars, closed.consts, strict=True)
    }

    def read(atom):
        if isinstance(atom, jax.extend.core.Literal):  # its value may be a Python number, of no certain dtype
            aval: Any = atom.aval
            return _put(places, _constant(jnp.asarray(atom.val, aval.dtype)))
        return at[atom]

    for equation in jaxpr.eqns:
        operands = tuple(read(atom) for atom in equation.invars)
        inner = _inner(equation, closed, open_custom)
        if inner is not None:
            results = _walk(inner, operands, places, open_custom)
        elif _changes_nothing(equation):
            results = operands
        else:
            results = _apply(equation, closed, operands, places)
        at |= dict(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _put(places, place):
    places.append(place)
    return len(places) - 1


def _constant(value):
    return _Place(f"{value.item():.4g}" if value.ndim == 0 else "constant", "constant", (), value)


def _inner(equation, closed, open_custom):
    """The program inside ``equation`` if it is to be shown, None if it is one node."""
    name = equation.primitive.name
    if name not in OPENED and not (open_custom and name in CUSTOM):
        return None
    inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
    is_closed = hasattr(inner, "consts")
    return inner if is_closed or inner is None else closed.replace(jaxpr=inner, consts=())


def _changes_nothing(equation):
    """Weak types are of no interest here, and neither are copies."""
    same = equation.invars and equation.invars[0].aval.dtype == equation.outvars[0].aval.dtype
    return equation.primitive.name in ("copy", "copy_p") or (same and equation.primitive.name == "convert_element_type")


def _apply(equation, closed, operands, places):
    """One node for every result: the results of a loop have values and derivatives of their own."""
    atoms = {
        atom: place
        for atom, place in zip(equation.invars, operands, strict=True)
        if not isinstance(atom, jax.extend.core.Literal)
    }
    sources = tuple(dict.fromkeys(atoms.values()))
    picks = [sources.index(place) for place in atoms.values()]
    label = operation_label(equation)
    results = []
    for i, result in enumerate(equation.outvars):
        only = closed.jaxpr.replace(constvars=(), invars=list(atoms), outvars=[result], eqns=[equation])
        function = _single_result(jax.extend.core.jaxpr_as_fun(closed.replace(jaxpr=only, consts=())), picks)
        value = function(*(places[source].value for source in sources))
        name = f"{label}[{i}]" if len(equation.outvars) > 1 else label
        constant = all(places[operand].kind == "constant" for operand in operands)
        place = _constant(value) if constant else _Place(name, "operation", operands, value, sources, function)
        results.append(_put(places, place))
    return results


def _single_result(run, picks):
    return lambda *values: run(*(values[pick] for pick in picks))[0]


def _differentiable(place):
    return place.kind != "constant" and jnp.issubdtype(place.value.dtype, jnp.inexact)


def _backward(places, output, seed):
    """Derivatives by node, and shares of them by (source, target), where the output depends on the node."""
    derivatives, shares = {output: seed}, {}
    for target in reversed(range(output + 1)):
        flows = [s for s in places[target].sources if _differentiable(places[s])]
        if target not in derivatives or not flows:
            continue
        _, pull_back = jax.vjp(_along(places, target, flows), *(places[s].value for s in flows))
        for source, share in zip(flows, pull_back(derivatives[target]), strict=True):
            shares[source, target] = share
            derivatives[source] = derivatives[source] + share if source in derivatives else share
    return derivatives, shares


def _along(places, target, flows):
    """The function at ``target`` of the values at ``flows`` alone."""

    def restricted(*values):
        given = dict(zip(flows, values, strict=True))
        return places[target].function(*(given.get(s, places[s].value) for s in places[target].sources))

    return restricted


def _local(places, source, target, limit):
    x, y = places[source].value, places[target].value
    real = all(jnp.issubdtype(v.dtype, jnp.floating) for v in (x, y))
    if not real or x.size * y.size > limit:
        return None
    return jax.jacrev(_along(places, target, [source]))(x)


def _assemble(name, places, output, derivatives, shares, max_jacobian):
    """The graph of the arguments and of what the output needs, numbered anew."""
    kept = _needed(places, output)
    new = {old: i for i, old in enumerate(kept)}
    nodes = []
    edges = []
    for old in kept:
        place = places[old]
        derivative = derivatives.get(old, jnp.zeros_like(place.value)) if _differentiable(place) else None
        nodes.append(Node(place.label, place.kind, tuple(new[o] for o in place.operands), place.value, derivative))
        for source in dict.fromkeys(place.operands):
            share = shares.get((source, old))
            local = None if share is None else _local(places, source, old, max_jacobian)
            edges.append(Edge(new[source], new[old], local, share))
    return Graph(name, tuple(nodes), tuple(edges), new[output])


def _needed(places, output):
    needed, open_ = {i for i, place in enumerate(places) if place.kind == "variable"}, [output]
    while open_:
        place = open_.pop()
        if place not in needed or place == output:
            needed.add(place)
            open_.extend(places[place].operands)
    return sorted(needed)
