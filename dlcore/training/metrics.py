"""Metrics: of one example each, whose mean over a set is shown, or of a set as a whole; accuracy, top k."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array, PyTree
from dlcore.tree.fields import hyperparams, static


class SetMetric(abc.ABC):
    """A metric of a set as a whole, from what is counted of its parts; no mean over the examples, as F1 is none.

    Subclasses are ``hyperparams``. ``larger`` says whether a larger number is the better one.
    """

    larger: ClassVar[bool] = True

    @abc.abstractmethod
    def count(self, outputs: Array, y: Array, weights: Array) -> PyTree:
        """What is to be known of some examples, outputs [n, ...] beside labels y, each counted ``weights`` [n] times.

        What an example of weight 0 holds has no influence. Raises ValueError for labels of another kind.
        """

    @abc.abstractmethod
    def value(self, counted: PyTree) -> Array:
        """The number, of what was ``counted`` of all parts of the set: every leaf has a first axis of them."""


Metric = Callable[[Array, Array], Array] | SetMetric


class Criterion(NamedTuple):
    """What trainings are judged by: the validation loss, or the validation metric ``name``."""

    name: str | None = None
    larger: bool = False

    def __str__(self) -> str:
        return f"validation {self.name or 'loss'}"

    def values(self, loss: Any, metrics: dict[str, Any]) -> Any:
        """Of a validation loss and metrics, the one."""
        return loss if self.name is None else metrics[self.name]

    def cost(self, values: Any) -> Any:
        """``values`` of it, or minus them, so that lower is better; and back."""
        return -values if self.larger else values


LOSS = Criterion()


def criterion_of(by: Metric | None) -> Criterion:
    """What it is to be judged ``by`` a metric; None is the validation loss.

    Raises ValueError for a function that does not say whether larger is better by an attribute ``larger``.
    """
    return LOSS if by is None else Criterion(name_of(by), _larger(by))


def _larger(metric: Any) -> bool:
    function = getattr(metric, "func", metric)
    larger = getattr(function, "larger", None)
    if larger is None and getattr(function, "__module__", "").startswith("dlcore.losses"):
        return False
    if not isinstance(larger, bool):
        name, what = name_of(function), "a metric that says whether larger is better"
        raise ValueError(needed("by", what, name_of(metric), f"{name}.larger = True, or False"))
    return larger


def is_metric(metric: Any) -> bool:
    """Whether ``metric`` is one."""
    return isinstance(metric, SetMetric) or (callable(metric) and not isinstance(metric, type))


def accuracy(outputs: Array, labels: Array) -> Array:
    """1 where the largest of outputs [..., c] is at the label [...] (a class index), else 0: [...].

    Floating labels of outputs' rank are distributions over the classes, counted at their largest entry. A single output
    is the logit of two classes: outputs [n] or [..., 1], labels of that shape or without the last axis, yes above 1/2.
    Whole ones of outputs' shape are several yes or no at once, which all have to be right. A row with NaN is wrong.
    """
    if are_several(outputs, labels):
        right = jnp.all((outputs > 0) == (labels.astype(jnp.int32) > 0), -1) & ~jnp.isnan(outputs).any(-1)
        return right.astype(outputs.dtype)
    predicted, true, _ = class_indices("accuracy", outputs, labels)
    return (predicted == true).astype(outputs.dtype)


vars(accuracy)["larger"] = True


@hyperparams
class TopK:
    """1 where the label is among the ``k`` largest of outputs [..., c], else 0; labels as for ``accuracy``.

    Of equal outputs those of later classes count as larger, as in scikit-learn. A row with NaN is wrong.
    """

    k: int = static(default=5, low=1, whole=True)
    larger: ClassVar[bool] = True

    def __call__(self, outputs: Array, labels: Array) -> Array:
        """Outputs [..., c], labels [...] -> [...]."""
        if are_several(outputs, labels) or outputs.ndim == 1 or outputs.shape[-1] == 1:
            got = f"outputs {list(outputs.shape)} and labels {list(labels.shape)}"
            raise ValueError(needed("TopK", "outputs [..., c] and class numbers", got, "accuracy"))
        _, true, _ = class_indices("TopK", outputs, labels)
        own = jnp.take_along_axis(outputs, true[..., None], -1)
        later = _numbered(true, outputs.shape[-1]) > true[..., None]
        ahead = jnp.sum((outputs > own) | ((outputs == own) & later), -1)
        return ((ahead < self.k) & ~jnp.isnan(outputs).any(-1)).astype(outputs.dtype)


def are_several(outputs: Array, labels: Array) -> bool:
    """Whether ``labels`` [..., k] say yes or no k times, each beside a logit: whole numbers 0 and 1, or booleans."""
    whole = jnp.issubdtype(labels.dtype, jnp.integer) or labels.dtype == bool
    return whole and labels.shape == outputs.shape and outputs.ndim > 1 and outputs.shape[-1] > 1


def class_indices(name: str, outputs: Array, labels: Array) -> tuple[Array, Array, int]:
    """(predicted class, true class, number of classes), int32 [...]; a row of outputs with NaN predicts -1."""
    if outputs.ndim == 1 or outputs.shape[-1] == 1:
        return _yes_or_no(name, outputs, labels)
    if labels.ndim == outputs.ndim and jnp.issubdtype(labels.dtype, jnp.floating):
        labels = jnp.argmax(labels, -1)
    if labels.shape != outputs.shape[:-1]:
        raise ValueError(
            f"{name}: needed labels {list(outputs.shape[:-1])} for outputs {list(outputs.shape)}, "
            f"got labels {list(labels.shape)}; try labels.squeeze(-1)"
        )
    largest = jnp.where(jnp.isnan(outputs).any(-1), -1, jnp.argmax(outputs, -1).astype(jnp.int32))
    return largest, labels.astype(jnp.int32), outputs.shape[-1]  # bytes would count from 256 anew


def _yes_or_no(name, logits, labels):
    shape = logits.shape[:-1] if logits.ndim > 1 else logits.shape
    if labels.shape not in (shape, (*shape, 1)):
        got = f"labels {list(labels.shape)} for outputs {list(logits.shape)}"
        raise ValueError(needed(name, f"labels {list(shape)}", got, "labels.reshape(outputs.shape)"))
    s, y = logits.reshape(shape), labels.reshape(shape).astype(jnp.float32)
    return jnp.where(jnp.isnan(s), -1, (s > 0).astype(jnp.int32)), (y > 0.5).astype(jnp.int32), 2


def of_class(numbers: Array, c: int) -> Array:
    """Where ``numbers`` [...] are each of c classes: [..., c]."""
    return _numbered(numbers, c) == numbers[..., None]


def _numbered(like, c):
    return jax.lax.broadcasted_iota(jnp.int32, (*like.shape, c), like.ndim)


def by_name(metrics: tuple[Metric, ...], by: Metric | None = None) -> dict[str, Metric]:
    """``metrics`` by their names, with the one it is judged ``by``; raises ValueError for two of one name."""
    named = {name_of(metric): metric for metric in metrics}
    if len(named) < len(metrics):
        got = ", ".join(map(name_of, metrics))
        raise ValueError(needed("metrics", "another name for each", got, "functions of different names"))
    if by is not None and named.setdefault(name_of(by), by) != by:
        got = f"two of the name {name_of(by)}"
        raise ValueError(needed("watch.by", "one of the metrics, or one of another name", got, "the same function"))
    return named


def name_of(metric: Any) -> str:
    """The name of a metric, with the numbers that it does not have by default: "accuracy", "TopK(k=3)"."""
    if isinstance(metric, jax.tree_util.Partial) or hasattr(metric, "keywords"):
        told = [*map(str, metric.args), *(f"{name}={value}" for name, value in metric.keywords.items())]
        return f"{name_of(metric.func)}({', '.join(told)})"
    if dataclasses.is_dataclass(metric) and not isinstance(metric, type):
        return repr(metric).removesuffix("()").replace("'", "")
    return getattr(metric, "__name__", type(metric).__name__)
