r"""Damped Gauss-Newton steps $(J^\top J + \lambda D^2) p = -J^\top r$: $\lambda$ follows how far J can be trusted."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array, Scalar
from dlcore.solvers.residuals.method import Damping, LeastSquares, Trial
from dlcore.solvers.status import Evaluations
from dlcore.tree.choose import tree_where
from dlcore.tree.fields import hyperparams, number


@hyperparams
class Levenberg(LeastSquares):
    r"""$(J^\top J + \lambda I) p = -J^\top r$, λ adapted so that f falls. Levenberg 1944.

    A step is accepted where f falls; λ then follows the ratio of the reduction to the predicted one. Nielsen 1999,
    eq. 2.5. ``damping`` is the first λ, in units of the largest squared column of J.
    """

    damping: Scalar = number(default=1e-2, above=0, log=True)
    max_tries: Scalar = number(default=60, low=1, whole=True)
    shrink: Scalar = number(default=0.1, above=0, high=1)

    def first_scale(self, squares, x):
        damping = self.damping * jnp.max(squares())
        return jnp.ones_like(x), Damping(damping, jnp.full_like(damping, 2))

    def try_step(self, f, state, solve):
        x, F, g = state.x, state.value, state.gradient
        hidden, eps = state.local.hidden, jnp.finfo(x.dtype).eps

        def going(t):
            return ~t.accepted & ~t.exhausted & (t.cost.function.astype(x.dtype) < self.max_tries)

        def damped(t):
            damping = t.damping.value
            p, products = solve(damping * state.scale)
            r = f(x + p)
            F_new = 0.5 * (r @ r)
            promised = 0.5 * (damping * (p @ (state.scale * p)) - g @ p)
            accepted = (F_new < F) | hidden & (F_new <= state.local.noise + F)
            predicted = jnp.where(t.cost.function == 0, promised, t.predicted)
            exhausted = jnp.all(x + p == x) | hidden | ((predicted <= eps * F) & (t.cost.function >= 3))
            gain = jnp.where(accepted, (F - F_new) / jnp.where(promised > 0, promised, 1), 0)
            after = tree_where(accepted, self._trusted(t.damping, gain, eps), _distrusted(t.damping))
            cost = t.cost + Evaluations.of(function=1, product=products)
            return Trial(p, r, F_new, predicted, accepted, exhausted, after, cost)

        no = jnp.asarray(False)
        first = state.damping._replace(value=jnp.where(hidden, eps**2, state.damping.value))
        start = Trial(jnp.zeros_like(x), state.residuals, F, F, no, no, first, Evaluations.of())
        return jax.lax.while_loop(going, damped, start)

    def _trusted(self, damping, gain, eps):
        """After a step that brought ``gain`` of what was promised."""
        shrink = jnp.maximum(self.shrink, 1 - (2 * gain - 1) ** 3)
        return Damping(jnp.maximum(damping.value * shrink, eps**2), jnp.full_like(damping.control, 2))


def _distrusted(damping):
    return Damping(damping.value * damping.control, 2 * damping.control)


@hyperparams
class LevenbergMarquardt(LeastSquares):
    r"""$(J^\top J + \lambda D^2) p = -J^\top r$ with $D^2 = \operatorname{diag} J^\top J$, whatever the units.

    Marquardt 1963, as a trust region: λ is such that $\|D p\| \le \Delta$, and Δ follows the ratio of the reduction to
    the predicted one, by which a step is accepted too. Moré 1978, algorithm 7.1; but λ falls only from step to step,
    times ``shrink``, where the model was right or the step shorter than Δ / 2. At first Δ is ``bound`` $\|D x\|$: 100
    times that, as his, may jump to where the model is flat.
    D² never falls below ``memory`` times its last value: 1 keeps the largest so far, as he found best (section 5), 0 is
    Marquardt's; a column of zeros has the scale 1.
    """

    bound: Scalar = number(default=1.0, above=0, log=True)
    max_tries: Scalar = number(default=60, low=1, whole=True)
    memory: Scalar = number(default=1.0, low=0, high=1)
    shrink: Scalar = number(default=0.01, above=0, high=1)

    def first_scale(self, squares, x):
        square = squares()
        scale = jnp.where(square > 0, square, 1)
        length = jnp.sqrt(scale @ x**2)
        return scale, Damping(jnp.zeros_like(length), self.bound * jnp.where(length > 0, length, 1))

    def next_scale(self, squares, scale):
        larger = jnp.maximum(squares(), self.memory * scale)
        return jnp.where(larger > 0, larger, 1)

    def is_lost(self, squares, new):
        eps, square, size = jnp.finfo(new.x.dtype).eps, squares(), jnp.linalg.norm(new.residuals)
        vanished = (square <= eps**2 * new.scale) & (jnp.sqrt(square) * jnp.abs(new.x) <= eps * size)
        return jnp.any(vanished)

    def try_step(self, f, state, solve):
        x, F, g, D = state.x, state.value, state.gradient, jnp.sqrt(state.scale)
        hidden, eps = state.local.hidden, jnp.finfo(x.dtype).eps

        def going(t):
            return ~t.accepted & ~t.exhausted & (t.cost.function.astype(x.dtype) < self.max_tries)

        def within(t):
            radius = jnp.where(hidden, jnp.inf, t.damping.control)
            p, damping, products = _bounded(solve, D, g, t.damping.value, radius)
            r = f(x + p)
            F_new = 0.5 * (r @ r)
            promised = 0.5 * (damping * (p @ (state.scale * p)) - g @ p)
            gain = (F - F_new) / jnp.where(promised > 0, promised, 1)
            accepted = (gain > 1e-4) | hidden & (F_new <= state.local.noise + F)
            predicted = jnp.where(t.cost.function == 0, promised, t.predicted)
            exhausted = jnp.all(x + p == x) | hidden | ((predicted <= eps * F) & (t.cost.function >= 3))
            length = jnp.linalg.norm(D * p)
            less = accepted & ((gain >= 0.75) | (length < 0.5 * radius))
            damping = jnp.where(less, jnp.where(damping > eps**2, self.shrink * damping, 0), damping)
            radius = _next_radius(t.damping.control, length, damping, gain, F, F_new, g @ p)
            cost = t.cost + Evaluations.of(function=1, product=products)
            return Trial(p, r, F_new, predicted, accepted, exhausted, Damping(damping, radius), cost)

        no = jnp.asarray(False)
        start = Trial(jnp.zeros_like(x), state.residuals, F, F, no, no, state.damping, Evaluations.of())
        return jax.lax.while_loop(going, within, start)


class _Search(NamedTuple):
    """λ with its step p, and the point (λ, 1 / ‖D p‖) before it; λ lies between ``low`` and ``high``."""

    damping: Array
    p: Array
    length: Array
    before: tuple[Array, Array]
    low: Array
    high: Array
    products: Array
    tries: Array


def _bounded(solve, D, g, least, radius):
    r"""(p, λ, products) with $\|D p(\lambda)\| \le 1.1 \Delta$: λ is ``least``, or so large that it is at least Δ / 2.

    $1 / \|D p\|$ is nearly linear in λ: secants, kept between the known ends. Conn, Gould & Toint 2000, section 7.3.
    """

    def tried(damping):
        p, products = solve(damping * D**2)
        length = jnp.linalg.norm(D * p)
        return p, jnp.where(jnp.isfinite(length), length, jnp.inf), products

    def going(s):
        return ((s.length > 1.1 * radius) | (s.length < 0.5 * radius) & (s.tries > 0)) & (s.tries < 30)

    def secant(s):
        long, inverse = s.length > radius, 1 / s.length
        low, high = jnp.where(long, s.damping, s.low), jnp.where(long, s.high, s.damping)
        before, inverse_before = s.before
        rise = (inverse - inverse_before) / jnp.where(s.damping == before, 1, s.damping - before)
        there = s.damping + (1 / (0.9 * radius) - inverse) / jnp.where(rise > 0, rise, 1)
        known = (rise > 0) & (there > low) & (there < high)
        there = jnp.where(known, there, jnp.where(low > 0, jnp.sqrt(low * high), 1e-3 * high))
        p, length, products = tried(there)
        return _Search(there, p, length, (s.damping, inverse), low, high, s.products + products, s.tries + 1)

    p, length, products = tried(least)
    most = jnp.maximum(jnp.linalg.norm(g / D) / radius, 2 * least)
    none = least, jnp.full_like(length, jnp.inf)
    start = _Search(least, p, length, none, least, most, products, jnp.int32(0))
    found = jax.lax.while_loop(going, secant, start)
    return found.p, found.damping, found.products


def _next_radius(radius, length, damping, gain, F, F_new, slope):
    """Moré's: a tenth to a half of it after less than a quarter of what was promised, twice ``length`` after most."""
    actual = F - F_new
    bent = 0.5 * slope / jnp.where(slope + actual < 0, slope + actual, -1)  # where a parabola through both has its end
    part = jnp.clip(jnp.where(actual >= 0, 0.5, bent), 0.1, 0.5)
    shorter = jnp.where(F_new < 100 * F, part, 0.1) * jnp.minimum(radius, 10 * length)
    return jnp.where(gain > 0.25, jnp.where((gain >= 0.75) | (damping == 0), 2 * length, radius), shorter)
