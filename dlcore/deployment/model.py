"""A trained model in use: from columns as people have them to classes and probabilities, or quantities."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dlcore.data import Normalization, Number, Preprocessing, Schema, Streamed, Target
from dlcore.data.examples import as_rows
from dlcore.data.labeled import class_numbers, targets_in
from dlcore.data.normalization import normalized
from dlcore.data.tables import Table
from dlcore.deployment.answers import Predictions, averaged, class_numbers_of, has_constant, probabilities
from dlcore.deployment.given import given
from dlcore.deployment.scores import Scores, class_scores, value_scores
from dlcore.numerics.errors import needed
from dlcore.numerics.formats import Array
from dlcore.training import Run
from dlcore.training.forward import per_example, precision_of
from dlcore.training.measures import metric_values
from dlcore.training.pieces import apply_stream
from dlcore.training.run import Trained, outputs_in_chunks, trained

_MOST = 1 << 16  # examples whose outputs of all members are there at a time: what bounds memory


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TrainedModel:
    """What was learned together with what was done to its inputs and what its outputs mean.

    ``trained`` has a first axis of members where ``members`` is not None: they predict together. ``inputs`` makes
    inputs of what was measured, None for nothing; ``shape`` is that of one example as the network takes it. ``usual``
    are the training part's examples of each class, or the means of its quantities: what a constant prediction knows.
    """

    trained: Trained
    members: int | None
    inputs: Preprocessing | Normalization | None
    target: Target
    shape: tuple[int, ...]
    usual: np.ndarray

    @classmethod
    def of(cls, run: Run, split: Any) -> "TrainedModel":
        """The model that ``run`` trained on ``split``, a split or a pair (x, y): its sound members, or all if none is.

        Inputs are as ``data.normalize`` or ``data.prepare`` were given them, and classes have the data set's names.
        """
        train = split.train if hasattr(split, "train") else split
        x, y, *weights = (train.x, train.labels()) if isinstance(train, Streamed) else train
        model, members = _voting(run)
        by = getattr(split, "inputs", None)
        target, usual = _target(by, _schema(split), np.asarray(y), np.asarray(weights[0]) if weights else None)
        return cls(model, members, _inputs(split), target, tuple(np.shape(x)[1:]), usual)

    def __repr__(self) -> str:
        what = f"{len(self.target.classes)} classes" if self.target.classes else f"{len(self.target.names)} quantities"
        count = "" if self.members is None else f", {self.members} members"
        return f"TrainedModel({self.trained.setup.model!r}, examples {list(self.shape)}, {what}{count})"

    def prepared(self, source: Any) -> np.ndarray:
        """Inputs [n, ...] of the network from a file, a frame, a dictionary of columns, a data set or an array.

        Columns are found by their names, words are coded and numbers scaled as in training. Where images were learned
        from, it is an image, a folder of them or a list of files, and they are resized as in training. Raises
        ValueError, in one line, for what does not fit.
        """
        return self._ready(given(source, self.inputs).cells)

    def outputs(self, x: Any) -> Array:
        """What the network gives for ``prepared`` inputs x [n, ...], of all members together: [n, ...].

        Examples of a stream are read as they are needed.
        """
        if isinstance(x, Streamed):
            return jnp.asarray(apply_stream(x, self._outputs, self.trained.setup.watch.chunk, axis=0))
        parts = [self._outputs(jnp.asarray(x[i : i + _MOST])) for i in range(0, max(len(x), 1), _MOST)]
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts)

    def _outputs(self, x):
        found = outputs_in_chunks(self.trained, x, self.members is not None)
        return found if self.members is None else averaged(self.trained.setup.loss, found)

    def predict(self, source: Any) -> Predictions:
        """Classes with their probabilities, or quantities in their units, for any ``source`` of ``prepared``."""
        return self.answer(self.outputs(self.prepared(source)))

    def table(self, source: Any, keep: tuple[str, ...] = ()) -> Any:
        """Predictions for ``source`` as a pandas frame, beside the columns ``keep`` of it, such as an identifier."""
        found = given(source, self.inputs)
        frame = self.answer(self.outputs(self._ready(found.cells))).frame()
        if found.files:
            frame.insert(0, "file", found.files)
        for place, name in enumerate(keep):
            frame.insert(place, name, found.column(name), allow_duplicates=True)
        return frame

    def answer(self, outputs: Array) -> Predictions:
        """What ``outputs`` [n, ...] of the network mean."""
        loss, classes = self.trained.setup.loss, self.target.classes
        names = self.target.names or ("prediction",)
        if not classes:
            quantities = self.target.inverse(as_rows(np.asarray(outputs)))
            return Predictions(names, quantities)
        named = np.array([*classes, ""])[class_numbers_of(loss, outputs, len(classes))]
        shares = probabilities(loss, outputs, len(classes))
        return Predictions(names, named, None if shares is None else np.asarray(shares), classes)

    def evaluate(self, source: Any, y: Any = None, weights: Any = None) -> Scores:
        """How good predictions for ``source`` are; right answers, names or quantities, are ``y`` or in the source.

        ``weights`` [n], or the column of the source that has them, say how much each example counts. Examples whose
        answer is missing are left out. Raises ValueError where there is none, or one of other classes.
        """
        found = given(source, self.inputs)
        found = found if weights is None else found.weighing(weights)
        right = self._right(found if y is None else found._replace(y=y))
        known = right >= 0 if self.target.classes else ~np.isnan(right).any(axis=1)
        if not known.any():
            raise ValueError(needed("evaluate", "at least one example with its right answer", "none"))
        weights = None if found.weights is None else found.weights[known]
        return self.scores(self.outputs(self._ready(found.cells)[known]), right[known], weights)

    def scores(self, outputs: Array, right: np.ndarray, weights: np.ndarray | None = None) -> Scores:
        """How good ``outputs`` [n, ...] of the network are; ``right``: class numbers [n], or quantities [n, k].

        With ``weights`` [n] all means are means by weight.
        """
        loss, classes = self._setup.loss, self.target.classes
        y = right if classes else (right - self.target.mean) / np.asarray(self.target.std)
        per = per_example("loss", loss, outputs, jnp.asarray(y, jnp.int32 if classes else outputs.dtype))
        total = float(np.average(np.asarray(per, np.float64), weights=weights))
        if classes:
            said = class_numbers_of(loss, outputs, len(classes))
            found = class_scores(right, said, total, self.usual, classes, weights)
        else:
            unit = np.asarray(self.target.std)
            found = value_scores(right, self.answer(outputs).values, total, self.usual, unit, weights)
        found = found._replace(metrics=found.metrics | self._more(outputs, right, weights, found.metrics))
        if has_constant(loss):
            return found
        return found._replace(baseline={name: value for name, value in found.baseline.items() if name != "loss"})

    def _more(self, outputs, right, weights, there):
        """The setup's metrics that are not ``there``, of quantities in their units."""
        weights = None if weights is None else jnp.asarray(weights)
        if self.target.classes:
            found = metric_values(self._setup, outputs, jnp.asarray(right, jnp.int32), weights)
        else:
            found = metric_values(self._setup, jnp.asarray(self.answer(outputs).values), jnp.asarray(right), weights)
        return {name: float(value) for name, value in found.items() if name not in there}

    @property
    def _setup(self):
        """The setup, of several members that of the first: those of a choice have one loss."""
        setup = self.trained.setup
        return setup if self.members is None else jax.tree.map(lambda a: jnp.asarray(a)[0], setup)

    def _right(self, found):
        classes = self.target.classes
        if found.y is None and isinstance(found.cells, Table) and isinstance(self.inputs, Preprocessing):
            return targets_in(found.cells, self.inputs, self.target)
        if found.y is None:
            raise ValueError(needed("evaluate", "right answers", "inputs alone", "evaluate(x, y)"))
        right = class_numbers(found.y, classes) if classes else as_rows(np.asarray(found.y, float))
        if len(right) != found.n:
            raise ValueError(needed("evaluate", f"an answer for each of {found.n} examples", len(right)))
        return right

    def _ready(self, cells):
        """Inputs [n, ...] as the network takes them."""
        by = self.inputs
        if isinstance(by, Preprocessing):
            return self._shaped(by(as_rows(cells) if isinstance(cells, np.ndarray) else cells))
        x = cells if by is None else normalized(cells, by)
        return self._shaped(x.astype(precision_of(self.trained.params)) if x.dtype.kind == "f" else x)

    def _shaped(self, x):
        if x.shape[1:] == self.shape:
            return x
        if x.ndim < 2 or np.prod(x.shape[1:]) != np.prod(self.shape):
            raise ValueError(needed("x", f"examples of shape {list(self.shape)}", list(x.shape[1:])))
        return x.reshape(-1, *self.shape)


