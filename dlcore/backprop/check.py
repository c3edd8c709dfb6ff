r"""Is a gradient right? Central differences against reverse mode, forward mode against reverse mode, leaf by leaf.

Along a direction $v$ from $\theta$, $\phi(t) = f(\theta + t v)$ and $D(h) = (\phi(h) - \phi(-h)) / 2h$. Richardson's
$D = (4 D(h/2) - D(h)) / 3$ is off by $O(h^4)$, and by rounding of $f$, about $\epsilon |f| / h$. At a kink within
the step the slopes to the right and to the left disagree, however small $h$; then no difference can be trusted.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.numerics.formats import PyTree
from dlcore.tree.names import leaf_names

ROUNDINGS = 16  # in units of eps: a few for f itself, times the weights of Richardson's formula
STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)


class LeafReport(NamedTuple):
    """One array of the parameters, at the direction where the differences fit its derivative worst.

    ``index`` is the coordinate, None for a random direction. ``derivative`` is by reverse mode, ``difference`` by
    finite differences; ``excess`` is how often their distance, kinks left out, exceeds ``tolerance``: wrong above 1.
    ``mode_error`` is the largest distance of forward and reverse mode. ``kinks`` are the coordinates of kinks, or
    the numbers of the random directions that meet one, out of ``directions``.
    """

    path: str
    status: Literal["ok", "wrong gradient", "jump", "modes disagree", "not finite"]
    index: tuple[int, ...] | None
    derivative: float
    difference: float
    tolerance: float
    excess: float
    mode_error: float
    kinks: tuple[tuple[int, ...], ...]
    directions: int
    step: float


class GradientReport(NamedTuple):
    """``ok`` if every leaf is; ``worst`` is the path of the worst leaf; ``leaves`` are all, the worst first."""

    ok: bool
    worst: str
    leaves: tuple[LeafReport, ...]
    kinks: int


class _Probe(NamedTuple):
    """Along each direction: f at STEPS [k, 5]; the rest [k].

    ``size`` is the derivative's without cancellation, ``moved`` what rounding of the moved parameters does to f.
    """

    values: Any
    reverse: Any
    forward: Any
    size: Any
    moved: Any


def check_gradient(
    f: Callable[[PyTree], Any],
    params: PyTree,
    *,
    step: float | None = None,
    coordinates: int = 256,
    directions: int = 16,
    forward_mode: bool = True,
    seed: int = 0,
) -> GradientReport:
    r"""Compare the derivatives of ``f`` at ``params`` with central differences, in every floating leaf. Host function.

    Leaves of at most ``coordinates`` entries are checked along each of them, larger ones along ``directions`` random
    unit vectors. ``step`` is in units of the leaf's scale $\max(1, \max|\theta|)$, the default $\epsilon^{1/3}$
    of its dtype. An output that is no scalar is checked in a random linear combination of its entries.
    ``forward_mode=False`` is for functions with a ``custom_vjp``, which have no forward mode.

    A derivative that lies between the two slopes at a kink is reported as kink, not as error.
    Raises ValueError for parameters without floating leaf, TypeError for complex ones or an output that is not real.
    """
    leaves, treedef = jax.tree.flatten(params)
    numbered = {i: jnp.asarray(leaf) for i, leaf in enumerate(leaves)}
    _check_real(numbered)
    chosen = [i for i, x in numbered.items() if jnp.issubdtype(x.dtype, jnp.floating) and x.size]
    if not chosen:
        raise ValueError("params: needed at least one floating array that is not empty, got none")
    scalar = _scalar(f, treedef, numbered, seed)
    gradient = jax.jit(jax.grad(lambda some, rest: scalar(rest | some)))({i: numbered[i] for i in chosen}, numbered)
    names = [name or "params" for name in leaf_names(params)]
    reports = []
    for i in chosen:
        vs, indices = _directions(numbered[i], coordinates, directions, seed)
        h = _step(numbered[i], step)
        probe = _measure(scalar, numbered, i, gradient[i], vs, h, forward_mode)
        reports.append(_judge(names[i], indices, probe, h, float(jnp.finfo(numbered[i].dtype).eps)))
    reports.sort(key=lambda report: -report.excess)
    kinks = sum(len(report.kinks) for report in reports)
    return GradientReport(all(r.status == "ok" for r in reports), reports[0].path, tuple(reports), kinks)


def _check_real(numbered):
    for x in numbered.values():
        if jnp.issubdtype(x.dtype, jnp.complexfloating):
            raise TypeError(f"params: needed real arrays, got {x.dtype}; try real and imaginary part as two leaves")


def _scalar(f, treedef, numbered, seed):
    """``f`` of numbered leaves as one number: its entries with random weights, a scalar as it is."""

    def whole(given):
        return jax.tree.leaves(f(treedef.unflatten([given[i] for i in range(len(given))])))

    shapes = jax.eval_shape(whole, numbered)
    if not shapes or not all(jnp.issubdtype(s.dtype, jnp.floating) for s in shapes):
        raise TypeError(f"f: needed real floating outputs, got {[str(s.dtype) for s in shapes]}")
    if len(shapes) == 1 and shapes[0].shape == ():
        return lambda given: whole(given)[0]
    wide = max((s.dtype for s in shapes), key=lambda d: jnp.finfo(d).bits)
    rng = np.random.default_rng(seed)
    weights = [jnp.asarray(rng.normal(size=s.shape), s.dtype) for s in shapes]
    return lambda given: sum(jnp.sum(w * y).astype(wide) for w, y in zip(weights, whole(given), strict=True))


def _directions(leaf, coordinates, directions, seed):
    """Unit vectors [k, *leaf.shape], and the coordinate of each, None for random ones."""
    if leaf.size <= coordinates:
        vs = np.eye(leaf.size).reshape(leaf.size, *leaf.shape)
        return jnp.asarray(vs, leaf.dtype), list(np.ndindex(leaf.shape))
    vs = np.random.default_rng(seed).normal(size=(directions, leaf.size))
    vs /= np.linalg.norm(vs, axis=1, keepdims=True)
    return jnp.asarray(vs.reshape(directions, *leaf.shape), leaf.dtype), [None] * directions


def _step(leaf, step):
    """A power of 2, so that the step itself is not rounded."""
    scale = max(1.0, float(jnp.max(jnp.abs(leaf), initial=0)))
    relative = float(jnp.finfo(leaf.dtype).eps) ** (1 / 3) if step is None else step
    return 2.0 ** round(np.log2(relative * scale))


def _measure(scalar, numbered, i, g, vs, h, forward_mode):
    def along(x, g, rest, v):
        eps = float(jnp.finfo(x.dtype).eps)
        values = jax.lax.map(lambda t: scalar(rest | {i: x + t * v}), h * jnp.asarray(STEPS, x.dtype))
        reverse = jnp.vdot(g, v)
        forward = jax.jvp(lambda moved: scalar(rest | {i: moved}), (x,), (v,))[1] if forward_mode else reverse
        return _Probe(
            values, reverse, forward, jnp.sum(jnp.abs(g * v)), eps * jnp.sum(jnp.where(v != 0, abs(g * x), 0))
        )

    probe = jax.jit(lambda x, g, rest, vs: jax.lax.map(lambda v: along(x, g, rest, v), vs))(
        numbered[i], g, numbered, vs
    )
    return jax.tree.map(lambda a: np.asarray(a, float), probe)


def _judge(path, indices, probe, h, eps):
    """Wrong where the difference misses the derivative by more than rounding explains, unless a kink explains it."""
    difference, rough, slopes = _differences(probe.values, h)
    rounding = ROUNDINGS * eps * np.max(np.abs(probe.values), axis=1)
    slack = 10 * eps ** (2 / 3) * probe.size
    tolerance = (rounding + probe.moved) / h + slack
    error = np.abs(difference - probe.reverse)
    between = (slopes.min(axis=0) - tolerance <= probe.reverse) & (probe.reverse <= slopes.max(axis=0) + tolerance)
    gap, half_gap = np.abs(slopes[0] - slopes[1]), np.abs(slopes[2] - slopes[3])
    jump = (half_gap > tolerance) & (half_gap > 1.5 * gap)  # at a kink slopes do not grow as the step shrinks
    kink = (error > tolerance) & (rough >= error) & between & ~jump
    mode_error = np.abs(probe.forward - probe.reverse)
    finite = np.isfinite(difference) & np.isfinite(probe.reverse) & np.isfinite(probe.forward)
    misses = np.where(kink, 0, _ratio(error, tolerance))
    excess = np.where(finite, np.maximum(misses, _ratio(mode_error, rounding + slack)), np.inf)
    worst = int(np.argmax(excess))
    wrong = "jump" if jump[worst] else "wrong gradient" if misses[worst] > 1 else "modes disagree"
    return LeafReport(
        path=path,
        status="ok" if excess[worst] <= 1 else wrong if finite[worst] else "not finite",
        index=indices[worst],
        derivative=float(probe.reverse[worst]),
        difference=float(difference[worst]),
        tolerance=float(tolerance[worst]),
        excess=float(excess[worst]),
        mode_error=float(np.max(mode_error)),
        kinks=tuple((int(k),) if indices[k] is None else indices[k] for k in np.flatnonzero(kink)),
        directions=len(indices),
        step=h,
    )


def _differences(values, h):
    """Richardson's difference; how far the function is from a parabola; the slopes on both sides at both steps."""
    low, half_low, mid, half_high, high = values.T
    whole, half = (high - low) / (2 * h), (half_high - half_low) / h
    bend = (high + low - 2 * mid) / h - 4 * (half_high + half_low - 2 * mid) / h
    rough = np.abs(bend) + np.abs(whole - half)  # at a kink 1.5 times the error of the difference, or more
    slopes = np.stack([(high - mid) / h, (mid - low) / h, 2 * (half_high - mid) / h, 2 * (mid - half_low) / h])
    return (4 * half - whole) / 3, rough, slopes


def _ratio(a, b):
    return a / np.maximum(b, np.finfo(float).tiny)
