"""The 35 test problems of Moré, Garbow & Hillstrom 1981 (ACM TOMS 7(1), pages 17-41) as residuals in JAX.

Each takes the parameters [n] and, where its number is free, the number of residuals m; the objective is the sum of
their squares. Where the printed formula or datum is a slip, the corrected one stands here with a remark.
"""

import jax.numpy as jnp
import numpy as np


def _one_to(m, dtype):
    return jnp.arange(1, m + 1, dtype=dtype)


def rosenbrock(x, m):
    x1, x2 = x
    return jnp.stack([10 * (x2 - x1**2), 1 - x1])


def freudenstein_roth(x, m):
    x1, x2 = x
    return jnp.stack([-13 + x1 + ((5 - x2) * x2 - 2) * x2, -29 + x1 + ((x2 + 1) * x2 - 14) * x2])


def powell_badly_scaled(x, m):
    x1, x2 = x
    return jnp.stack([1e4 * x1 * x2 - 1, jnp.exp(-x1) + jnp.exp(-x2) - 1.0001])


def brown_badly_scaled(x, m):
    x1, x2 = x
    return jnp.stack([x1 - 1e6, x2 - 2e-6, x1 * x2 - 2])


def beale(x, m):
    x1, x2 = x
    i = _one_to(3, x.dtype)
    return jnp.array([1.5, 2.25, 2.625], x.dtype) - x1 * (1 - x2**i)


def jennrich_sampson(x, m):
    x1, x2 = x
    i = _one_to(m, x.dtype)
    return 2 + 2 * i - (jnp.exp(i * x1) + jnp.exp(i * x2))


def helical_valley(x, m):
    x1, x2, x3 = x
    turn = jnp.arctan2(x2, x1) / (2 * np.pi)  # theta of the paper lies in (-1/4, 3/4)
    theta = jnp.where(turn < -0.25, turn + 1, turn)
    return jnp.stack([10 * (x3 - 10 * theta), 10 * (jnp.sqrt(x1**2 + x2**2) - 1), x3])


def bard(x, m):
    x1, x2, x3 = x
    y = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
    u = _one_to(15, x.dtype)
    v = 16 - u
    return jnp.array(y, x.dtype) - (x1 + u / (v * x2 + jnp.minimum(u, v) * x3))


def gaussian(x, m):
    x1, x2, x3 = x
    half = [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521]
    y = jnp.array([*half, 0.3989, *half[::-1]], x.dtype)
    t = (8 - _one_to(15, x.dtype)) / 2
    return x1 * jnp.exp(-x2 * (t - x3) ** 2 / 2) - y


def meyer(x, m):
    x1, x2, x3 = x
    y = [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872]
    t = 45 + 5 * _one_to(16, x.dtype)
    return x1 * jnp.exp(x2 / (t + x3)) - jnp.array(y, x.dtype)


def gulf(x, m):
    """Without the factor m i, a misprint of the paper."""
    x1, x2, x3 = x
    t = _one_to(m, x.dtype) / 100
    y = 25 + (-50 * jnp.log(t)) ** (2 / 3)
    return jnp.exp(-(jnp.abs(y - x2) ** x3) / x1) - t


def box_3d(x, m):
    x1, x2, x3 = x
    t = _one_to(m, x.dtype) / 10
    return jnp.exp(-t * x1) - jnp.exp(-t * x2) - x3 * (jnp.exp(-t) - jnp.exp(-10 * t))


def extended_powell(x, m):
    x1, x2, x3, x4 = x.reshape(-1, 4).T
    rows = [x1 + 10 * x2, np.sqrt(5) * (x3 - x4), (x2 - 2 * x3) ** 2, np.sqrt(10) * (x1 - x4) ** 2]
    return jnp.stack(rows, axis=1).ravel()


def wood(x, m):
    x1, x2, x3, x4 = x
    return jnp.stack(
        [
            10 * (x2 - x1**2),
            1 - x1,
            np.sqrt(90) * (x4 - x3**2),
            1 - x3,
            np.sqrt(10) * (x2 + x4 - 2),
            (x2 - x4) / np.sqrt(10),
        ]
    )


def kowalik_osborne(x, m):
    x1, x2, x3, x4 = x
    y = [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
    u = jnp.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625], x.dtype)
    return jnp.array(y, x.dtype) - x1 * (u**2 + u * x2) / (u**2 + u * x3 + x4)


def brown_dennis(x, m):
    x1, x2, x3, x4 = x
    t = _one_to(m, x.dtype) / 5
    return (x1 + t * x2 - jnp.exp(t)) ** 2 + (x3 + x4 * jnp.sin(t) - jnp.cos(t)) ** 2


def osborne_1(x, m):
    x1, x2, x3, x4, x5 = x
    y = [
        0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603,
        0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411,
        0.406,
    ]  # fmt: skip
    t = 10 * (_one_to(33, x.dtype) - 1)
    return jnp.array(y, x.dtype) - (x1 + x2 * jnp.exp(-t * x4) + x3 * jnp.exp(-t * x5))


def biggs_exp6(x, m):
    x1, x2, x3, x4, x5, x6 = x
    t = _one_to(m, x.dtype) / 10
    y = jnp.exp(-t) - 5 * jnp.exp(-10 * t) + 3 * jnp.exp(-4 * t)
    return x3 * jnp.exp(-t * x1) - x4 * jnp.exp(-t * x2) + x6 * jnp.exp(-t * x5) - y


