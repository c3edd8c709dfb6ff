"""What members are worth together, against plain loops and what mathematics says of them."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss

from dlcore import losses
from dlcore.deployment import judge_members
from dlcore.training import fit
from dlcore.tuning import ensemble_probabilities, member_outputs, train_ensemble
from tests.deployment.problems import KEY, prepared, setup


def taken(run, some):
    return jax.tree.map(lambda a: a[np.asarray(some)], run)


def test_classes():
    x, y = prepared().validation
    run = train_ensemble(setup(2), prepared(), KEY, members=3)
    found = judge_members(run, (x, y))

    def loss(some):
        p = np.asarray(ensemble_probabilities(taken(run, some), x), np.float64)
        return log_loss(y, p / p.sum(1, keepdims=True))

    for size in (1, 2, 3):
        plain = np.mean([loss(some) for some in itertools.combinations(range(3), size)])
        assert_allclose(found.by_size[size - 1], plain, rtol=1e-6)
    assert_allclose(found.members, [loss([i]) for i in range(3)], rtol=1e-6)
    assert_allclose(found.gain, found.by_size[0] - found.by_size[-1], rtol=1e-9)
    assert (np.diff(found.by_size) <= 1e-9).all()  # Jensen: of ever larger committees the loss never rises
    classes = np.asarray(member_outputs(run, x)).argmax(-1)
    pairs = [np.mean(classes[i] != classes[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert_allclose(found.disagreement, np.mean(pairs))
    assert found.standard_error > 0
    assert found.by_size[0] - found.by_size[found.enough - 1] >= 0.9 * found.gain


def test_of_squared_errors_the_gain_is_the_variance():
    split = prepared("price")
    run = train_ensemble(setup(1, losses.squared_error), split, KEY, members=4)
    found = judge_members(run, split.validation)
    assert_allclose(found.gain, found.disagreement, rtol=1e-5)


def test_a_diverged_member_has_no_vote():
    run = train_ensemble(setup(2), prepared(), KEY, members=3)
    lost = run.state._replace(watched=run.state.watched._replace(first_nonfinite=np.array([-1, 5, -1])))
    broken = dataclasses.replace(run, state=lost)
    found, expected = (judge_members(one, prepared().validation) for one in (broken, taken(run, [0, 2])))
    assert_allclose(found.by_size, expected.by_size)


def test_what_has_no_members_or_examples():
    run, (x, y) = train_ensemble(setup(2), prepared(), KEY, members=2), prepared().validation
    for some in ((x[:0], y[:0]), (x, y[1:])):
        with pytest.raises(ValueError, match="as many labels as examples"):
            judge_members(run, some)
    with pytest.raises(ValueError, match="got a single training"):
        judge_members(fit(setup(2), prepared(), KEY), prepared().validation)
    with pytest.raises(ValueError, match="got 1"):
        judge_members(train_ensemble(setup(2), prepared(), KEY, members=1), prepared().validation)
