"""The error budget: the lecture's example, and each verdict beside the budget that just does not deserve it."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from dlcore.diagnosis import ErrorBudget, error_rate, judge_budget, mean_error
from dlcore.diagnosis.verdicts import accuracy_error
from dlcore.figures import error_parts
from dlcore.probability import Estimate


def budget(truth=0.01, train=0.05, validation=0.08, test=None, se=1e-3, constant=0.9):
    test = None if test is None else Estimate(test, se)
    return ErrorBudget(Estimate(train, se), Estimate(validation, se), test, Estimate(truth, 0.0), constant)


def kinds(*args, **options):
    return [verdict.kind for verdict in judge_budget(*args, **options)]


def test_the_example_of_the_lecture():
    b = budget()  # ground truth 1 %, training 5 %, validation 8 %
    assert_allclose(b.bias.value, 0.04)
    assert_allclose(b.variance, (0.03, math.sqrt(2) * 1e-3))
    assert b.overuse is None
    assert kinds(b) == ["bias", "variance"]
    assert kinds(budget(train=0.02)) == ["variance"]  # the bias is a hundredth: no part to work on
    assert kinds(budget(train=0.04, validation=0.11)) == ["variance", "bias"]  # the larger first


def test_where_the_ground_truth_is_not_known_it_may_be_noise():
    unknown = budget()._replace(ground_truth=None)
    assert kinds(unknown) == ["bias or noise", "variance"]
    assert unknown.bias.value == unknown.train.value
    assert kinds(unknown._replace(validation=Estimate(0.2, 1e-3))) == ["variance", "bias or noise"]


def test_the_parts_sum_to_the_test_error():
    b = budget(test=0.1)
    assert_allclose(b.ground_truth.value + b.bias.value + b.variance.value + b.overuse.value, 0.1)
    assert kinds(b) == ["bias", "variance", "validation set used up"]


def test_what_chance_alone_can_do_is_no_part():
    assert kinds(budget(se=0.05)) == ["nothing left to mend"]
    assert kinds(budget(train=0.01, validation=0.012, test=0.01)) == ["nothing left to mend"]
    assert judge_budget(budget(se=0.05))[0].severity == "good"


def test_more_data_are_advised_unless_they_were_tried_in_vain():
    b = budget(train=0.011)
    assert "more data" in judge_budget(b)[0].try_next
    helped, in_vain = (judge_budget(b, Estimate(gain, 0.01))[0] for gain in (0.05, 0.001))
    assert "more data" in helped.try_next
    assert "more data" not in in_vain.try_next
    assert any("twice the examples" in line for line in in_vain.evidence)
    assert "more data" not in judge_budget(b, done=["more data"])[0].try_next


def test_estimates():
    assert_allclose(error_rate(0.9, 100), (0.1, accuracy_error(0.9, 100)))
    assert error_rate(1.0, 50).standard_error > 0  # none wrong of 50 is not never
    assert_allclose(mean_error(0.5, 400), (0.5, 2 * 0.5 / 20))


def test_numbers_that_are_missing_accuse_nobody():
    assert kinds(budget(train=np.nan, validation=np.nan)) == ["not known"]


@pytest.mark.parametrize("constant", [None, 0.06, 5.0])
def test_the_figure(constant):
    figure = error_parts(["ground truth", "training", "validation"], [0.01, 0.05, 0.03], [0, 0.01, 0.01], constant)
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ground truth", "training", "validation"]
    assert any("constant" in text.get_text() for text in ax.texts) == (constant == 0.06)
