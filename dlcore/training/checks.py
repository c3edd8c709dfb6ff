"""What is checked of a setup and its data before anything is compiled: one line that says what to write instead."""

import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dlcore.data import Batch, Split, Streamed, check_weights, weights_of
from dlcore.layers import Activation
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array
from dlcore.optimizers import Rule
from dlcore.solvers.loop import Method
from dlcore.training.forward import outputs_of, per_example
from dlcore.training.learner import beginner, in_time, step
from dlcore.training.measures import counted, measured
from dlcore.training.metrics import criterion_of, is_metric
from dlcore.training.setup import EarlyStopping, Mixup, Setup, Watch, as_arrays
from dlcore.tree.declared import check_ranges
from dlcore.tree.names import leaf_names

COMPUTED = (None, "bfloat16", "float32")  # types that layers may compute in


def check_setup(setup: Setup, data: Split) -> None:
    """Raise ValueError or TypeError unless ``setup`` can be trained on ``data``, whose parts are arrays, or streamed.

    The values of what is streamed are not known before it is read: ``check_values`` is for those.
    """
    _check_kinds(setup)
    check_ranges(setup)
    _check_streamed(setup, data)
    data = known(data)
    for name, part in _parts(data):
        _check_examples(name, part)
    if [a.shape[1:] for a in data.train[:2]] != [a.shape[1:] for a in data.validation[:2]]:
        got = " and ".join(f"x {list(part.x.shape[1:])} y {list(part.y.shape[1:])}" for _, part in _parts(data))
        raise ValueError(needed("data", "training and validation examples of one shape", got))
    _check_counts(setup, len(data.train.x))
    outputs = outputs_shape(setup, data)
    for name, part in _parts(data):
        _check_labels(f"{name} y", as_arrays(setup).loss, outputs, part.y)


def known(data: Split) -> Split:
    """``data`` with the shapes of what is streamed in its place."""
    train, validation = (part.shapes if isinstance(part, Streamed) else part for part in (data.train, data.validation))
    return Split(train, validation)


def outputs_shape(setup: Setup, data: Split) -> Any:
    """The shape of the outputs for all training examples of ``data``, arrays or their shapes."""
    leaves, structure = jax.tree.flatten(as_arrays(setup))
    return _outputs(structure, tuple(map(_shape, leaves)), *map(_shape, data.train[:2]))


def check_values(name: str, setup: Setup, outputs: Any, examples: Any, numbers: np.ndarray) -> None:
    """Raise ValueError for examples of these ``numbers``, just read, whose values ``setup`` cannot be trained on.

    ``setup`` has its numbers as arrays; ``outputs`` is ``outputs_shape``.
    """
    for letter, a in zip("xy", examples, strict=True):
        _check_finite(f"{name} {letter}", a, numbers)
    _check_labels(f"{name} y", setup.loss, outputs, examples.y)


def _check_streamed(setup, data):
    train = data.train
    if not isinstance(train, Streamed):
        if isinstance(data.validation, Streamed):
            hint = "data.stream(x, y) for both, or validation examples in memory"
            raise TypeError(needed("training data", "a stream, as validation data are one", "arrays", hint))
        return
    if isinstance(setup.optimizer, Method):
        got, hint = f"{type(setup.optimizer).__name__} for {train}", "optimizers.Adam(), or the data in memory"
        raise ValueError(needed("optimizer", "a rule that learns from mini-batches", got, hint))
    if setup.batch_size is None:
        raise ValueError(needed("batch_size", f"mini-batches of {train}", "None, all at once", "batch_size=128"))


def check_key(key: Any) -> None:
    """Raise TypeError unless ``key`` is one key of random numbers."""
    dtype, shape = getattr(key, "dtype", None), np.shape(key)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if not ((typed and shape == ()) or (dtype == jnp.uint32 and len(shape) == 1)):
        got = f"{dtype}{list(shape)}" if dtype is not None else repr(key)
        raise TypeError(needed("key", "one key", got, f"jax.random.key({key if isinstance(key, int) else 0})"))


def check_like(name: str, like: Any, there: dict[str, str]) -> None:
    """Raise ValueError, with the path, unless ``there``, shapes by path, are those of the leaves of ``like``."""
    wanted = leaf_shapes(like)
    for path in [*wanted, *there]:
        if wanted.get(path) != there.get(path):
            what, got = (shapes.get(path, "nothing") for shapes in (wanted, there))
            raise ValueError(needed(f"{name}: {path}", what, got, "the setup that was trained"))


def leaf_shapes(tree: Any) -> dict[str, str]:
    """What each leaf is, by its path: {"params[0].kernel": "float32[4, 3]"}."""
    shapes = [f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree)]
    return dict(zip(leaf_names(tree), shapes, strict=True))


