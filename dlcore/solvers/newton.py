r"""Newton's method: $H p = -g$ with the Hessian $H$ itself, factored or used only in products with vectors."""

import jax
import jax.numpy as jnp

from dlcore.contracts import Array, Scalar
from dlcore.pytrees import hyperparams
from dlcore.solvers.minimize import Descent
from dlcore.solvers.solution import _evaluations


@hyperparams
class Newton(Descent):
    r"""$p = -(H + \tau I)^{-1} g$ by Cholesky, $\tau = 0$ wherever $H$ is positive definite. O(n³) a step.

    Nocedal & Wright 2006, algorithm 3.2 with the factorization of algorithm 3.3.
    """

    learns = False

    def direction(self, f, x, g, memory):
        """One Hessian."""
        L = _damped_cholesky(jax.hessian(f)(x))
        return -jax.scipy.linalg.cho_solve((L, True), g), _evaluations(hessian=1)


def _damped_cholesky(H: Array) -> Array:
    r"""L of $L L^\top = H + \tau I$ for symmetric H [n, n], the first $\tau$ of 0, b, 2b, 4b … for which it exists.

    Nocedal & Wright 2006, algorithm 3.3, with b relative to H. NaN where H is not finite.
    """
    identity = jnp.eye(len(H), dtype=H.dtype)
    size = jnp.linalg.norm(H)
    b = 1e-3 * jnp.where(size > 0, size, 1)
    lowest = jnp.min(jnp.diagonal(H))

    def failed(carry):
        tau, L = carry
        return ~jnp.all(jnp.isfinite(L)) & (tau <= 4 * size + b)  # tau above the norm of H cannot fail

    def damp_more(carry):
        tau = jnp.maximum(2 * carry[0], b)
        return tau, jnp.linalg.cholesky(H + tau * identity)

    tau = jnp.where(lowest > 0, 0, b - lowest)
    return jax.lax.while_loop(failed, damp_more, (tau, jnp.linalg.cholesky(H + tau * identity)))[1]


@hyperparams
class NewtonCG(Descent):
    r"""$H p \approx -g$ by conjugate gradients, never forming $H$. Nocedal & Wright 2006, algorithm 7.1.

    The inner loop ends at the residual $\min(1/2, \sqrt{\|g\|}) \|g\|$, at a direction of negative curvature, or after
    ``max_products`` products of the Hessian with a vector.
    """

    max_products: Scalar = 200
    learns = False

    def direction(self, f, x, g, memory):
        """As many products as the accuracy of this step asks for."""
        _, product = jax.linearize(jax.grad(f), x)
        norm = jnp.linalg.norm(g)
        enough = jnp.minimum(0.5, jnp.sqrt(norm)) * norm

        def going(carry):
            _, r, _, k, convex = carry
            return convex & (jnp.linalg.norm(r) > enough) & (k.astype(x.dtype) < self.max_products)

        def conjugate(carry):
            z, r, d, k, _ = carry
            Hd = product(d)
            curvature = d @ Hd
            convex = curvature > 0
            alpha = r @ r / jnp.where(convex, curvature, 1)
            r_new = r + alpha * Hd
            new = z + alpha * d, r_new, (r_new @ r_new) / (r @ r) * d - r_new
            first = jnp.where(k == 0, -g, z)
            kept = [jnp.where(convex, a, b) for a, b in zip(new, (first, r, d), strict=True)]
            return (*kept, k + 1, convex)

        p, _, _, k, _ = jax.lax.while_loop(going, conjugate, (0 * g, g, -g, jnp.int32(0), jnp.asarray(True)))
        return p, _evaluations(product=k)