def osborne_2(x, m):
    y = [
        1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616, 0.606,
        0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423,
        0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668,
        0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098,
        0.054,
    ]  # fmt: skip
    t = (_one_to(65, x.dtype) - 1) / 10
    bells = [x[i] * jnp.exp(-((t - x[i + 7]) ** 2) * x[i + 4]) for i in (1, 2, 3)]
    return jnp.array(y, x.dtype) - (x[0] * jnp.exp(-t * x[4]) + sum(bells))


def watson(x, m):
    n = x.size
    t = _one_to(29, x.dtype)[:, None] / 29
    j = _one_to(n, x.dtype)[None, :]
    slope = ((j - 1) * t ** jnp.maximum(j - 2, 0)) @ x
    height = t ** (j - 1) @ x
    return jnp.concatenate([slope - height**2 - 1, jnp.stack([x[0], x[1] - x[0] ** 2 - 1])])


def extended_rosenbrock(x, m):
    odd, even = x.reshape(-1, 2).T
    return jnp.stack([10 * (even - odd**2), 1 - odd], axis=1).ravel()


def penalty_1(x, m):
    return jnp.concatenate([np.sqrt(1e-5) * (x - 1), jnp.sum(x**2, keepdims=True) - 0.25])


def penalty_2(x, m):
    n = x.size
    i = _one_to(n, x.dtype)[1:]
    y = jnp.exp(i / 10) + jnp.exp((i - 1) / 10)
    a = np.sqrt(1e-5)
    steps = a * (jnp.exp(x[1:] / 10) + jnp.exp(x[:-1] / 10) - y)
    ends = jnp.sum((n - _one_to(n, x.dtype) + 1) * x**2, keepdims=True) - 1
    return jnp.concatenate([x[:1] - 0.2, steps, a * (jnp.exp(x[1:] / 10) - np.exp(-0.1)), ends])


def variably_dimensioned(x, m):
    total = jnp.sum(_one_to(x.size, x.dtype) * (x - 1), keepdims=True)
    return jnp.concatenate([x - 1, total, total**2])


def trigonometric(x, m):
    n = x.size
    i = _one_to(n, x.dtype)
    return n - jnp.sum(jnp.cos(x)) + i * (1 - jnp.cos(x)) - jnp.sin(x)


def brown_almost_linear(x, m):
    n = x.size
    return jnp.concatenate([x[:-1] + jnp.sum(x) - (n + 1), jnp.prod(x, keepdims=True) - 1])


def discrete_boundary_value(x, m):
    n = x.size
    h = 1 / (n + 1)
    t = h * _one_to(n, x.dtype)
    around = jnp.pad(x, 1)
    return 2 * x - around[:-2] - around[2:] + h**2 * (x + t + 1) ** 3 / 2


def discrete_integral_equation(x, m):
    n = x.size
    h = 1 / (n + 1)
    t = h * _one_to(n, x.dtype)
    cubes = (x + t + 1) ** 3
    below = jnp.cumsum(t * cubes)
    above = jnp.sum((1 - t) * cubes) - jnp.cumsum((1 - t) * cubes)
    return x + h * ((1 - t) * below + t * above) / 2


def broyden_tridiagonal(x, m):
    around = jnp.pad(x, 1)
    return (3 - 2 * x) * x - around[:-2] - 2 * around[2:] + 1


def broyden_banded(x, m):
    n = x.size
    i, j = np.arange(n)[:, None], np.arange(n)[None, :]
    band = jnp.array((j >= i - 5) & (j <= i + 1) & (j != i), x.dtype)
    return x * (2 + 5 * x**2) + 1 - band @ (x * (1 + x))


def linear_full_rank(x, m):
    mean = 2 / m * jnp.sum(x)
    return jnp.concatenate([x, jnp.zeros(m - x.size, x.dtype)]) - mean - 1


def linear_rank_1(x, m):
    return _one_to(m, x.dtype) * jnp.sum(_one_to(x.size, x.dtype) * x) - 1


def linear_rank_1_zero(x, m):
    inner = jnp.sum(_one_to(x.size, x.dtype)[1:-1] * x[1:-1])
    middle = (_one_to(m, x.dtype)[1:-1] - 1) * inner
    return jnp.pad(middle, 1) - 1


def chebyquad(x, m):
    before, now = jnp.ones_like(x), 2 * x - 1
    rows = []
    for i in range(1, m + 1):
        integral = 0.0 if i % 2 else -1 / (i**2 - 1)
        rows.append(jnp.mean(now) - integral)
        before, now = now, 2 * (2 * x - 1) * now - before
    return jnp.stack(rows)


PROBLEMS = (
    rosenbrock,
    freudenstein_roth,
    powell_badly_scaled,
    brown_badly_scaled,
    beale,
    jennrich_sampson,
    helical_valley,
    bard,
    gaussian,
    meyer,
    gulf,
    box_3d,
    extended_powell,
    wood,
    kowalik_osborne,
    brown_dennis,
    osborne_1,
    biggs_exp6,
    osborne_2,
    watson,
    extended_rosenbrock,
    extended_powell,
    penalty_1,
    penalty_2,
    variably_dimensioned,
    trigonometric,
    brown_almost_linear,
    discrete_boundary_value,
    discrete_integral_equation,
    broyden_tridiagonal,
    broyden_banded,
    linear_full_rank,
    linear_rank_1,
    linear_rank_1_zero,
    chebyquad,
)
"""Problem number k of the paper is ``PROBLEMS[k - 1]``."""
