r"""The Gauss-Newton method: $J^\top J p = -J^\top r$ and a search along p."""

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Scalar
from dlcore.solvers.residuals.method import Damping, LeastSquares, Trial
from dlcore.solvers.status import Evaluations
from dlcore.tree.fields import hyperparams, number


@hyperparams
class GaussNewton(LeastSquares):
    r"""$J^\top J p = -J^\top r$, halved until f falls sufficiently (Armijo). Nocedal & Wright 2006, section 10.3.

    Needs a Jacobian of full rank; else it stalls, where ``LevenbergMarquardt`` goes on.
    """

    c1: Scalar = number(default=1e-4, low=0, below=1)
    max_tries: Scalar = number(default=60, low=1, whole=True)

    def try_step(self, f, state, solve):
        x, F, g = state.x, state.value, state.gradient
        p, products = solve(jnp.zeros_like(x))
        hidden, noise = state.local.hidden, state.local.noise
        stuck = ~jnp.all(jnp.isfinite(p))

        def going(t):
            return ~t.accepted & ~t.exhausted & (t.cost.function.astype(x.dtype) < self.max_tries)

        def halved(t):
            alpha = 0.5 * t.damping.value
            r = f(x + alpha * p)
            F_new = 0.5 * (r @ r)
            accepted = F_new <= jnp.where(hidden, noise, 0) + F + self.c1 * alpha * (g @ p)
            exhausted = stuck | jnp.all(x + alpha * p == x) | hidden
            cost = t.cost + Evaluations.of(function=1)
            return Trial(alpha * p, r, F_new, t.predicted, accepted, exhausted, Damping(alpha, t.damping.control), cost)

        no = jnp.asarray(False)
        whole = Damping(jnp.full_like(F, 2), state.damping.control)
        cost = Evaluations.of(product=products)
        first = Trial(p, state.residuals, F, -0.5 * (g @ p), no, no, whole, cost)
        return jax.lax.while_loop(going, halved, first)
