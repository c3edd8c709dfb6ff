"""Training, validation and a sealed test set."""

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, NoReturn

import jax
import numpy as np

from dlcore.data.examples import Dataset, Examples, Schema, Weighted, check_weights, taken
from dlcore.data.repeats import duplicates
from dlcore.data.streams import Streamed


class Opening(NamedTuple):
    """When a sealed test set was opened (UTC, ISO 8601) and what for."""

    time: str
    reason: str


class Sealed:
    """A test set that opens once: what is chosen after a look at it, it can no longer judge.

    Its repr, iteration, copies and pickles show no example; ``n`` and ``opened`` (None before) are public.
    """

    __slots__ = ("_content", "_seal", "n")

    def __init__(self, examples: Examples | Weighted | Streamed):
        self.n = len(examples) if isinstance(examples, Streamed) else len(examples.y)
        self._seal: list[Opening] = []
        self._content: Callable[[], Any] = lambda: examples

    @property
    def opened(self) -> Opening | None:
        """When it was opened and why, None as long as it is sealed."""
        return self._seal[0] if self._seal else None

    def open(self, reason: str) -> Any:
        """The test examples, once; raises RuntimeError with the first opening the second time."""
        if not reason.strip():
            raise ValueError("needed a reason for opening the test set, got none; try 'final evaluation'")
        if self.opened:
            raise RuntimeError(
                f"the test set was opened already, at {self.opened.time} for {self.opened.reason!r}; "
                "keep what that opening returned, or split anew with another seed"
            )
        examples = self._content()
        self._seal.append(Opening(datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), reason))
        return examples

    def map(self, f: Callable[[Any], Any]) -> "Sealed":
        """The same test set, with ``f`` applied when it opens; opening one opens the other."""
        mapped = object.__new__(Sealed)
        mapped.n, mapped._seal, content = self.n, self._seal, self._content
        mapped._content = lambda: f(content())
        return mapped

    def overlap(self, x: Any) -> int:
        """How many test examples also stand in ``x`` [n, d]: all that may be known of them before the opening."""
        return len(duplicates(x, self._content().x))

    def __iter__(self) -> NoReturn:
        raise TypeError("a sealed test set cannot be iterated; try open(reason), once, at the very end")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealed test set is neither copied nor pickled: a copy would open a second time")

    def __repr__(self) -> str:
        state = f"opened {self.opened.time} for {self.opened.reason!r}" if self.opened else "sealed"
        return f"Sealed(n={self.n}, {state})"


