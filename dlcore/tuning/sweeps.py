"""``sweep``: all setups of a space, times seeds and folds, as rows of as few XLA programs as there are structures."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import jax

from dlcore import data as datasets
from dlcore.data import Split
from dlcore.data.files import Path
from dlcore.numerics.errors import check_count, needed
from dlcore.numerics.formats import Array
from dlcore.training import Setup, arrays
from dlcore.training.checks import check_key
from dlcore.training.metrics import Metric
from dlcore.tuning.folder import StudyFolder, alike
from dlcore.tuning.forecasts import SweepPlan, forecast
from dlcore.tuning.found import Found
from dlcore.tuning.halving import Halving, Hyperband, check_halving
from dlcore.tuning.search import Asked, How, SweepProgress, search
from dlcore.tuning.spaces import Assignment, Space, setups_of
from dlcore.tuning.study import Study

Watch = Callable[[SweepProgress], None]


def sweep(
    setup: Setup,
    space: Sequence[Assignment],
    data: Any,
    key: Array,
    *,
    seeds: int = 1,
    folds: int | None = None,
    halving: Halving | Hyperband | None = None,
    by: Metric | None = None,
    keep: int | str = 1,
    folder: Path | None = None,
    width: int | None = None,
    devices: Sequence[Any] | None = None,
    executor: Executor | None = None,
    watch: Watch | None = None,
) -> Study:
    """Train ``setup`` under every assignment of ``space`` with each of ``seeds`` seeds, and on each of the folds.

    Row (i, s, f) is ``train(assign(setup, space[i]), data of fold f, jax.random.fold_in(key, s))``: within a seed all
    rows share initial parameters and the order of mini-batches. Numbers are stacked and vmapped; assignments that
    differ in structure are grouped. At most ``width`` trainings run at once on each of ``devices`` (default: all):
    without it as many as memory has room for and, in a long study, as turn out quickest; ``plan`` says it before. After
    ``jax.distributed.initialize`` all processes make the same call, each trains its share of it on its own devices, and
    each has the whole study. With
    an ``executor`` of ``concurrent.futures``, such as that of a Dask cluster, its workers train, call by call, each on
    its own first device: a call whose worker dies or fails is trained by another.

    What is best is decided ``by`` a metric, such as ``F1()``, instead of the validation loss: it is ``watch.by`` of the
    setup, which also chooses each run's epoch and stops it early.

    ``data`` is a split, a pair (x, y), or a list of splits, such as ``data.folds`` gives; ``folds=k`` makes them. With
    a ``halving`` bad configurations leave early. The trained rows of the best ``keep`` configurations come back, those
    of "all" or of "none": ``study.winner``. With a ``folder`` every finished call of the program is kept on disk:
    killed at any moment, the same call, or ``resume(folder)``, goes on, and adds more assignments, seeds or epochs.

    Raises ValueError or TypeError for a path that does not exist, a number outside its range, a setup that does not
    fit the data or a folder of another study, before anything is compiled.

    >>> import jax
    >>> from dlcore import Setup, data, grid, losses, mlp, sweep
    >>> from dlcore.optimizers import Adam
    >>> iris, _ = data.normalize(data.split(data.load("iris")))
    >>> setup = Setup(mlp((16, 3)), losses.softmax_cross_entropy, Adam(1e-2), epochs=20, batch_size=32)
    >>> study = sweep(setup, grid({"optimizer.learning_rate": [1e-5, 1e-2]}), iris, jax.random.key(0), seeds=2)
    >>> study.loss.shape, study.best_setup.optimizer, study.winner.members
    ((2, 2), Adam(learning_rate=0.01), 2)
    """
    _check(space, seeds, keep, width, halving)
    check_key(key)
    if by is not None:
        setup = dataclasses.replace(setup, watch=dataclasses.replace(setup.watch, by=by))
    data = _in_folds(data, folds)
    asked = Asked(setup, tuple(space), data, key, seeds, halving, keep)
    setups = _setups(asked)
    how = _how(devices, executor, width, watch)
    return _answered(asked, setups, {}, how) if folder is None else _kept(folder, asked, setups, how, {})


def plan(
    setup: Setup,
    space: Sequence[Assignment],
    data: Any,
    key: Array,
    *,
    seeds: int = 1,
    folds: int | None = None,
    halving: Halving | Hyperband | None = None,
    width: int | None = None,
    devices: Sequence[Any] | None = None,
) -> SweepPlan:
    """What ``sweep`` with the same arguments will take: rows at once, calls, memory and seconds of each program.

    The programs are compiled, as ``sweep`` would, and two epochs of a call are trained. Where a study is long, wider
    and narrower tiles take their turns, and the quickest width is remembered for ``sweep``; another one is said by its
    argument ``width``. No tile takes more than 70 % of the memory that is free. Raises what ``sweep`` raises.

    >>> import jax
    >>> from dlcore import Setup, data, grid, losses, mlp
    >>> from dlcore.tuning import plan
    >>> setup = Setup(mlp((16, 3)), losses.softmax_cross_entropy, epochs=20)
    >>> iris = data.split(data.load("iris"))
    >>> space, one = grid({"optimizer.learning_rate": [1e-3, 1e-2]}), jax.devices()[:1]
    >>> found = plan(setup, space, iris, jax.random.key(0), devices=one)
    >>> found[0].plan.rows, found[0].plan.calls, 0 < found.bytes < found[0].free
    (2, 1, True)
    """
    _check(space, seeds, "none", width, halving)
    check_key(key)
    asked = Asked(setup, tuple(space), _in_folds(data, folds), key, seeds, halving, "none")
    return forecast(asked, _setups(asked), _how(devices, None, width, None))


def resume(
    folder: Path,
    *,
    trusted: tuple[str, ...] = (),
    width: int | None = None,
    devices: Sequence[Any] | None = None,
    executor: Executor | None = None,
    watch: Watch | None = None,
) -> Study:
    """The study in ``folder``, a ``sweep(..., folder=folder)`` or ``study.save(folder)``: what it lacks is trained.

    Bit for bit what the unbroken sweep gives on a CPU, with the same width and devices. Setups with functions from
    outside dlcore are read where their packages are ``trusted``. Raises ValueError where there is no whole study.
    """
    asked = StudyFolder.asked(folder, trusted)
    return _kept(folder, asked, _setups(asked), _how(devices, executor, width, watch), {})


def extend(
    study: Study,
    *,
    space: Sequence[Assignment] = (),
    seeds: int | None = None,
    epochs: int | None = None,
    folder: Path | None = None,
    width: int | None = None,
    devices: Sequence[Any] | None = None,
    executor: Executor | None = None,
    watch: Watch | None = None,
) -> Study:
    """``study`` with more assignments, with ``seeds`` or ``epochs`` in all: only what is not there yet is trained.

    Rows whose states were kept go on from them; others begin anew where they need more epochs. A schedule over all of
    a training then has another course than it would have had. A ``folder`` keeps what is there and what comes, as that
    of ``sweep`` does: killed at any moment, the same call goes on. Raises ValueError for fewer seeds or epochs than
    there were, and for a study that was halved or does not know its data.
    """
    before = study.asked
    if before is None or before.halving is not None:
        got = "one that was halved" if before else "one without its data"
        raise ValueError(needed("extend", "a study that sweep gave, without halving", got, "sweep(...)"))
    setup = before.setup if epochs is None else dataclasses.replace(before.setup, epochs=epochs)
    asked = before._replace(setup=setup, space=tuple(Space(before.space) | space), seeds=seeds or before.seeds)
    _check(asked.space, asked.seeds, asked.keep, width, None)
    for name, now, then in (("seeds", asked.seeds, before.seeds), ("epochs", setup.epochs, before.setup.epochs)):
        if now < then:
            raise ValueError(needed(f"extend: {name}", f"{then} or more", now))
    if epochs is not None and any("epochs" in assignment for assignment in asked.space):
        raise ValueError(needed("extend: epochs", "a space without them", "one that sets them", "space=grid(...)"))
    plans = study.plans if epochs is None and width is None else ()  # other epochs are another program anyway
    how = _how(devices, executor, width, watch)._replace(plans=plans)
    if folder is None:
        return _answered(asked, _setups(asked), study.found, how)
    return _kept(folder, asked, _setups(asked), how, study.found)


def _kept(folder, asked, setups, how, before: Found):
    """The study, with what the folder has, to which comes what was found ``before``."""
    if jax.process_count() > 1 and how.executor is None:
        got, hint = f"{jax.process_count()} of them", "study.save(folder) in the first, or an executor"
        raise ValueError(needed("sweep: folder", "one process", got, hint))
    with StudyFolder(folder, asked) as kept:
        for rows in alike(before, but=kept.found):
            kept.note(rows)
        found = {row: before.get(row, {}) | kept.found.get(row, {}) for row in {**before, **kept.found}}
        how = how._replace(widths=kept.widths, lay=kept.lay)
        study = _answered(asked, setups, found, how, kept.note)
        kept.settle(study.found)
    return study


def _answered(asked: Asked, setups: list[Setup], found: Found, how: How, note: Any = lambda rows: None) -> Study:
    answer = search(asked, setups, found, how, note)
    return Study(asked.setup, asked.space, *answer, asked, asked.by)


def _how(devices, executor, width, watch):
    """Workers take their own first device each, of which this process need not know; processes take their own."""
    if executor is None:
        return How(_own(devices or jax.local_devices()), width, watch)
    if not isinstance(executor, Executor):
        hint = "Client(...).get_executor() of Dask, or a ProcessPoolExecutor"
        raise TypeError(needed("sweep: executor", "an executor of concurrent.futures", repr(executor), hint))
    if devices is not None:
        got = f"{len(devices)} devices"
        raise ValueError(needed("sweep: devices", "none beside an executor", got, "a worker for each device"))
    return How(tuple(jax.local_devices()[:1]), width, watch, executor=executor)


def _own(devices):
    others = {device.process_index for device in devices} - {jax.process_index()}
    if others:
        what, got = "devices of this process", f"some of {len(others)} others"
        raise ValueError(needed("sweep: devices", what, got, "devices=jax.local_devices()"))
    return tuple(devices)


def _check(space, seeds, keep, width, halving):
    if isinstance(space, Mapping):
        raise TypeError(needed("sweep: space", "a list of assignments", "a dictionary", "grid(space)"))
    if not space:
        raise ValueError(needed("sweep: space", "at least one assignment", "none", "grid({path: values})"))
    check_count("sweep: seeds", seeds)
    if width is not None:
        check_count("sweep: width", width)
    if keep not in ("all", "none"):
        check_count("sweep: keep", keep)
    check_halving(halving, space)


def _in_folds(data, folds):
    """A split of arrays, or a list of splits."""
    if folds is not None:
        if isinstance(data, list):
            raise TypeError(needed("sweep: folds", "a split or a pair to fold", "a list of splits", "folds=None"))
        return datasets.folds(data, folds)
    if isinstance(data, list) and data and all(isinstance(fold, Split) for fold in data):
        return data
    return arrays(data)


def _setups(asked: Asked) -> list[Setup]:
    """The setups as arrays; raises for the first that cannot be trained on the data, or on one of the folds."""
    parts = asked.data if isinstance(asked.data, list) else [asked.data]
    return [setups_of(asked.setup, asked.space, arrays(part)) for part in parts][-1]
