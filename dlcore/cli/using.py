"""Commands that use what was trained: predict, evaluate, export."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from dlcore.console.numbers import metric, short
from dlcore.data.files import write_named
from dlcore.numerics.errors import needed

_KINDS = (".csv", ".tsv", ".parquet", ".npz")


def predict(
    run: Positional[Path], file: Positional[Path], /, out: Path | None = None, keep: tuple[str, ...] = ()
) -> Callable[[], str]:
    """Say what a trained model predicts for new data: classes with their probabilities, or quantities in their units.

    Args:
        run: The folder of a run, or its folder model/ alone.
        file: A table with the columns of training, an image or a folder of them, an .npy or .npz file with an array x.
        out: A .csv, .tsv, .parquet or .npz file for the predictions; default: they are printed, as CSV.
        keep: Columns of the file that stand beside the predictions, such as an identifier.
    """
    return lambda: _predict(run, file, out, keep)


def evaluate(run: Positional[Path], file: Positional[Path], /, weights: str | None = None) -> Callable[[], str]:
    """Say how good a trained model is on data with the right answers, beside the best constant prediction.

    Args:
        run: The folder of a run, or its folder model/ alone.
        file: A table with the columns of training and its target, a folder of images by class, or an .npz file with
            arrays x and y.
        weights: Column of the table that says how much each example counts.
    """
    return lambda: _evaluate(run, file, weights)


def export(run: Positional[Path], file: Positional[Path], /) -> Callable[[], str]:
    """Write a trained model as one StableHLO program, which jax alone loads and runs on CPU, GPU or TPU.

    Args:
        run: The folder of a run, or its folder model/ alone.
        file: The new file, such as model.stablehlo.
    """
    return lambda: _export(run, file)


def _export(run: Path, file: Path) -> str:
    from dlcore.deployment import export_model, load_model

    model = load_model(run)
    export_model(file, model)
    example = ", ".join(["n", *map(str, model.shape)])
    return f"{file}: jax.export.deserialize(bytearray(open({str(file)!r}, 'rb').read())).call(x), x [{example}]"


def _predict(run: Path, file: Path, out: Path | None, keep: tuple[str, ...]) -> str:
    from dlcore.deployment import load_model

    if out and out.suffix.lower() not in _KINDS:
        raise ValueError(needed("--out", f"a name that ends in {', '.join(_KINDS)}", out.name))
    frame = load_model(run).table(file, keep)
    if out is None:
        return frame.to_csv(index=False).rstrip("\n")
    write_named(out, lambda opened: _write(frame, out.suffix.lower(), opened))
    return f"{len(frame)} predictions in {out}"


def _write(frame: Any, kind: str, file: Any) -> None:
    import numpy as np

    if kind == ".parquet":
        frame.to_parquet(file, index=False)
    elif kind == ".npz":
        columns = {name: frame[name].to_numpy() for name in frame.columns}
        np.savez(file, **{name: a.astype(str) if a.dtype == object else a for name, a in columns.items()})
    else:
        frame.to_csv(file, index=False, sep="\t" if kind == ".tsv" else ",")


def _evaluate(run: Path, file: Path, weights: str | None) -> str:
    from dlcore.deployment import load_model
    from dlcore.report.terminal import two_columns

    found = load_model(run).evaluate(file, weights=weights)
    rows = [("examples", short(found.n)), ("loss", short(found.loss))]
    rows += [(name, metric(name, value, found.standard_error.get(name))) for name, value in found.metrics.items()]
    constant = {name: f"  (constant prediction: {metric(name, value)})" for name, value in found.baseline.items()}
    return two_columns([(name, value + constant.get(name, "")) for name, value in rows])
