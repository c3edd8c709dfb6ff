"""Transfer learning: what another training learned is kept, some layers start afresh, and only those are trained.

With ``fresh = ("[2]",)`` for the last of three layers::

    setup = Setup(model, loss, Frozen(Adam(), AllBut(fresh)))
    run = fit(setup, data, key, resume=(start_from(setup, data, key, old.params, old.model_state, fresh), None))

``Frozen`` keeps parameters bit for bit, but not the running averages of ``BatchNorm``, which are state: a body that is
trained goes on averaging over the new data and divides by the statistics of its batches. ``Inference`` around the body
holds both still. Yosinski et al. 2014 measure what which layers are worth.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.layers import Layer
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, PyTree
from dlcore.training.epochs import TrainState, start, started
from dlcore.training.learner import taught
from dlcore.training.setup import Setup
from dlcore.tree.fields import hyperparams
from dlcore.tree.leaves import Choice, chosen
from dlcore.tree.names import leaf_names


@hyperparams
class Inference(Layer):
    """``layer`` in evaluation mode in training too: no dropout, and ``BatchNorm`` by its running averages.

    Parameters and states are those of ``layer``, with the same names.
    """

    layer: Layer

    def init(self, key, input_shape):
        return self.layer.init(key, input_shape)

    def apply(self, params, state, x, *, key, train):
        return self.layer.apply(params, state, x, key=None, train=False)


def start_from(
    setup: Setup, data: Any, key: Array, params: PyTree, model_state: PyTree, fresh: Choice = ()
) -> TrainState:
    """``start``, with all of ``params`` and ``model_state`` but the leaves that ``fresh`` chooses.

    Names are paths in the parameters, such as "[2]" or "head.kernel"; what is fresh is initialized from ``key``, is
    the model's own and may be of another shape, as for other classes. The optimizer starts afresh. Raises ValueError
    for a name that no parameter has, and for a kept leaf that is missing or of another shape.
    """
    new = start(setup, data, key)
    params = _kept("params", new.params, params, chosen(fresh, new.params))
    model_state = _kept("model_state", new.model_state, model_state, chosen(fresh, new.model_state, missing=True))
    return started(setup, key, taught(setup, params, model_state))


def _kept(what, new, old, fresh):
    leaves, treedef = jax.tree.flatten(new)
    there = dict(zip(leaf_names(old), jax.tree.leaves(old), strict=True))

    def choose(name, leaf, is_fresh):
        if is_fresh:
            return leaf
        if name not in there or np.shape(there[name]) != leaf.shape:
            got = f"{list(np.shape(there[name]))}" if name in there else f"only {', '.join(there) or 'nothing'}"
            hint = "the model that was trained, or name in fresh what is new"
            raise ValueError(needed("start_from", f"{what} {name!r} {list(leaf.shape)}", got, hint))
        return jnp.asarray(there[name]).astype(leaf.dtype)

    each = zip(leaf_names(new), leaves, fresh, strict=True)
    return treedef.unflatten([choose(*one) for one in each])