def _voting(run):
    """What predicts of ``run``, and of how many members: the sound ones, or all where none is."""
    if run.members is None:
        return trained(run), None
    diverged = np.asarray(run.state.diverged)
    votes = np.flatnonzero(diverged if diverged.all() else ~diverged)
    return jax.tree.map(lambda a: jnp.asarray(a)[votes], trained(run)), len(votes)


def _schema(split):
    return getattr(split, "schema", None) or Schema()


def _inputs(split):
    """What was done to the inputs; by columns where they have names, so that these are found in a table."""
    by, columns = getattr(split, "inputs", None), _schema(split).columns
    if not isinstance(by, Normalization) or not columns or any(column.words for column in columns):
        return by
    mean, std = (np.broadcast_to(np.asarray(a, np.float64), len(columns)).tolist() for a in (by.mean, by.std))
    numbers = tuple(Number(column.name, m, s) for column, m, s in zip(columns, mean, std, strict=True))
    schema = _schema(split)
    return Preprocessing(numbers, Target(schema.target, schema.classes), schema.decimal, schema.missing)


def _target(by, schema, y, weights=None):
    """What is learned, by name, and what is usual of it."""
    if schema.classes or y.dtype.kind in "biu":
        each = None if weights is None else np.repeat(weights, y.size // len(y))
        counts = np.bincount(y.reshape(-1).astype(int), each, minlength=len(schema.classes) or 2)
        return Target(schema.target, schema.classes or tuple(map(str, range(len(counts))))), counts
    flat = as_rows(np.asarray(y, np.float64))
    k = flat.shape[1]
    target = by.target if isinstance(by, Preprocessing) else Target((), (), (0.0,) * k, (1.0,) * k)
    names = schema.target or target.names or tuple(f"target {i}" if k > 1 else "prediction" for i in range(k))
    target = target._replace(names=names)
    return target, target.inverse(np.average(flat, axis=0, weights=weights))
