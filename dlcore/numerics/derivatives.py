"""Derivatives given by hand where automatic differentiation would lose digits or time."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax


def with_derivative(derivative: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give ``f(s)``, elementwise, the derivative to use where automatic differentiation would lose digits."""

    def made(f):
        known = jax.custom_jvp(f)
        known.defjvp(lambda primals, tangents: (known(*primals), derivative(*primals) * tangents[0]))
        return known

    return made


def with_rule(rule: Callable[[Any], tuple[Any, Any]]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give ``f(s)``, elementwise, the derivative of ``rule(s)``: value and derivative, which share what is costly."""
    return partial(_ruled, rule)


def with_curvature(curvature: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give ``rule(s)``, a value and its derivative, the derivative of the second too."""
    return partial(_curved, curvature)


def _ruled(rule, f):
    known = jax.custom_jvp(f)

    def jvp(primals, tangents):
        value, derivative = rule(*primals)
        return value, derivative * tangents[0]

    known.defjvp(jvp)
    return known


def _curved(curvature, rule):
    known = jax.custom_jvp(rule)

    def jvp(primals, tangents):
        value, derivative = known(*primals)
        return (value, derivative), (derivative * tangents[0], curvature(*primals) * tangents[0])

    known.defjvp(jvp)
    return known
