r"""Damped Gauss-Newton steps $(J^\top J + \lambda D^2) p = -J^\top r$: $\lambda$ follows how far J can be trusted."""

import jax
import jax.numpy as jnp

from dlcore.contracts import Scalar
from dlcore.pytrees import hyperparams
from dlcore.solvers.least_squares import LeastSquares, Trial, _hidden


@hyperparams
class Levenberg(LeastSquares):
    r"""$(J^\top J + \lambda I) p = -J^\top r$, λ adapted so that f falls. Levenberg 1944.

    A step is accepted where f falls; λ then follows the ratio of the reduction to the predicted one. Nielsen 1999,
    eq. 2.5. ``damping`` is the first λ, in units of the largest squared column of J.
    """

    damping: Scalar = 1e-2
    max_tries: Scalar = 60
    shrink: Scalar = 0.1

    def first_scale(self, squares, x):
        """The identity."""
        return jnp.ones_like(x), self.damping * jnp.max(squares())

    def try_step(self, f, state, solve):
        """Solved anew with more damping until f falls."""
        x, F, g = state.x, state.value, state.gradient
        eps, slack = jnp.finfo(x.dtype).eps, jnp.where(_hidden(state), state.local.noise, 0)
        damping = jnp.where(_hidden(state), eps**2, state.damping)

        def going(t):
            return ~t.accepted & ~t.hopeless & (t.tries.astype(x.dtype) < self.max_tries)

        def damped(t):
            p, products = solve(t.damping * state.scale)
            r = f(x + p)
            F_new = 0.5 * (r @ r)
            predicted = 0.5 * (t.damping * (p @ (state.scale * p)) - g @ p)
            accepted = (F_new < F) | (F_new <= slack + F) & (slack > 0)
            gain = jnp.where(accepted, (F - F_new) / jnp.where(predicted > 0, predicted, 1), 0)
            shrink = jnp.maximum(self.shrink, 1 - (2 * gain - 1) ** 3)
            damping = jnp.where(accepted, jnp.maximum(t.damping * shrink, eps**2), t.damping * t.growth)
            growth = jnp.where(accepted, 2, 2 * t.growth)
            first = jnp.where(t.tries == 0, predicted, t.predicted)
            hopeless = jnp.all(x + p == x) | (slack > 0) | ((first <= eps * F) & (t.tries >= 3))
            count = t.tries + 1, t.products + products
            return Trial(p, r, F_new, first, accepted, hopeless, damping, growth, *count)

        no, none = jnp.asarray(False), jnp.int32(0)
        start = Trial(x, state.residuals, F, F, no, no, damping, state.growth, none, none)
        return jax.lax.while_loop(going, damped, start)


@hyperparams
class LevenbergMarquardt(Levenberg):
    r"""$(J^\top J + \lambda D^2) p = -J^\top r$ with $D^2 = \operatorname{diag} J^\top J$, whatever the units.

    Marquardt 1963. D² never falls below ``memory`` times its last value: 1 keeps the largest so far, as Moré 1978
    (section 5) found best, 0 is Marquardt's. ``damping`` is the first λ.
    """

    memory: Scalar = 1.0

    def first_scale(self, squares, x):
        """The squared columns; 1 for a column of zeros."""
        square = squares()
        return jnp.where(square > 0, square, 1), jnp.asarray(self.damping, x.dtype)

    def next_scale(self, squares, scale):
        """The larger of the squared columns and of what is remembered."""
        larger = jnp.maximum(squares(), self.memory * scale)
        return jnp.where(larger > 0, larger, 1)