def _parts(data):
    return (("training", data.train), ("validation", data.validation))


def _check_kinds(setup):
    if not isinstance(setup, Setup):
        raise TypeError(needed("setup", "a Setup", type(setup).__name__, "Setup(model, loss, optimizer)"))
    _check_model(setup.model)
    _check_optimizer(setup.optimizer)
    for name in ("loss", "augment", "projection"):
        value = getattr(setup, name)
        if not callable(value) and (value is not None or name == "loss"):
            hint = "losses.squared_error or losses.softmax_cross_entropy" if name == "loss" else "a function"
            raise TypeError(needed(name, "a function", repr(value), hint))
    for name, kind in {"stopping": EarlyStopping, "mix": Mixup, "watch": Watch}.items():
        value = getattr(setup, name)
        if not isinstance(value, kind) and (value is not None or name == "watch"):
            raise TypeError(needed(name, kind.__name__, repr(value), f"{kind.__name__}()"))
    if setup.compute_dtype not in COMPUTED:
        hint = "'bfloat16': float16 has too small a range for gradients" if "16" in str(setup.compute_dtype) else ""
        what = f"one of {', '.join(map(repr, COMPUTED))}"
        raise ValueError(needed("compute_dtype", what, repr(setup.compute_dtype), hint))
    penalties = setup.penalty if isinstance(setup.penalty, tuple) else (setup.penalty,)
    if not all(callable(f) or f is None for f in penalties):
        raise TypeError(needed("penalty", "functions in a tuple", repr(penalties), "L2(1e-4)"))
    _check_metrics(setup.metrics, setup.watch.by)


def _check_metrics(metrics, by):
    if not isinstance(metrics or (), tuple) or not all(map(is_metric, metrics or ())):
        raise TypeError(needed("metrics", "metrics in a tuple", repr(metrics), "(accuracy,), or (F1(),)"))
    if by is not None and not is_metric(by):
        raise TypeError(needed("watch.by", "a metric, or None for the loss", repr(by), "accuracy, or F1()"))
    criterion_of(by)


def _check_model(model):
    libraries = {base.__module__.split(".")[0] for base in type(model).__mro__}
    if "flax" in libraries:
        name = (
            "from_nnx(lambda rngs: ...)"
            if any(b.__module__.startswith("flax.nnx") for b in type(model).__mro__)
            else ("from_linen(module)")
        )
        raise TypeError(needed("model", "a layer", f"Flax's {type(model).__name__}", f"interop.flax.{name}"))
    if isinstance(model, type) or not (hasattr(model, "init") and hasattr(model, "apply")):
        got = getattr(model, "__name__", type(model).__name__)
        raise TypeError(needed("model", "a layer", got, "sequential(Dense(64), relu, Dense(10))"))
    _check_layers("model", model)


def _check_layers(path, model):
    """What stands among the layers, put there by its path, is a layer too."""
    layers = getattr(model, "layers", ())
    for i, layer in enumerate(layers if isinstance(layers, tuple) else ()):
        if isinstance(layer, Activation):
            _check_activation(f"{path}.layers[{i}].function", layer.function)
        if not hasattr(layer, "apply"):
            got, place = getattr(layer, "__name__", repr(layer)), f"{path}.layers[{i}]"
            raise TypeError(needed(place, "a layer", got, f"{place}.function for an activation, or Activation({got})"))
        _check_layers(f"{path}.layers[{i}]", layer)


def _check_activation(place, function):
    """A function of one array: it has no other argument without a default."""
    try:
        takes = callable(function) and inspect.signature(function).bind(None)
    except ValueError:  # a function that says nothing of itself
        return
    except TypeError:
        takes = False
    if not takes:
        got = getattr(function, "__name__", repr(function))
        raise TypeError(needed(place, "a function of one array", got, "activations.relu"))


def _check_optimizer(optimizer):
    if isinstance(optimizer, (Rule, Method)):
        return
    got, hint = getattr(optimizer, "__name__", repr(optimizer)), "optimizers.Adam(1e-3)"
    if type(optimizer).__name__.startswith("GradientTransformation"):
        got, hint = "Optax's", "interop.optax.from_optax(optax.adam, learning_rate=1e-3)"
    elif isinstance(optimizer, type):
        got, hint = "the class", f"{got}()"
    raise TypeError(needed("optimizer", "a rule of dlcore.optimizers or a method of dlcore.solvers", got, hint))


