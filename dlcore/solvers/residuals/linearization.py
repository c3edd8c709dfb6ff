r"""The two ways to use the Jacobian J [m, n] of residuals r [m]: by its triangular factor, or only by products."""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array
from dlcore.solvers.linear.conjugate import CG, conjugate_gradients
from dlcore.solvers.residuals.factors import Factor, by_shape, factor_step
from dlcore.solvers.residuals.jacobian import jacobian
from dlcore.solvers.status import Evaluations
from dlcore.tree.fields import hyperparams, static


class ByFactor(NamedTuple):
    r"""f near x: gradient [n], the slope $\|Q^\top r\|$, the rounding of f, and the factor of J.

    Rounding is what that of x alone may change in f, $\epsilon \|r\| \sum_j \|J_j\| |x_j|$, and f's own.
    """

    gradient: Array
    slope: Array
    noise: Array
    factor: Factor

    @property
    def hidden(self) -> Array:
        """Whether all that a step may still reduce is below the rounding of f, so that only the slope tells better."""
        return (0.5 * self.slope**2 <= self.noise) & ~jnp.any(self.factor.weights > 0)


class ByProducts(NamedTuple):
    r"""f near x: gradient g [n], the slope along it, $g^\top g / \|J g\|$, and the rounding, with $\|r\| \|J x\|$."""

    gradient: Array
    slope: Array
    noise: Array

    @property
    def hidden(self) -> Array:
        """As that of ``ByFactor``."""
        return 0.5 * self.slope**2 <= self.noise


@hyperparams
class Linearization(abc.ABC):
    """How the Jacobian of residuals is used: what is known of it at a point, and the step by that."""

    @abc.abstractmethod
    def at(self, f: Callable, x: Array) -> Any:
        """J of the residuals ``f`` at ``x`` [n], in the form that the other functions take."""

    @abc.abstractmethod
    def squared_columns(self, J: Any, x: Array) -> Array:
        r"""$\operatorname{diag} J^\top J$ [n]."""

    @abc.abstractmethod
    def local(self, J: Any, x: Array, r: Array, weights: Array) -> tuple[Any, Evaluations]:
        """(what is known of f near ``x``, its cost), made for steps with these ``weights`` [n] or larger ones."""

    @abc.abstractmethod
    def step(self, f: Callable, x: Array, local: Any, weights: Array) -> tuple[Array, Array]:
        r"""(p, products): $\min_p \|J p + r\|^2 + \sum_i w_i p_i^2$, p [n], and how many products with J it took."""

    @abc.abstractmethod
    def is_short(self, local: Any, x: Array, tolerance: Array) -> Array:
        r"""Whether the undamped step has $\|D p\| \le$ ``tolerance`` $\|D x\|$, D the lengths of the columns."""


@hyperparams
class Factored(Linearization):
    """J is formed and factored, by ``by_qr``, ``by_cholesky`` or, the cheapest that is precise, ``by_shape``."""

    by: Callable = static(default=by_shape)

    def at(self, f, x):
        return jacobian(f, x)

    def squared_columns(self, J, x):
        return jnp.sum(J**2, axis=0)

    def local(self, J, x, r, weights):
        factor = self.by(J, r, weights)
        moved = jnp.linalg.norm(r) * (jnp.sqrt(self.squared_columns(J, x)) @ jnp.abs(x))
        noise = jnp.finfo(x.dtype).eps * (0.5 * (r @ r) + moved)
        return ByFactor(J.T @ r, jnp.linalg.norm(factor.c), noise, factor), Evaluations.of(gradient=1, jacobian=1)

    def step(self, f, x, local, weights):
        return factor_step(local.factor, weights), jnp.int32(0)

    def is_short(self, local, x, tolerance):
        R, c, weights = local.factor
        D = jnp.linalg.norm(R, axis=0)
        p = jax.scipy.linalg.solve_triangular(R, c)
        determined = jnp.all(jnp.abs(jnp.diagonal(R)) > len(c) * jnp.finfo(x.dtype).eps * D) & ~jnp.any(weights > 0)
        return (jnp.linalg.norm(D * p) <= tolerance * jnp.linalg.norm(D * x)) & determined


class Products(NamedTuple):
    """J v of v [n], and its transpose, u [m] to Jᵀu."""

    push: Callable
    pull: Callable


@hyperparams
class MatrixFree(Linearization):
    r"""J is never formed: $(J^\top J + \operatorname{diag} w) p = -g$ by conjugate gradients, as ``cg`` says.

    Squared columns, which Marquardt's scale asks for, cost n products at every point.
    """

    cg: CG = CG()

    def at(self, f, x):
        _, push = jax.linearize(f, x)
        transposed = jax.linear_transpose(push, x)
        return Products(push, lambda u: transposed(u)[0])

    def squared_columns(self, J, x):
        def squared(i):  # one after another: no memory
            column = J.push((jnp.arange(x.size) == i).astype(x.dtype))
            return column @ column

        return jax.lax.map(squared, jnp.arange(x.size))

    def local(self, J, x, r, weights):
        eps, tiny = jnp.finfo(x.dtype).eps, jnp.finfo(x.dtype).tiny
        g = J.pull(r)
        slope = g @ g / jnp.maximum(jnp.linalg.norm(J.push(g)), tiny)
        noise = eps * (0.5 * (r @ r) + jnp.linalg.norm(r) * jnp.linalg.norm(J.push(x)))
        return ByProducts(g, slope, noise), Evaluations.of(gradient=1, product=3)

    def step(self, f, x, local, weights):
        J = self.at(f, x)

        def product(v):
            return J.pull(J.push(v)) + weights * v

        b = -local.gradient
        p, steps, _ = conjugate_gradients(product, b, None, lambda r: r, self.cg.reached(b), self.cg.limit())
        return p, 2 * steps

    def is_short(self, local, x, tolerance):
        return jnp.asarray(False)
