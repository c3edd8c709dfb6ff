"""From the parameters of scikit-learn's networks to a ``Setup``."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from dlcore.activations import identity, relu, sigmoid, tanh
from dlcore.layers import Layer, mlp
from dlcore.losses import squared_error
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array
from dlcore.optimizers import Adam, SGDMomentum, SGDNesterov
from dlcore.regularizers import L2
from dlcore.solvers import LBFGS
from dlcore.training import EarlyStopping, Setup, Watch, as_arrays
from dlcore.tree.names import nearest

ACTIVATIONS = {"identity": identity, "logistic": sigmoid, "relu": relu, "tanh": tanh}
BATCH = 200  # examples at most that "auto" takes


def adam(network: Any) -> Adam:
    """The rule of ``network``'s numbers."""
    return Adam(network.learning_rate_init, network.beta_1, network.beta_2, network.epsilon)


def sgd(network: Any) -> SGDMomentum | SGDNesterov:
    """With its momentum, by scikit-learn's formula."""
    rule = SGDNesterov if network.nesterovs_momentum else SGDMomentum
    return rule(network.learning_rate_init, network.momentum)


def lbfgs(_: Any) -> LBFGS:
    """A step of it is an epoch; it has no number of the network."""
    return LBFGS()


SOLVERS: dict[str, Callable[[Any], Any]] = {"adam": adam, "lbfgs": lbfgs, "sgd": sgd}


def half_squared_error(predictions: Array, targets: Array) -> Array:
    r"""$\frac12 \lVert y - \hat y \rVert_2^2$, the loss whose gradient scikit-learn's regressor descends."""
    return squared_error(predictions, targets) / 2


def setup_of(network: Any, n: int, outputs: int, loss: Callable, weight: float = 1.0) -> Setup:
    r"""The setup of ``network`` for ``n`` training examples, which have this ``weight`` on average.

    The objective is scikit-learn's: $\frac1B (\sum_i L_i + \frac\alpha2 \lVert W \rVert^2)$ for a mini-batch of B, with
    weights $(\sum_i w_i L_i + \frac\alpha2 \lVert W \rVert^2) / (B \bar w)$.
    Raises ValueError for words that mean nothing.
    """
    solver = _chosen("solver", network.solver, SOLVERS)
    size = _batch_size(network, n)
    return Setup(
        model=mlp((*_widths(network), outputs), _activation(network), dropout=network.dropout),
        loss=loss,
        optimizer=solver(network),
        penalty=L2(network.alpha / ((size or n) * weight), half=True),
        stopping=None if network.tol is None else EarlyStopping(network.n_iter_no_change, network.tol),
        watch=_watch(network),
        epochs=network.max_iter,
        batch_size=size,
    )


def _widths(network):
    sizes = network.hidden_layer_sizes
    return tuple(np.atleast_1d(np.asarray(sizes)).tolist())


def _activation(network) -> Any:
    given = network.activation
    return given if callable(given) else _chosen("activation", given, ACTIVATIONS)


def _chosen(name: str, word: Any, table: dict[str, Any]) -> Any:
    if word not in table:
        raise ValueError(needed(name, f"one of {', '.join(table)}", repr(word), repr(nearest(str(word), table)[0])))
    return table[word]


def _batch_size(network, n):
    """None for the full batch."""
    size = BATCH if network.batch_size == "auto" else network.batch_size
    if size is None or network.solver == "lbfgs":
        return None
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(needed("batch_size", "'auto', None or an integer of at least 1", repr(size), "'auto'"))
    return int(min(size, n))


def _watch(network):
    """Where nothing depends on it, the loss is looked at once, at the end: the parameters are those of the end."""
    judged = network.early_stopping or network.tol is not None
    return Watch(every=1 if judged else network.max_iter, training=None)


def check_outputs(model: Layer, inputs: tuple[int, ...], allowed: Sequence[tuple[int, ...]], of: str) -> None:
    """Raise ValueError unless what ``model`` gives for an example of the shape ``inputs`` has an ``allowed`` shape."""
    leaves, structure = jax.tree.flatten(as_arrays(model))
    shape = _outputs(structure, tuple(jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves), inputs)
    if shape not in allowed:
        (wanted,) = allowed[0]
        got = f"outputs of shape {list(shape)} per example"
        raise ValueError(needed("setup.model", f"{wanted} outputs, {of}", got, f"Dense({wanted}) as the last layer"))


@functools.lru_cache(maxsize=32)
def _outputs(structure, leaves, inputs):
    """The shape of what a model gives: the same for all configurations that differ in numbers."""

    def outputs(leaves, x):
        model = structure.unflatten(leaves)
        return model.apply(*model.init(jax.random.key(0), inputs), x, key=None, train=False)[0]

    x = jax.ShapeDtypeStruct((1, *inputs), jax.dtypes.canonicalize_dtype(float))
    return jax.eval_shape(outputs, leaves, x).shape[1:]