class _Absent(Sealed):
    """Stands for the test set where it must not be: inside jit and vmap, and after jax.tree.map."""

    __slots__ = ()

    def __init__(self):
        super().__init__(Examples((), ()))

    def open(self, reason: str) -> NoReturn:
        raise RuntimeError("there is no test set here: it does not pass jit, vmap or tree.map; open it outside")

    def __repr__(self) -> str:
        return "Sealed(absent)"


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Training and validation examples, in memory or ``Streamed``, and the sealed test set.

    ``schema`` says what the columns of a table mean, ``inputs`` what ``normalize`` or ``prepare`` did to them. A pytree
    of the first two: in compiled code, and in what ``jax.tree.map`` returns, all else does not exist.
    """

    train: Any
    validation: Any
    test: Sealed = dataclasses.field(default_factory=_Absent)
    schema: Schema = dataclasses.field(default_factory=Schema)
    inputs: Any = None

    def __repr__(self) -> str:
        return f"Split(train {_shown(self.train)}, validation {_shown(self.validation)}, test {self.test!r})"


def _shown(part: Any) -> Any:
    return part if isinstance(part, Streamed) else [np.shape(a) for a in jax.tree.leaves(part)]


# register_dataclass has drop_fields for this, which raises in jax 0.7.2 for names of more than one letter
jax.tree_util.register_pytree_with_keys(
    Split,
    lambda s: ([(jax.tree_util.GetAttrKey(name), getattr(s, name)) for name in ("train", "validation")], None),
    lambda _, parts: Split(*parts),
    lambda s: ((s.train, s.validation), None),
)


def split(
    dataset: Dataset, fractions: Sequence[float] = (0.6, 0.2, 0.2), seed: int = 0, stratified: bool | None = None
) -> Split:
    """Shuffle ``dataset`` and cut it into training, validation and sealed test set.

    Every example is in exactly one part and the sizes are those of ``fractions`` to less than one example.
    ``stratified`` (default: in classification) keeps the share of every class, and puts every class into every part
    where it has enough examples. A published validation or test set stays what it is; the other fractions then divide
    the rest. Of streamed examples the parts are streams.

    Raises ValueError for fractions that are not positive or do not add up to 1, and for fewer examples than parts.

    >>> from dlcore import data
    >>> parts = data.split(data.load("iris"))
    >>> parts.train.x.shape, parts.validation.x.shape, parts.test
    ((90, 4), (30, 4), Sealed(n=30, sealed))
    """
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"needed three positive fractions with sum 1, got {tuple(fractions)}; try (0.6, 0.2, 0.2)")
    if stratified and not dataset.classes:
        raise ValueError("needed classes to stratify by, got a regression set; try stratified=False")
    sizes = dataset.published_validation, dataset.published_test
    own = len(dataset) - sum(sizes)
    drawn = [0, *(i for i, size in enumerate(sizes, 1) if not size)]  # of the three parts
    shares = np.asarray(fractions, float)[drawn]
    if own < len(shares):
        raise ValueError(f"needed at least {len(shares)} examples to split, got {own}; try more data")
    by_class = bool(dataset.classes) if stratified is None else stratified
    group = dataset.y[:own] if by_class else np.zeros(own, int)
    given = np.split(np.arange(own, len(dataset)), [sizes[0]])
    parts = dict(zip(drawn, _assign(group, shares / shares.sum(), np.random.default_rng(seed)), strict=True))
    whole: Any = dataset.x
    take = whole.taken if isinstance(whole, Streamed) else partial(taken, dataset.examples)
    train, validation, test = (take(parts.get(i, given[i - 1])) for i in range(3))
    return Split(train, validation, Sealed(test), dataset.schema)


def train_validation(x: Any, y: Any, share: float = 0.2, seed: int = 0, weights: Any = None) -> Split:
    """x [n, ...], y [n, ...] shuffled and cut in two, ``share`` of them for validation; there is no test set.

    ``weights`` [n], where there are any, go with their examples.

    Labels that are whole numbers [n] are taken for classes, of which either part gets its share. Raises ValueError
    for fewer than two examples, and where x and y differ in n.
    """
    if len(x) != len(y) or len(y) < 2:
        raise ValueError(f"needed two examples at least and a label for each, got {len(x)} and {len(y)} labels")
    if not 0 < share < 1:
        raise ValueError(f"share: needed a number above 0 below 1, got {share}; try 0.2")
    if weights is not None:
        check_weights("weights", weights, len(y))
    y = np.asarray(y)
    group = y if y.ndim == 1 and np.issubdtype(y.dtype, np.integer) else np.zeros(len(y), int)
    parts = _assign(group, np.array([1 - share, share]), np.random.default_rng(seed))
    examples = Examples(np.asarray(x), y) if weights is None else Weighted(np.asarray(x), y, np.asarray(weights))
    return Split(*(taken(examples, i) for i in parts))


def _assign(group: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Shuffled indices of every part, each class dealt out in proportion to ``shares``."""
    _, group, sizes = np.unique(group, return_inverse=True, return_counts=True)
    counts = _table(sizes, shares)
    parts: list[list[np.ndarray]] = [[] for _ in shares]
    for c, row in enumerate(counts):
        members = rng.permutation(np.flatnonzero(group == c))
        for part, piece in zip(parts, np.split(members, np.cumsum(row)[:-1]), strict=True):
            part.append(piece)
    return [rng.permutation(np.concatenate(part)) for part in parts]


def _table(sizes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Counts [class, part] with exact sums over both: classes rounded one by one, then single examples moved.

    A move goes from the part with most examples too many to the one with most too few, in the class that bears it best:
    not one that would vanish from a part if another can be taken.
    """
    wanted = _apportion(int(sizes.sum()), shares)
    ideal = sizes[:, None] * shares[None, :]
    counts = np.array([_apportion(int(size), shares) for size in sizes])
    while (excess := counts.sum(axis=0) - wanted).any():
        a, b = excess.argmax(), excess.argmin()
        surplus = (counts - ideal)[:, a] - (counts - ideal)[:, b]
        bears = np.select([counts[:, a] > 1, counts[:, a] == 1], [surplus, surplus - sizes.sum()], -np.inf)
        c = bears.argmax()
        counts[c, a] -= 1
        counts[c, b] += 1
    return counts


def _apportion(n: int, shares: np.ndarray) -> np.ndarray:
    """``n`` in whole parts by largest remainders; none empty if n allows it."""
    counts = np.floor(n * shares).astype(int)
    order = np.argsort(counts - n * shares, kind="stable")
    counts[order[: n - counts.sum()]] += 1
    while n >= len(shares) and counts.min() == 0:
        counts[counts.argmax()] -= 1
        counts[counts.argmin()] += 1
    return counts
