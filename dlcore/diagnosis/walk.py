"""Through a network part by part: what every part gives, what comes back to it, and how its units stand."""

import dataclasses
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.backprop import layer_norms
from dlcore.layers import Activation, BatchNorm, Layer, Sequential, batch_moments
from dlcore.numerics.formats import Array, PyTree, at_least_f32
from dlcore.training import Setup
from dlcore.training.forward import outputs_of, per_example
from dlcore.training.learner import norm

FLAT = 0.02  # of the steepest slope of an activation: a unit below it hardly passes anything back
NEARLY_ALL = 0.95  # of the examples on which a saturated unit is flat
_GRID = np.linspace(-8, 8, 65)
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(64)


class Part(NamedTuple):
    """A part of a network: its name, the layer, and where its parameters and state stand in those of the network."""

    name: str
    layer: Layer
    place: tuple[int, ...]

    @property
    def kind(self) -> str:
        """What it is called: the class of the layer, or the function of an activation."""
        known = self.layer.function if isinstance(self.layer, Activation) else type(self.layer)
        return getattr(known, "__name__", type(self.layer).__name__)


class Layers(NamedTuple):
    r"""Of every part of a network, in training mode on one batch, [parts] each.

    ``activation`` and ``error`` are root mean squares of what it gives and of the loss's derivative by that, times the
    number of examples; ``gradient`` and ``params`` are norms over its parameters. ``dead`` is the share of units that
    give 0 and pass nothing back on any example, ``saturated`` of those that are almost flat on nearly all. ``shift``
    and ``ratio`` compare the averages of batch norm with the batch: the median over the features of
    $|\mu - \mu_B| / \sigma_B$ and of $|\ln(\sigma^2 / \sigma_B^2)|$. ``kernel`` is the root mean square of the weights
    and ``keeping`` that which would keep activations at their size. NaN where a part has no such thing.
    """

    activation: Array
    error: Array
    gradient: Array
    params: Array
    dead: Array
    saturated: Array
    shift: Array
    ratio: Array
    kernel: Array
    keeping: Array


def parts_of(model: Layer, name: str = "model", place: tuple[int, ...] = ()) -> list[Part]:
    """The parts of a network: layers one after another, however deep ``Sequential`` stands in ``Sequential``."""
    if not isinstance(model, Sequential):
        return [Part(name, model, place)]
    below = (parts_of(layer, f"{name}.layers[{i}]", (*place, i)) for i, layer in enumerate(model.layers))
    return [part for parts in below for part in parts]


def at_place(tree: PyTree, place: tuple[int, ...]) -> PyTree:
    """What ``tree``, parameters or states of the network, has for the part at ``place``."""
    return at_place(tree[place[0]], place[1:]) if place else tree


class _Tapped(NamedTuple):
    """A model that adds ``taps`` to what its parts give, and gives all of that for a state."""

    parts: list[Part]
    taps: list[Array] | None

    def apply(self, params, state, x, *, key, train):
        steps = []
        for i, part in enumerate(self.parts):
            own = None if key is None else jax.random.fold_in(key, i)
            before = x
            x, _ = part.layer.apply(at_place(params, part.place), at_place(state, part.place), x, key=own, train=train)
            x = x if self.taps is None else x + self.taps[i]
            steps.append((before, x))
        return x, steps


class Walk(NamedTuple):
    """A batch on its way through all parts: of each what went in and what came out, the loss's derivative by the
    latter, and that by its parameters.
    """

    steps: list[tuple[Array, Array]]
    errors: list[Array]
    gradients: list[PyTree]


def walked(setup: Setup, params: PyTree, model_state: PyTree, x: Array, y: Array, key: Array) -> Walk:
    """The batch x [n, ...], y [n, ...] on its way through the setup's model and back, in training mode."""
    parts = parts_of(setup.model)

    def loss_of(taps, params):
        tapped = dataclasses.replace(setup, model=cast(Any, _Tapped(parts, taps)), compute_dtype=None)
        outputs, steps = outputs_of(tapped, params, model_state, x, key=key, train=True)
        return jnp.mean(per_example("loss", setup.loss, outputs, y)), steps

    shapes = jax.eval_shape(lambda p: loss_of(None, p)[1], params)
    taps = [jnp.zeros(after.shape, after.dtype) for _, after in shapes]
    (errors, grads), steps = jax.grad(loss_of, (0, 1), has_aux=True)(taps, params)
    return Walk(steps, errors, [at_place(grads, part.place) for part in parts])


