r"""Newton's method: $H p = -g$ with the Hessian $H$ itself, factored or used only in products with vectors."""

import jax
import jax.numpy as jnp

from dlcore.numerics.formats import Array, Scalar
from dlcore.solvers.descent.method import Descent
from dlcore.solvers.linear.conjugate import conjugate_gradients
from dlcore.solvers.linear.factors import first_factor
from dlcore.solvers.status import Evaluations
from dlcore.tree.fields import hyperparams, number


@hyperparams
class Newton(Descent):
    r"""$p = -(H + \tau I)^{-1} g$ by Cholesky, $\tau = 0$ wherever $H$ is positive definite. O(n³) a step.

    Nocedal & Wright 2006, algorithm 3.2 with the factorization of algorithm 3.3.
    """

    from_steps = False

    def direction(self, f, x, g, memory):
        L = damped_cholesky(jax.hessian(f)(x))
        return -jax.scipy.linalg.cho_solve((L, True), g), Evaluations.of(hessian=1)


def damped_cholesky(H: Array) -> Array:
    r"""L of $L L^\top = H + \tau I$ for symmetric H [n, n], the first $\tau$ of 0, b, 2b, 4b … for which it exists.

    Nocedal & Wright 2006, algorithm 3.3, with b relative to H. NaN where H is not finite.
    """
    identity = jnp.eye(len(H), dtype=H.dtype)
    size = jnp.linalg.norm(H)
    b = 1e-3 * jnp.where(size > 0, size, 1)
    lowest = jnp.min(jnp.diagonal(H))
    most = 4 * size + b  # above the norm of H it cannot fail

    def factor(tau):
        return jnp.linalg.cholesky(H + tau * identity)

    return first_factor(factor, jnp.where(lowest > 0, 0, b - lowest), b, most)


@hyperparams
class NewtonCG(Descent):
    r"""$H p \approx -g$ by conjugate gradients, never forming $H$. Nocedal & Wright 2006, algorithm 7.1.

    The inner loop ends at the residual $\min(1/2, \sqrt{\|g\|}) \|g\|$, at a direction of negative curvature (then
    with what came before it, or -g), or after ``max_products`` products of the Hessian with a vector.
    """

    max_products: Scalar = number(default=200, low=1, whole=True)
    from_steps = False

    def direction(self, f, x, g, memory):
        _, product = jax.linearize(jax.grad(f), x)
        norm = jnp.linalg.norm(g)
        enough = jnp.minimum(0.5, jnp.sqrt(norm)) * norm
        limit = jnp.asarray(self.max_products).astype(jnp.int32)
        p, steps, convex = conjugate_gradients(product, -g, None, lambda r: r, enough, limit)
        return jnp.where(steps > 0, p, -g), Evaluations.of(product=jnp.where(convex, steps, steps + 1))
