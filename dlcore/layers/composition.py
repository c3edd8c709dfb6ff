"""Networks from layers: one after another, or beside a shortcut."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dlcore.activations import relu
from dlcore.initializers import Initializer, he_normal
from dlcore.layers.base import Activation, Dense, Dropout, Layer, Shape
from dlcore.numerics.errors import check_same_shape, needed
from dlcore.numerics.formats import Array, PyTree, Scalar
from dlcore.tree.fields import hyperparams, is_code


@hyperparams
class Sequential(Layer):
    """``layers`` one after another; parameters and states are tuples in their order."""

    layers: tuple[Layer, ...]

    def init(self, key, input_shape):
        """Each layer for the shape that the ones before it give; raises ValueError where there is none."""
        if not self.layers:
            raise ValueError(needed("sequential", "at least one layer", "none", "sequential(Dense(10))"))
        params, states = [], []
        for i, layer in enumerate(self.layers):
            p, s = layer.init(jax.random.fold_in(key, i), input_shape)
            input_shape = output_shape(layer, p, s, input_shape)
            params.append(p)
            states.append(s)
        return tuple(params), tuple(states)

    def apply(self, params, state, x, *, key, train):
        """Through all layers, each with a key of its own."""
        after = []
        for i, (layer, p, s) in enumerate(zip(self.layers, params, state, strict=True)):
            x, new = layer.apply(p, s, x, key=None if key is None else jax.random.fold_in(key, i), train=train)
            after.append(new)
        return x, tuple(after)


def sequential(*layers: Layer | Callable[[Array], Array]) -> Sequential:
    """The ``Sequential`` of ``layers``; a function among them, such as ``relu``, becomes an ``Activation``."""
    return Sequential(tuple(_as_layer(layer) for layer in layers))


def mlp(
    widths: tuple[int, ...],
    activation: Callable[[Array], Array] = relu,
    *,
    dropout: Scalar | None = None,
    kernel_init: Initializer = he_normal,
    output_init: Initializer | None = None,
) -> Sequential:
    """A multilayer perceptron: ``Dense`` layers of ``widths``, the last of which are the outputs, and what is between.

    Between two of them stand ``activation`` and, where its rate is given, ``Dropout``. ``output_init`` is the last
    kernel's, ``kernel_init`` that of all others.

    >>> from dlcore.layers import mlp
    >>> mlp((64, 10))
    Sequential(layers=(Dense(units=64), Activation(function=relu), Dense(units=10)))
    """
    if not widths:
        raise ValueError(needed("mlp", "the units of at least one layer", widths, "mlp((64, 10))"))
    drop = () if dropout is None else (Dropout(dropout),)
    hidden = [part for m in widths[:-1] for part in (Dense(m, kernel_init=kernel_init), activation, *drop)]
    return sequential(*hidden, Dense(widths[-1], kernel_init=output_init or kernel_init))


@hyperparams
class Residual(Layer):
    r"""$F(x) + x$, or $F(x) + S(x)$ with a ``shortcut`` S, such as ``Dense`` or a 1x1 ``Conv``, where shapes differ.

    He et al. 2016, eq. 1 and 2. Parameters and states are dictionaries with "layer" and "shortcut".
    """

    layer: Layer
    shortcut: Layer | None = None

    def init(self, key, input_shape):
        """Both parts for the same examples."""
        parts = self._parts()
        made = {name: part.init(jax.random.fold_in(key, i), input_shape) for i, (name, part) in enumerate(parts)}
        return {name: p for name, (p, _) in made.items()}, {name: s for name, (_, s) in made.items()}

    def apply(self, params, state, x, *, key, train):
        """The sum of both parts; raises ValueError where their shapes differ."""
        y, after = {"shortcut": x}, {}
        for i, (name, part) in enumerate(self._parts()):
            own = None if key is None else jax.random.fold_in(key, i)
            y[name], after[name] = part.apply(params[name], state[name], x, key=own, train=train)
        check_same_shape(**y)
        return y["layer"] + y["shortcut"], after

    def _parts(self):
        return [("layer", self.layer)] + ([] if self.shortcut is None else [("shortcut", self.shortcut)])


def residual(*layers: Layer | Callable[[Array], Array], shortcut: Layer | None = None) -> Residual:
    """The ``Residual`` around ``sequential(*layers)``."""
    return Residual(sequential(*layers), shortcut)


def _as_layer(layer: Any) -> Layer:
    if isinstance(layer, jax.tree_util.Partial) or is_code(layer):
        return Activation(layer)
    if not hasattr(layer, "apply"):
        raise TypeError(f"sequential: needed layers or functions, got {layer!r}; try: sequential(Dense(64), relu)")
    return layer


def output_shape(layer: Layer, params: PyTree, state: PyTree, input_shape: Shape) -> Shape:
    """The shape of one example after ``layer``, without computing anything."""
    x = jax.ShapeDtypeStruct((1, *input_shape), jnp.result_type(float))
    y, _ = jax.eval_shape(lambda p, s, v: layer.apply(p, s, v, key=None, train=False), params, state, x)
    return y.shape[1:]
