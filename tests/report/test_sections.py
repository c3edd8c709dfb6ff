"""The numbers of the report's tables are those of the records, in their places."""

import dataclasses

import numpy as np
import pytest

from dlcore.console.numbers import MISSING
from dlcore.report.sections import sections
from dlcore.runs import read
from tests.report.records import RATE


@pytest.fixture
def shown(complete):
    """The tables of the report by the key of their section, where training accuracy is not validation accuracy."""
    records = read(complete)
    history = records.training.history
    accuracy = {"accuracy": np.asarray(history.validation_metrics["accuracy"]) / 2}
    training = dataclasses.replace(records.training, history=history._replace(validation_metrics=accuracy))
    return {section.key: section.tables for section in sections(records._replace(training=training))}


def test_best_and_last_epoch(shown):
    """The curves are f, 2 f and 3 f with f from 1 to 0.01 in 12 epochs; the ninth is the best: f = 10^(-16 / 11)."""
    (table,) = shown["training"]
    assert table.columns == [
        "epoch", "number", "training loss", "validation loss", "training accuracy", "validation accuracy"
    ]  # fmt: skip
    f = 10 ** (-16 / 11)
    for row, name, number, level in zip(table.rows, ("best", "last"), ("9", "12"), (f, 0.01), strict=True):
        assert row[:4] == [name, number, f"{2 * level:.4f}", f"{3 * level:.4f}"]
        shares = [float(cell.split()[0]) for cell in row[4:]]
        np.testing.assert_allclose(shares, [100 - 50 * level, 50 - 25 * level], atol=0.06)


def test_configurations_from_the_best_on(shown):
    """The rate of 0.01 was planted as the best, of losses 1 apart; what no standard error tells from it is marked."""
    (table,) = shown["sweep_2"]
    marks, rates = [row[0] for row in table.rows], [float(row[1 + table.columns[1:].index(RATE)]) for row in table.rows]
    assert rates[:2] == [0.01, 0.01]
    assert marks[0] == "best"
    assert "best" not in marks[1:]
    assert not any(marks[2:])


def test_a_result_stands_before_the_best_constant(shown):
    assert shown["test"][0].rows == [["accuracy", "95.0 ± 4.9 %", "35.0 %"]]


def test_layers_before_and_after(shown):
    """Three of four units of the ReLU died; the first layer moved by half of its norm, as the last did."""
    (table,) = shown["layers"]
    assert table.columns == ["layer", "activation", "dead units", "saturated", "gradient", "moved"]
    assert [row[0] for row in table.rows] == ["layers[0] Dense", "layers[1] relu", "layers[2] Dense"]
    assert [row[2] for row in table.rows] == [MISSING, "75.0 %", MISSING]
    assert [row[4] for row in table.rows] == ["0.2 → 0.03", MISSING, "0.5 → 0.1"]
    assert [row[5] for row in table.rows] == ["0.5", MISSING, "0.5"]