def layers_at(setup: Setup, params: PyTree, model_state: PyTree, walk: Walk) -> Layers:
    """How the parts of the setup's model stand, of which ``walk`` is the way of a batch through them."""
    parts, (steps, errors, gradients) = parts_of(setup.model), walk
    own = [at_place(params, part.place) for part in parts]
    return Layers(
        activation=jnp.stack([_size(after) for _, after in steps]),
        error=jnp.stack([_size(error) * error.shape[0] for error in errors]),
        gradient=layer_norms(tuple(gradients)),
        params=jnp.stack([jnp.asarray(norm(one), float) for one in own]),
        **_columns(("dead", "saturated"), [_units(part, *step) for part, step in zip(parts, steps, strict=True)]),
        **_columns(
            ("shift", "ratio"), [_averages(part, model_state, *step) for part, step in zip(parts, steps, strict=True)]
        ),
        **_columns(("kernel", "keeping"), [_kernel(parts, i, one) for i, one in enumerate(own)]),
    )


def _columns(names: tuple[str, ...], rows: list[Any]) -> dict[str, Array]:
    dtype = at_least_f32(jnp.result_type(float))
    return {name: jnp.stack([jnp.asarray(row[i], dtype) for row in rows]) for i, name in enumerate(names)}


def _size(a):
    wide = a.astype(at_least_f32(a.dtype)) if jnp.issubdtype(a.dtype, jnp.inexact) else a.astype(float)
    return jnp.sqrt(jnp.mean(jnp.square(wide)))


def _units(part, before, after):
    """(share of dead units, share of saturated ones) of an activation."""
    if not isinstance(part.layer, Activation) or before.shape != after.shape:
        return jnp.nan, jnp.nan
    function = part.layer.function
    slope, steepest = jnp.abs(_slope(function, before)), _steepest(function, before.dtype)
    silent = (slope == 0) & (after == 0)
    flat = (slope < FLAT * steepest) & ~silent
    examples = tuple(range(after.ndim - 1))
    return jnp.mean(jnp.all(silent, examples)), jnp.mean(jnp.mean(flat, examples) > NEARLY_ALL)


def _slope(function, s):
    """The derivative of an elementwise function, up to its sign; of one that is not, softmax, that along ± 1."""
    signs = jnp.where(jnp.arange(s.size).reshape(s.shape) % 2 == 0, 1, -1).astype(s.dtype)
    return jax.jvp(function, (s,), (signs,))[1]


def _steepest(function, dtype):
    return jnp.max(jnp.abs(_slope(function, jnp.asarray(_GRID, dtype))))


def _averages(part, model_state, before, _):
    if not isinstance(part.layer, BatchNorm):
        return jnp.nan, jnp.nan
    state = at_place(model_state, part.place)
    wide = before.astype(at_least_f32(before.dtype))
    mean, var = batch_moments(wide)
    varies = var > jnp.finfo(var.dtype).eps * jnp.square(mean)
    var = jnp.where(varies, var, 1)
    shift = jnp.abs(state["mean"].astype(mean.dtype) - mean) / jnp.sqrt(var)
    ratio = jnp.abs(jnp.log(jnp.maximum(state["var"].astype(var.dtype), jnp.finfo(var.dtype).tiny) / var))
    return [jnp.nanmedian(jnp.where(varies, v, jnp.nan)) for v in (shift, ratio)]


def _kernel(parts, i, params):
    r"""Root mean square of the weights, and $1 / \sqrt{n_{in} E \varphi(z)^2}$, z standard normal, that keeps it."""
    kernel = params.get("kernel") if isinstance(params, dict) else None
    if kernel is None or kernel.ndim < 2:
        return jnp.nan, jnp.nan
    fan_in = kernel.size // kernel.shape[-1]
    before = next((part.layer for part in reversed(parts[:i]) if isinstance(part.layer, Activation)), None)
    z = jnp.asarray(_NODES, kernel.dtype)
    square = jnp.square(z if before is None else before.function(z))
    gain = jnp.sum(square * jnp.asarray(_WEIGHTS / _WEIGHTS.sum(), kernel.dtype))
    return _size(kernel), 1 / jnp.sqrt(fan_in * gain)
