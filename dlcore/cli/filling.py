"""Commands that train and fill a run folder: recipe, fit, sweep."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import OmitArgPrefixes, Positional

from dlcore.cli.cache import use_cache
from dlcore.data import TableOptions
from dlcore.recipe import Recipe, Search, Training

_GUESSED, _RECIPE, _TRAINING, _SEARCH = TableOptions(), Recipe(), Training(), Search()
_Table = Annotated[TableOptions, OmitArgPrefixes]


def recipe(
    name: Positional[str],
    /,
    options: Annotated[Recipe, OmitArgPrefixes] = _RECIPE,
    table: _Table = _GUESSED,
    out: Path | None = None,
    cache: bool = True,
) -> Callable[[], str]:
    """Check the data, check the network, tune, train, diagnose, open the test set once, report.

    Args:
        name: A data set by name (digits, iris, wine, breast_cancer, diabetes, mnist, ...), a table, an .npz file, a
            folder of images by class, or one of x.npy and y.npy.
        options: What is tried.
        table: How a table is read; what is not said is guessed.
        out: The new folder of the run; default runs/NAME-DATE-TIME.
        cache: Keep compiled programs for the next run, in the cache folder of the user.
    """
    return lambda: _filled("recipe", options, name, table, out, cache)


def fit(
    name: Positional[str],
    /,
    options: Annotated[Training, OmitArgPrefixes] = _TRAINING,
    table: _Table = _GUESSED,
    out: Path | None = None,
    cache: bool = True,
) -> Callable[[], str]:
    """Train one setup; the model, its learning curves and their verdict are kept, the test set stays sealed.

    Args:
        name: A data set by name (digits, iris, wine, breast_cancer, diabetes, mnist, ...), a table, an .npz file, a
            folder of images by class, or one of x.npy and y.npy.
        options: What is trained.
        table: How a table is read; what is not said is guessed.
        out: The new folder of the run; default runs/NAME-DATE-TIME.
        cache: Keep compiled programs for the next run, in the cache folder of the user.
    """
    return lambda: _filled("fit", options, name, table, out, cache)


def sweep(
    name: Positional[str],
    /,
    options: Annotated[Search, OmitArgPrefixes] = _SEARCH,
    table: _Table = _GUESSED,
    out: Path | None = None,
    cache: bool = True,
) -> Callable[[], str]:
    """Train all setups of a space, with seeds and folds, as rows of one program; the winner is kept as the model.

    Args:
        name: A data set by name (digits, iris, wine, breast_cancer, diabetes, mnist, ...), a table, an .npz file, a
            folder of images by class, or one of x.npy and y.npy.
        options: What is swept.
        table: How a table is read; what is not said is guessed.
        out: The new folder of the run; default runs/NAME-DATE-TIME.
        cache: Keep compiled programs for the next run, in the cache folder of the user.
    """
    return lambda: _filled("sweep", options, name, table, out, cache)


def resume(folder: Positional[Path], /, cache: bool = True) -> Callable[[], str]:
    """Go on with a run that was interrupted or killed, from what it kept, to the same numbers.

    Args:
        folder: The folder of the run.
        cache: Keep compiled programs for the next run, in the cache folder of the user.
    """
    return lambda: _resumed(folder, cache)


def _prepare(cache: bool) -> None:
    """One CPU device per core, over which the trainings of a sweep are spread, and the cache of programs."""
    import jax

    with contextlib.suppress(RuntimeError):  # too late where JAX has started
        jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    if cache:
        use_cache()


def _resumed(folder: Path, cache: bool) -> str:
    from dlcore import recipe as programs
    from dlcore import report

    _prepare(cache)
    programs.resume_run(folder)
    return report.summary(folder)


def _filled(command: str, options: Any, name: str, table: TableOptions, out: Path | None, cache: bool) -> str:
    from dlcore import report
    from dlcore.recipe import cook, search, single
    from dlcore.recipe.task import Source

    _prepare(cache)
    folder = out or Path("runs") / f"{Path(name).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    source = Source(name, {field: value for field, value in vars(table).items() if value != getattr(_GUESSED, field)})
    {"recipe": cook.run, "fit": single.run, "sweep": search.run}[command](options, source, folder)
    return report.summary(folder)
