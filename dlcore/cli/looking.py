"""Commands that look at runs or prepare one: report, compare, new, paths, doctor."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, Positional

from dlcore.data import TableOptions

_GUESSED = TableOptions()


def report(folder: Positional[Path], /) -> Callable[[], str]:
    """Draw the figures and the report of a run anew from its saved records, without training.

    Args:
        folder: The folder of the run.
    """
    return lambda: _draw(folder)


def _draw(folder: Path) -> str:
    from dlcore import report as pages

    return str(pages.finish(folder))


def compare(runs: Positional[tuple[Path, ...]], /, out: Path | None = None) -> Callable[[], str]:
    """Put runs beside each other: the values in which their setups differ, losses, metrics and times.

    Args:
        runs: The folders of two runs or more.
        out: A .png, .svg or .pdf file for their learning curves.
    """
    return lambda: _compare(runs, out)


def _compare(runs: tuple[Path, ...], out: Path | None) -> str:
    from dlcore import report as pages

    table = pages.compare(runs)
    return f"{table}\n{pages.draw_comparison(runs, out)}" if out else table


def new(
    name: Positional[str], file: Positional[Path], /, table: Annotated[TableOptions, OmitArgPrefixes] = _GUESSED
) -> Callable[[], str]:
    """Write the setup that a data set is trained with by default to a JSON file: change it and give it to --setup.

    Args:
        name: A data set by name or a table or .npz file.
        file: The new file, such as setup.json.
        table: How a table is read; what is not said is guessed.
    """
    return lambda: _new(name, file, table)


def _new(name: str, file: Path, table: TableOptions) -> str:
    import json

    from dlcore import data
    from dlcore.data.files import write_named
    from dlcore.recipe.setups import setup_from
    from dlcore.tree.saved import to_config

    setup = setup_from(None, data.load(name, **vars(table)))
    text = json.dumps(to_config(setup), indent=1) + "\n"
    write_named(file, lambda opened: opened.write(text.encode()), new=True)
    return f"{file}: dlcore fit {name} --setup {file}"


def paths(
    name: Positional[str],
    /,
    setup: str | None = None,
    table: Annotated[TableOptions, OmitArgPrefixes] = _GUESSED,
) -> Callable[[], str]:
    """List every path of a setup, which --set, --grid and --sample take: its value, and the numbers that it may be.

    Args:
        name: A data set by name or a table or .npz file.
        setup: A setup: a JSON file, a run folder, or module:name in Python; default: a network with 128 hidden units.
        table: How a table is read; what is not said is guessed.
    """
    return lambda: _paths(name, setup, table)


def _paths(name: str, source: str | None, table: TableOptions) -> str:
    from dlcore import data
    from dlcore.recipe.setups import setup_from, text_of
    from dlcore.report.terminal import two_columns
    from dlcore.tree.names import paths as places
    from dlcore.tuning.spaces import range_of

    setup = setup_from(source, data.load(name, **vars(table)))
    rows = []
    for path, value in places(setup).items():
        allowed = range_of(setup, path)
        scale = ", on a logarithmic scale" if allowed and allowed.log else ""
        rows.append((path, text_of(value) + (f"  ({allowed}{scale})" if allowed else "")))
    return two_columns(rows)


def doctor() -> Callable[[], str]:
    """Say what dlcore finds here: versions, devices, precision, memory, cache; and what could be better used."""
    return _doctor


def _doctor() -> str:
    import importlib.util

    import jax

    from dlcore.cli.cache import folder_of_cache
    from dlcore.console.numbers import memory
    from dlcore.report.terminal import two_columns
    from dlcore.runs import environment

    found = environment()
    rows = [(name, version) for name, version in found.versions.items()]
    rows += [
        ("devices", f"{found.devices} x {found.device} ({found.platform})"),
        ("precision", f"{'float64' if found.x64 else 'float32'}, matrix products: {found.matmul}"),
        ("processor", f"{found.processor or 'unknown'}, {found.cores} cores"),
        ("memory", memory(found.memory)),
        ("cache", f"{folder_of_cache()}: {_size(folder_of_cache())}"),
        ("system", found.system),
    ]
    extras = {"pyarrow": "Parquet files", "PIL": "folders of pictures", "grain": "data larger than memory"}
    missing = [f"{name} ({what})" for name, what in extras.items() if importlib.util.find_spec(name) is None]
    rows += [("not installed", ", ".join(missing))] if missing else []
    rows += [("advice", line) for line in _advice(jax.default_backend())]
    return two_columns(rows)


def _advice(backend: str) -> list[str]:
    """What would make more of this machine."""
    import os
    import shutil

    if backend != "cpu":
        return []
    if shutil.which("nvidia-smi"):
        return ["there is an NVIDIA driver and JAX uses the CPU: pip install -U 'jax[cuda13]', or unset JAX_PLATFORMS"]
    if os.path.exists("/dev/accel0") or os.environ.get("TPU_NAME"):
        return ["there is a TPU and JAX uses the CPU: pip install -U 'jax[tpu]', or unset JAX_PLATFORMS"]
    return []


def _size(folder: Path) -> str:
    files = [path.stat().st_size for path in folder.glob("*") if path.is_file()] if folder.is_dir() else []
    return f"{len(files)} files, {sum(files) / 2**20:.1f} MiB" if files else "empty"
