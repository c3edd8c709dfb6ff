"""Every signature is seen where its fault is planted, over seeds, and not beside it."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from dlcore import data
from dlcore.data import Examples, Split
from dlcore.diagnosis import PART_SIGNATURES, RULES, SIGNATURES, examine, look_at, outputs
from dlcore.diagnosis.verdicts import following
from dlcore.training import fit
from experiments.faults import DATA, FAULTS, HEALTHY
from experiments.planted import TASK, healthy, parts
from experiments.spoiled import normalized
from tests.diagnosis.runs import kinds_of, planted_and_fresh, planted_and_trained

FAULT = {fault.name: fault for fault in (*FAULTS, *HEALTHY)}
OF_PARTS = [fault.name for fault in DATA if fault.kinds[0] in {rule.kind for rule in PART_SIGNATURES}]
AT_ONCE = [
    "softmax before the loss",
    "sigmoid before the loss",
    "sigmoid twice",
    "log-probabilities given",
    "logits given for probabilities",
    "logits given for logarithms",
    "labels from 1",
    "an output silenced",
    "targets broadcast",
    "ReLU on the outputs",
    "dropout in evaluation",
    "batch norm by the batch",
    "gradient stopped",
    "biases of -50",
    "weights of 20",
    "eight layers, small weights",
    "eight layers, large weights",
]
TRAINED = ["no averages", "slow averages", "a layer frozen", "learning rate 0", "schedule in the wrong unit",
           "validation labels shifted", "validation rows moved by one", "tanh on the outputs"]  # fmt: skip
BESIDE = ["healthy", "healthy, batch norm and dropout", "healthy, cosine schedule"]
ELSEWHERE = {"output does not depend on the input", "class never predicted"}  # tests of their own


def of_parts(split, batch_size=16):
    return [verdict.kind for verdict in following(PART_SIGNATURES, look_at(split, batch_size))]


class TestParts:
    @pytest.mark.parametrize("name", OF_PARTS)
    @pytest.mark.parametrize("task", ["wine", "iris", "diabetes", "cancer_radius"])
    def test_a_fault_is_seen(self, name, task):
        for seed in range(3):
            assert of_parts(FAULT[name].data(TASK[task], seed))[:1] == list(FAULT[name].kinds)

    @pytest.mark.parametrize("task", list(TASK))
    def test_healthy_data_are_not_accused(self, task):
        for seed in range(3):
            assert of_parts(normalized(parts(TASK[task], seed)), TASK[task].batch_size) == []

    def test_copies_that_are_in_the_nature_of_the_data_are_no_leak(self):
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 3, (400, 3)).astype(float), rng.integers(0, 2, 400)
        assert of_parts(Split(Examples(x[:300], y[:300]), Examples(x[300:], y[300:]))) == []

    def test_what_another_model_was_normalized_by_is_told_from_what_is_not_normalized(self):
        rng = np.random.default_rng(0)
        x = rng.normal(3.0, 2.0, (80, 4))
        raw = Split(Examples(x[:60], x[:60, :1]), Examples(x[60:], x[60:, :1]))
        assert of_parts(raw) == []
        by = data.fit_normalization(x[60:])
        assert of_parts(data.normalize(raw, by)[0]) == ["normalized by other examples"]

    def test_images_may_have_pixels_that_hardly_vary(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(60, 4, 4, 1))
        x[:, 0, 0] *= 1e3
        split = Split(Examples(x[:40], x[:40, 0, 0]), Examples(x[40:], x[40:, 0, 0]))
        assert of_parts(split) == []
        flat = [Examples(part.x.reshape(len(part.x), -1), part.y) for part in (split.train, split.validation)]
        assert of_parts(Split(*flat)) == ["inputs of different scales"]


@pytest.mark.slow
class TestTrainings:
    @pytest.mark.parametrize("name", AT_ONCE)
    def test_what_is_wrong_at_once_is_seen_at_once(self, name):
        fault = FAULT[name]
        found = kinds_of(*planted_and_fresh(fault, fault.tasks[0]))
        assert [kinds[:1] for kinds in found] == [list(fault.kinds)] * len(found)

    @pytest.mark.parametrize("name", TRAINED)
    def test_what_training_shows_is_seen_after_it(self, name):
        fault = FAULT[name]
        found = kinds_of(*planted_and_trained(fault, fault.tasks[-1 if name == "tanh on the outputs" else 0]))
        assert [kinds[:1] for kinds in found] == [list(fault.kinds)] * len(found)

    @pytest.mark.parametrize("name", BESIDE)
    def test_healthy_ones_are_not_accused(self, name):
        signatures = {rule.kind for rule in (*PART_SIGNATURES, *SIGNATURES)}
        for make in (planted_and_fresh, planted_and_trained):
            found = kinds_of(*make(FAULT[name], "wine"))
            assert not signatures & {kind for kinds in found for kind in kinds}

    def test_a_class_that_is_never_recognized(self):
        def seen(confusion, loss):
            part = SimpleNamespace(confusion=np.array(confusion), spread=np.ones(3))
            return outputs.never_said(SimpleNamespace(train=part, train_loss=[1.0, loss], constant=[1.1, 1.2]))

        silent = [[40, 0, 0], [9, 0, 3], [0, 0, 30]]
        assert seen(silent, 0.3) == ("never predicted on the training part: class 1 (12 examples)",)
        assert seen(silent, 1.0) is None  # nothing was learned
        assert seen([[40, 0, 0], [2, 0, 0], [0, 0, 30]], 0.3) is None  # an exception of a class
        assert seen([[40, 0, 0], [9, 1, 2], [0, 0, 30]], 0.3) is None

    def test_inputs_that_do_not_reach_the_output(self):
        fault = FAULT["biases of -50"]
        assert all(
            "output does not depend on the input" in kinds for kinds in kinds_of(*planted_and_fresh(fault, "wine"))
        )

    def test_every_signature_has_a_planted_fault(self):
        planted = {FAULT[name].kinds[0] for name in (*OF_PARTS, *AT_ONCE, *TRAINED)}
        assert planted | ELSEWHERE == {rule.kind for rule in (*PART_SIGNATURES, *SIGNATURES)}

    def test_examine_gives_the_curves_their_verdict_at_last(self):
        task = TASK["wine"]
        split = normalized(parts(task, 0))
        run = fit(healthy(task), split, jax.random.key(0))
        found = examine(run, split)
        assert [verdict.kind for verdict in found] == ["ideal"]
        assert examine(run, split, done=found[0].try_next)[0].try_next == ()
        assert {rule.kind for rule in RULES} >= {"ideal"}

    def test_of_members_what_most_show_is_told(self):
        assert examine(*planted_and_fresh(FAULT["healthy"], "wine")) == []  # no epoch, no curves
        first = examine(*planted_and_fresh(FAULT["softmax before the loss"], "wine"))[0]
        assert (first.kind, first.evidence[-1]) == ("softmax applied twice", "so in 3 of 3 members")
