"""Transfer learning: what another training learnt is kept, some layers start afresh, and only those are trained.

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

from dlcore.contracts import Array, PyTree
from dlcore.models import Layer
from dlcore.pytrees import hyperparams, leaf_names, nearest
from dlcore.training.full_batch import as_rule
from dlcore.training.setup import Setup
from dlcore.training.train import TrainState, start


@hyperparams
class Inference(Layer):
    """``layer`` in evaluation mode in training too: no dropout, and ``BatchNorm`` by its running averages.

    Parameters and states are those of ``layer``, with the same names.
    """

    layer: Layer

    def init(self, key, input_shape):
        """Those of ``layer``."""
        return self.layer.init(key, input_shape)

    def apply(self, params, state, x, *, key, train):
        """``layer`` with ``train=False``."""
        del key, train
        return self.layer.apply(params, state, x, key=None, train=False)


def start_from(
    setup: Setup, data: Any, key: Array, params: PyTree, model_state: PyTree, fresh: tuple[str, ...] = ()
) -> TrainState:
    """``start``, with all of ``params`` and ``model_state`` but what stands at or below the names ``fresh``.

    Names are paths in the parameters, such as "[2]" or "head.kernel"; what is fresh is initialised from ``key``, is
    the model's own and may be of another shape, as for other classes. The optimizer starts afresh. Raises ValueError
    for a name that no parameter has, and for a kept leaf that is missing or of another shape.
    """
    new = start(setup, data, key)
    names = leaf_names(new.params)
    for name in fresh:
        if not any(_below(name, leaf) for leaf in names):
            raise ValueError(f"start_from: no parameter at or below {name!r}; nearest first: {nearest(name, names)}")
    params = _kept("params", new.params, params, fresh)
    model_state = _kept("model_state", new.model_state, model_state, fresh)
    return new._replace(
        params=params,
        model_state=model_state,
        optimizer_state=as_rule(setup.optimizer).init(params),
        best=new.best._replace(params=params, model_state=model_state),
    )


def _kept(what, new, old, fresh):
    leaves, treedef = jax.tree.flatten(new)
    there = dict(zip(leaf_names(old), jax.tree.leaves(old), strict=True))

    def choose(name, leaf):
        if any(_below(top, name) for top in fresh):
            return leaf
        if name not in there or np.shape(there[name]) != leaf.shape:
            got = f"{list(np.shape(there[name]))}" if name in there else f"only {', '.join(there) or 'nothing'}"
            raise ValueError(
                f"start_from: needed {what} {name!r} {list(leaf.shape)}, got {got}; try the model that was trained, "
                "or name in fresh what is new"
            )
        return jnp.asarray(there[name]).astype(leaf.dtype)

    return treedef.unflatten([choose(name, leaf) for name, leaf in zip(leaf_names(new), leaves, strict=True)])


def _below(name, leaf):
    return leaf == name or leaf.startswith((f"{name}.", f"{name}["))
