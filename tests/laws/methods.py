"""Cases of backpropagation, solvers and metrics."""

import jax.numpy as jnp

from dlcore.activations import tanh
from dlcore.backprop import Forward, softmax_cross_entropy_head, squared_error_head, with_grad
from dlcore.numerics.formats import at_least_f32
from dlcore.solvers import BFGS, LU, Levenberg, StrongWolfe, init_state
from tests.laws.case import Case, normal, positive, spd


def two_layers(r):
    return (r.normal(size=(3, 4)), r.normal(size=4)), (r.normal(size=(4, 2)), r.normal(size=2))


def banana(x):
    return jnp.sum((1 - x[:-1]) ** 2 + 3 * (x[1:] - x[:-1] ** 2) ** 2)


def residuals(x):
    return jnp.concatenate([x**2 - 2, x - 1])


def weighted(factor, J, r, w):
    return factor(J, r, w**2)


WIDE = ("float32", "float64")  # LAPACK knows no 16 bit
VECTORS = Case(normal((3,), (3,), (3,)))
LOOP = {"dtypes": WIDE, "differentiable": False}  # a loop until done has no reverse mode
START = Case(normal((3,)), **LOOP)
FITTED = Case(normal((2,)), call=lambda f, x: f(residuals, x), dtypes=WIDE)

METHODS: dict[str, dict[str, Case]] = {
    "backprop.mlp": {
        "forward": Case(lambda r: (two_layers(r), r.normal(size=(2, 3))), call=lambda f, W, x: f(W, x, tanh)),
        "backward": Case(
            lambda r: (two_layers(r), *normal((2, 3), (2, 4), (2, 4), (2, 2), (2, 2), (2, 2))(r)),
            call=lambda f, W, x0, a1, x1, a2, x2, x_bar: f(W, Forward((x0, x1, x2), (a1, a2)), x_bar, tanh),
        ),
        "backpropagate": Case(
            lambda r: (two_layers(r), r.normal(size=(2, 3)), r.normal(size=(2, 2))),
            call=lambda f, W, x, y: f(W, x, y, tanh, squared_error_head),
        ),
        "backpropagate:classes": Case(
            lambda r: (two_layers(r), r.normal(size=(2, 3)), r.integers(0, 2, 2)),
            call=lambda f, W, x, y: f(W, x, y, tanh, softmax_cross_entropy_head),
        ),
    },
    "backprop.flow": {
        "layer_jacobians": Case(normal((3, 4), (2, 3)), call=lambda f, W, a: f(W, a, with_grad(tanh))),
        "jacobian_norms": Case(
            lambda r: (two_layers(r), r.normal(size=(2, 4)), r.normal(size=(2, 2))),
            call=lambda f, W, a, b: f(W, (a, b), tanh),
        ),
        "layer_norms": Case(lambda r: (two_layers(r),)),
        "growth_rate": Case(positive((2, 4))),
    },
    "training.metrics": {"accuracy": Case(lambda r: (r.normal(size=(4, 3)), r.integers(0, 3, 4)))},
    "solvers.descent.nonlinear_cg": {"fletcher_reeves polak_ribiere hestenes_stiefel hager_zhang": VECTORS},
    "solvers.residuals.factors": {
        "by_qr by_cholesky": Case(normal((5, 2), (5,), (2,)), call=weighted, dtypes=WIDE),
        "by_shape": Case(normal((9, 2), (9,), (2,)), call=weighted, dtypes=WIDE),
    },
    "solvers.residuals.jacobian": {
        "PerExample": Case(
            normal((3,), (5, 3), (5,)), call=lambda f, p, x, y: f(lambda p, x, y: tanh(p @ x) - y)(p, x, y)
        ),
    },
    "solvers.descent.quasi_newton": {
        "inverse_hessian_update": Case(
            lambda r: (spd(r), r.normal(size=3), spd(r)), call=lambda f, H, s, A: f(H, s, A @ s)
        )
    },
    "solvers.linear.preconditioners": {
        "diagonal": Case(lambda r: (spd(r), r.normal(size=3)), call=lambda f, A, v: f(A)(v)),
        "given": Case(lambda r: (spd(r), r.normal(size=3)), call=lambda f, A, v: f(tanh)(A)(v)),
        "incomplete_cholesky": Case(lambda r: (spd(r), r.normal(size=3)), call=lambda f, A, v: f(A)(v), **LOOP),
    },
    "solvers.residuals.uncertainty": {
        "covariance standard_deviations": FITTED,
        "standard_errors": FITTED._replace(
            args=normal((2,)), call=lambda f, x: f(lambda p: jnp.sum(p**2) + jnp.sum(jnp.cosh(p)), x)
        ),
    },
    "solvers.descent.search": {"line_search": START._replace(call=lambda f, x: f(StrongWolfe(), banana, x, -x))},
    "solvers.linear.system": {
        "solve": Case(lambda r: (spd(r), r.normal(size=3)), call=lambda f, A, b: f(LU(), A, b), **LOOP)
    },
    "solvers.loop": {
        "init_state": START._replace(call=lambda f, x: f(BFGS(), banana, x)),
        "next_state": START._replace(call=lambda f, x: f(BFGS(), banana, init_state(BFGS(), banana, x))),
    },
    "solvers.problem": {"ravel": Case(lambda r: (two_layers(r),), call=lambda f, x: f(x)[0], out=at_least_f32)},
    "solvers.descent.method": {"minimize": START._replace(call=lambda f, x: f(BFGS(max_steps=3), banana, x))},
    "solvers.residuals.method": {
        "least_squares": START._replace(call=lambda f, x: f(Levenberg(max_steps=3), residuals, x))
    },
}
