"""What a run folder holds, read back: every piece is there or None, as a run may have been interrupted anywhere."""

import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from dlcore.report.folder import read_arrays, read_json

Json = dict[str, Any]
Arrays = dict[str, np.ndarray]


class Sweep(NamedTuple):
    """A saved sweep: the space by configuration, mean and standard error [configurations] and the arrays of its rows.

    ``mean`` is inf where a seed diverged. ``arrays`` may be empty.
    """

    facts: Json
    mean: np.ndarray
    standard_error: np.ndarray
    arrays: Arrays

    @property
    def axes(self) -> dict[str, list[Any]]:
        """The values of every hyperparameter that was varied, by its path."""
        return self.facts.get("axes", {})

    @property
    def space(self) -> list[Json]:
        """The values of every configuration."""
        return self.facts["space"]

    @property
    def best(self) -> int | None:
        """The configuration that was chosen; None where all diverged."""
        best = self.facts.get("best")
        return None if best is None or not np.isfinite(self.mean[best]) else int(best)

    @property
    def alike(self) -> list[int]:
        """The configurations within one standard error of the best."""
        return [int(i) for i in self.facts.get("one_standard_error") or []]

    @property
    def diverged(self) -> np.ndarray:
        """How many seeds of each configuration diverged [configurations]."""
        return np.asarray(self.facts.get("diverged") or np.zeros(len(self.mean)), int)

    @property
    def order(self) -> list[int]:
        """The configurations, best first, diverged ones last."""
        return [int(i) for i in np.argsort(self.mean, kind="stable")]


class Contents(NamedTuple):
    """All pieces of a run folder."""

    folder: pathlib.Path
    config: Json
    environment: Json | None
    data: Json | None
    sanity: Json | None
    sanity_curves: Arrays
    coarse: Sweep | None
    refined: Sweep | None
    training: Json | None
    history: Arrays
    verdict: Json | None
    test: Json | None
    predictions: Arrays
    status: Json | None

    @property
    def name(self) -> str:
        """The recipe's name."""
        recipe = self.config.get("recipe", {})
        return str(recipe.get("name") or recipe.get("data") or (self.data or {}).get("name") or self.folder.name)

    @property
    def classes(self) -> list[str]:
        """The names of the classes; empty in regression."""
        return [str(name) for name in (self.data or {}).get("classes") or []]

    @property
    def chosen(self) -> Sweep | None:
        """The sweep with the better best configuration: that is the setup of the recipe."""
        found = [s for s in (self.coarse, self.refined) if s and s.best is not None]
        return min(found, key=lambda s: s.mean[s.best], default=None)

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return self.test is not None and (self.status or {}).get("status") != "interrupted"

    @property
    def seconds(self) -> float | None:
        """How long the run took, or had taken when it was last heard of."""
        return number(self.status["seconds"]) if self.status and "seconds" in self.status else None


def read(folder: str | os.PathLike[str]) -> Contents:
    """The contents of a run folder; raises ValueError where it has no ``config.json`` or a piece is damaged."""
    folder = pathlib.Path(folder)

    def piece(name):
        return read_json(folder, name) if (folder / f"{name}.json").is_file() else None

    def arrays(name):
        return read_arrays(folder, name) if (folder / f"{name}.npz").is_file() else {}

    def sweep(name):
        facts = piece(name)
        return facts and Sweep(facts, numbers(facts["mean"]), numbers(facts["standard_error"]), arrays(name))

    return Contents(
        folder=folder,
        config=read_json(folder, "config"),
        environment=piece("environment"),
        data=piece("data"),
        sanity=piece("sanity"),
        sanity_curves=arrays("sanity"),
        coarse=sweep("sweep_coarse"),
        refined=sweep("sweep_refined"),
        training=piece("training"),
        history=arrays("history"),
        verdict=piece("verdict"),
        test=piece("test"),
        predictions=arrays("test"),
        status=piece("status"),
    )


def number(value: Any) -> float:
    """A number as JSON holds it, also "nan", "inf" and null (NaN)."""
    return float("nan") if value is None else float(value)


def numbers(values: Any) -> np.ndarray:
    """Numbers as JSON holds them, as an array [n]."""
    return np.array([number(value) for value in values], float)
