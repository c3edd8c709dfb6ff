"""The size of a model: its parameters, one by one and in all, and the multiplications that one example takes."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.layers.base import Layer, Shape
from dlcore.numerics.formats import PyTree
from dlcore.tree.names import leaf_names


def count_parameters(params: PyTree) -> int:
    r"""The number of numbers in ``params``: $\sum_l M_l (M_{l-1} + 1)$ for dense layers of $M_l$ units."""
    return sum(math.prod(np.shape(x)) for x in jax.tree.leaves(params))


def count_multiplications(layer: Layer, params: PyTree, state: PyTree, input_shape: Shape) -> int:
    r"""Multiplications in the matrix products and convolutions for one example, in evaluation mode.

    $\sum_l M_l M_{l-1}$ for dense layers; $h' w' k_h k_w c_{in} c_{out}$ for a convolution, places outside the image
    included. Counted in the traced program, so it holds for any model; a loop of unknown length counts once.
    """
    x = jax.ShapeDtypeStruct((1, *input_shape), jnp.result_type(float))
    traced = jax.make_jaxpr(lambda p, s, v: layer.apply(p, s, v, key=None, train=False)[0])(params, state, x)
    return _multiplications(traced.jaxpr)


class ParameterRow(NamedTuple):
    """One array of parameters: its path, shape, number of numbers and Euclidean norm."""

    name: str
    shape: tuple[int, ...]
    number: int
    norm: float


def parameter_table(params: PyTree) -> tuple[ParameterRow, ...]:
    """A row for every array of ``params``, in the order of ``jax.tree.leaves``."""
    leaves = [np.asarray(x) for x in jax.tree.leaves(params)]
    return tuple(
        ParameterRow(name, x.shape, x.size, float(np.linalg.norm(x.astype(np.float64).ravel())))
        for name, x in zip(leaf_names(params), leaves, strict=True)
    )


def format_parameter_table(rows: tuple[ParameterRow, ...]) -> str:
    """``rows`` as aligned text, with their sum in the last line."""
    total = ParameterRow("total", (), sum(r.number for r in rows), math.hypot(*(r.norm for r in rows)))
    cells = [("name", "shape", "number", "norm")]
    cells += [(r.name, " x ".join(map(str, r.shape)), f"{r.number:,}", f"{r.norm:.4g}") for r in (*rows, total)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {number:>{widths[2]}}  {norm:>{widths[3]}}"
        for name, shape, number, norm in cells
    ]
    return "\n".join(lines)


def _multiplications(jaxpr: Any) -> int:
    return sum(_in_equation(equation) for equation in jaxpr.eqns)


def _in_equation(equation: Any) -> int:
    name = equation.primitive.name
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        terms = math.prod(equation.invars[0].aval.shape[i] for i in contracted)
        return math.prod(equation.outvars[0].aval.shape) * terms
    if name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        out_channels = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
        return math.prod(equation.outvars[0].aval.shape) * math.prod(kernel) // out_channels
    inside = [_multiplications(jaxpr) for value in equation.params.values() for jaxpr in _jaxprs(value)]
    if name == "cond":
        return max(inside)
    return equation.params.get("length", 1) * sum(inside) if name == "scan" else sum(inside)


def _jaxprs(value: Any) -> Iterator[Any]:
    for item in value if isinstance(value, (tuple, list)) else (value,):
        inner = getattr(item, "jaxpr", item)
        if hasattr(inner, "eqns"):
            yield inner
