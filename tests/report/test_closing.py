"""What a report ends with: advice that the run did not refute, and a command that says all that was asked."""

import dataclasses
import shlex

import pytest
import tyro

from dlcore.data.options import TableOptions
from dlcore.diagnosis import Verdict
from dlcore.recipe import Recipe
from dlcore.recipe.search import Search
from dlcore.recipe.single import Training
from dlcore.report.closing import command, next_steps, to_cite, to_try
from dlcore.runs import RecipeRecord, VerdictRecord, read


def verdict(kind, *advice, severity="warning", evidence=("seen",)):
    return Verdict(kind, evidence, "so it is", advice, severity)


@pytest.fixture
def records(complete):
    return read(complete)._replace(sanity=None, changes=None, budget=None)


def with_verdicts(records, *verdicts, changes=()):
    told = VerdictRecord(verdicts[0], tuple(verdicts[1:]))
    tried = dataclasses.replace(read(records.folder).changes, verdicts=tuple(changes))
    return records._replace(verdict=told, changes=tried)


def test_what_is_wrong_comes_first_and_everything_once(records):
    found = with_verdicts(
        records,
        verdict("ideal", "more data, or augmentation", "dropout", severity="good"),
        verdict("overfitting", "early stopping", "more data"),
        verdict("softmax twice", "remove it", severity="bad"),
    )
    assert [step.advice for step in next_steps(found)] == ["remove it", "early stopping", "more data", "dropout"]
    (table,) = to_try(found).tables
    assert table.rows[0] == ["remove it", "softmax twice: seen"]


def test_what_was_tried_in_vain_is_not_advised(records):
    ideal = verdict("ideal", "more data, or augmentation", "more weight decay", severity="good")
    vain = verdict("more data hardly help", "another model", severity="good")
    steps = [step.advice for step in next_steps(with_verdicts(records, ideal, changes=[vain]))]
    assert steps == ["more weight decay", "another model"]
    low = verdict("learning rate too low", "a learning rate 3 to 10 times larger", "more epochs")
    none = verdict("no neighbor is better", severity="good")
    assert [step.advice for step in next_steps(with_verdicts(records, low, changes=[none]))] == ["more epochs"]


def test_nothing_to_advise_is_said(records):
    section = to_try(with_verdicts(records, verdict("ideal", severity="good")))
    assert not section.tables
    assert section.facts[0][0] == "nothing"


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("recipe", Recipe(hidden=(32, 16), dropouts=(0.0, 0.5), by="F1", ground_truth=0.01, seed=7)),
        ("recipe", Recipe()),
        ("fit", Training(set=("epochs=5", "metrics=[training.F1,training.AUC]"), test=True)),
        (
            "sweep",
            Search(grid=("penalty.strength=0,1e-3",), sample=("optimizer.learning_rate=1e-4:1e-1",), halving=True),
        ),
    ],
)
def test_the_command_says_all_that_was_asked(name, asked):
    words = shlex.split(command(RecipeRecord("homes", dataclasses.asdict(asked), name, "/my homes.csv")))
    assert words[:3] == ["dlcore", name, "/my homes.csv"]
    assert tyro.cli(type(asked), args=words[3:]) == asked


def test_the_command_says_how_a_table_is_read():
    asked = TableOptions(("price", "tax"), drop=("id",), size=(8, 9), missing=("None", "-999"), header=True)
    usual = vars(TableOptions())
    table = {name: value for name, value in vars(asked).items() if value != usual[name]}
    words = shlex.split(command(RecipeRecord("homes", {}, "fit", "homes.csv", table)))
    assert tyro.cli(TableOptions, args=words[3:]) == asked


def test_a_run_is_cited_with_data_seed_versions_and_machine(records):
    asked = RecipeRecord("digits", {"seed": 3}, "recipe", "digits", {}, "abc123")
    facts = dict(to_cite(asked, records.data, records.environment).facts)
    for word in ("digits (somewhere)", "dlcore recipe, seed 3", "jax", records.environment.versions["dlcore"]):
        assert word in facts["cite as"]
    assert "abc123" in facts["data are the same"]
