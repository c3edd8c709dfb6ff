"""Columns of a table as inputs of a network: numbers by mean and scale, words by one input each."""

from typing import NamedTuple

import numpy as np


class Number(NamedTuple):
    r"""$z = (x - \mu) / \sigma$; where x is missing $z = 0$, and 1 in an input ``missing`` if there is one."""

    name: str
    mean: float
    std: float
    missing: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of its inputs."""
        return (self.name, *[f"{self.name} missing"] * self.missing)


class Category(NamedTuple):
    """One input for each of ``words``, 1 where it stands; ``other``: one for all words that are not among them.

    What stood once in the training part is as what never stood there, and teaches it (Good 1953, The population
    frequencies of species): these words make up ``other``. Without any, all inputs of a new word are 0.
    """

    name: str
    words: tuple[str, ...]
    other: bool = False
    missing: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of its inputs."""
        names = [*self.words, *["other"] * self.other, *["missing"] * self.missing]
        return tuple(f"{self.name}={name}" for name in names)


class Plan(NamedTuple):
    """Where the numbers stand in cells and inputs, with their means and scales, and the rest one by one."""

    cells: np.ndarray
    inputs: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    indicators: list[tuple[int, int]]
    categories: list[tuple[int, int, Category]]


def plan_of(columns: tuple[Number | Category, ...]) -> Plan:
    """Where each of ``columns`` stands."""
    starts = [0, *np.cumsum([len(column.inputs) for column in columns]).tolist()]
    placed = list(zip(range(len(columns)), starts, columns, strict=False))
    numbers = [(j, i, c) for j, i, c in placed if isinstance(c, Number)]
    return Plan(
        np.array([j for j, _, _ in numbers], int),
        np.array([i for _, i, _ in numbers], int),
        np.array([c.mean for _, _, c in numbers]),
        np.array([c.std for _, _, c in numbers]),
        [(j, i + 1) for j, i, c in numbers if c.missing],
        [(j, i, c) for j, i, c in placed if isinstance(c, Category)],
    )


def fill(z: np.ndarray, cells: np.ndarray, plan: Plan) -> None:
    """Write inputs of ``cells`` [n, k] into ``z`` [n, d], which is 0."""
    numbers = (cells[:, plan.cells] - plan.mean) / plan.std
    z[:, plan.inputs] = np.where(np.isnan(numbers), 0, numbers)
    for j, i in plan.indicators:
        z[:, i] = np.isnan(cells[:, j])
    for j, i, category in plan.categories:
        known = np.flatnonzero(cells[:, j] < len(category.words) + category.other)
        z[known, i + cells[known, j].astype(int)] = 1
        if category.missing:
            z[:, i + len(category.inputs) - 1] = np.isnan(cells[:, j])