def _check_examples(name, part):
    x, y = part[:2]
    if x.ndim < 2 or len(x) == 0 or y.ndim == 0 or len(x) != len(y):
        hint = "x[:, None]" if x.ndim == 1 and len(x) else ""
        what = "examples x [n, ...], at least one, and as many labels"
        raise ValueError(needed(f"{name} data", what, f"x {list(x.shape)} and y {list(y.shape)}", hint))
    for letter, a in zip("xy", part[:2], strict=True):
        if jnp.issubdtype(a.dtype, jnp.complexfloating):
            raise TypeError(needed(f"{name} {letter}", "real numbers", a.dtype, "its .real and .imag side by side"))
        if not _unknown(a):
            _check_finite(f"{name} {letter}", a, np.arange(len(a)))
    weights = weights_of(part)
    if weights is not None and not _unknown(weights):
        check_weights(f"{name} weights", weights, len(x))


def _check_finite(name, a, numbers):
    if not jnp.issubdtype(a.dtype, jnp.floating) or np.isfinite(np.asarray(a)).all():
        return
    bad = ~np.isfinite(np.asarray(a).reshape(len(a), -1)).all(1)
    got = f"NaN or inf in {bad.sum()} of {len(a)} examples, the first of number {numbers[bad.argmax()]}"
    raise ValueError(needed(name, "finite numbers", got, "data.without_missing, or np.clip"))


def _unknown(a):
    return isinstance(a, (Tracer, jax.ShapeDtypeStruct))


def _check_counts(setup, n):
    sample = setup.watch.training
    if sample not in ("all", None) and (type(sample) is not int or sample < 1):
        raise ValueError(needed("watch.training", "a whole number, at least 1", repr(sample), "'all', or None"))
    if setup.batch_size is None:
        return
    if setup.batch_size > n:
        hint = f"batch_size={min(32, n)}, or None for the full batch"
        raise ValueError(needed("batch_size", f"1 to {n}, the number of training examples", setup.batch_size, hint))
    if isinstance(setup.optimizer, Method):
        what = f"the full batch for {type(setup.optimizer).__name__}"
        raise ValueError(needed("batch_size", what, setup.batch_size, "batch_size=None"))


def _shape(a):
    return jax.ShapeDtypeStruct(a.shape, a.dtype)


@functools.lru_cache(maxsize=32)
def _outputs(structure, leaves, x, y):
    """The shape of the outputs for all of x; one step and all metrics are gone through without computing anything."""
    setup = structure.unflatten(leaves)
    size = x.shape[0] if setup.batch_size is None else setup.batch_size

    def once(setup, x, y):
        key = jax.random.key(0)
        learner = beginner(setup, key, x)
        if not jax.tree.leaves(learner.params):
            raise ValueError(needed("model", "a layer with parameters", "none", "sequential(Dense(10))"))
        outputs, _ = outputs_of(setup, *learner[:2], x, key=None, train=False)
        parts = counted(setup, outputs, y, None)
        measured(setup, jax.tree.map(lambda a: a[None], parts), y, len(y))
        clocked = in_time(setup, -(-x.shape[0] // size))
        step(clocked, learner, Batch(x[:size], y[:size]), key, jnp.zeros((), jnp.int32), tell=True)
        return outputs

    return jax.eval_shape(once, setup, x, y)


def _check_labels(name: str, loss: Any, outputs: Any, y: Array) -> None:
    """Raise ValueError for class numbers that the outputs do not have, where the loss could not say so any more."""
    if _unknown(y) or not len(y) or not jnp.issubdtype(y.dtype, jnp.integer):
        return
    low, high = (int(f(np.asarray(y))) for f in (np.min, np.max))
    c = outputs.shape[-1]
    if c > 1 and y.shape[1:] == outputs.shape[1:-1] and not 0 <= low <= high < c:
        wrong = low if low < 0 else high
        hint = "np.unique(y, return_inverse=True)[1]" if low < 0 else f"a last layer of {high + 1} outputs"
        what = f"labels from 0 to {c - 1}, one for each of the model's {c} outputs"
        raise ValueError(needed(name, what, wrong, f"{hint}, or floating labels if they are no classes"))
    if y.size == len(y) * outputs.size // outputs.shape[0]:
        for label in {low, high}:
            _check_one(name, loss, outputs, label, y)


def _check_one(name, loss, outputs, label, y):
    """Labels beside one output: a loss for yes and no gives NaN for what is neither."""
    one = jnp.zeros((1, *outputs.shape[1:]), outputs.dtype)
    value = per_example("loss", loss, one, jnp.full((1, *y.shape[1:]), label, y.dtype))
    if np.isnan(np.asarray(value)).any():
        raise ValueError(needed(name, "labels that the loss takes, such as 0 and 1 for one logit", label))
