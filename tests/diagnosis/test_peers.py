"""The rules of others, on trainings that are made up: each raises its alarm and no other."""

import numpy as np
import pytest

from experiments.peers import PEERS, Ending, Seen

EPOCHS = 40
FALLING = np.geomspace(1, 0.1, EPOCHS)
RISING = np.concatenate([np.linspace(0.5, 0.9, 15), np.linspace(0.91, 0.95, EPOCHS - 15)])
END = Ending(
    norms=np.array([0.1, 0.2]),
    sizes=np.array([0.01, 0.02]),
    absolute=np.array([0.008, 0.015]),
    weights=np.array([0.03, -0.02]),
    zeros=0.1,
    given=np.array([0.1, 0.4, -0.2]),
    closed=np.array([0.5, 0.5, 0.5]),
    pressed=np.array([0.0, 0.0, 0.0]),
)
WELL = Seen(
    loss=FALLING,
    running_loss=FALLING * 1.05,
    validation_loss=FALLING * 1.02,
    accuracy=RISING,
    validation_accuracy=RISING - 0.01,
    update_ratio=np.full(EPOCHS, 1e-3),
    end=END,
    kinds=("Dense", "relu", "Dense"),
    dead=np.array([0.0, 0.1, 0.0]),
    unmoved=np.array([False, False, False]),
    top="softmax",
    targets=(0.0, 2.0),
    outputs=(-3.0, 4.0),
    finite=True,
)
REGRESSION = WELL._replace(accuracy=np.full(EPOCHS, np.nan), top="Dense")
TANH = WELL._replace(kinds=("Dense", "tanh", "Dense"))
STILL = np.where(np.arange(EPOCHS) // 5 == 3, 0.0, 1e-3)  # five epochs that are a window of theirs
BETWEEN = np.roll(STILL, 2)  # five that lie across two windows


@pytest.mark.parametrize("name", PEERS)
def test_a_healthy_training_is_not_accused(name):
    assert PEERS[name](WELL) == ()


@pytest.mark.parametrize(
    ("symptom", "seen"),
    [
        ("numerical error", WELL._replace(finite=False)),
        ("numerical error", WELL._replace(end=END._replace(given=np.array([0.1, 0.0, -0.2])))),
        ("numerical error", WELL._replace(end=END._replace(weights=np.array([np.nan, 0.1])))),
        ("dead node", WELL._replace(end=END._replace(closed=np.array([0.1, 0.7, 0.1])))),
        ("saturated activation", TANH._replace(end=END._replace(pressed=np.array([0.9, 0.51, 0.9])))),
        ("unchanged weight", WELL._replace(update_ratio=STILL)),
        ("unchanged weight", WELL._replace(unmoved=np.array([True, False, False]))),
        ("loss not decreasing", WELL._replace(running_loss=np.where(STILL == 0, 0.3, FALLING))),
        ("accuracy not increasing", WELL._replace(accuracy=np.where(np.arange(EPOCHS) < 20, 0.5, RISING))),
        ("accuracy not increasing", WELL._replace(accuracy=np.where(np.arange(EPOCHS) == 3, 0.0, RISING))),
        ("vanishing gradient", WELL._replace(end=END._replace(absolute=np.array([9e-8, 0.1])))),
        ("out of range", REGRESSION._replace(top="tanh", targets=(-1.5, 0.5))),
        ("out of range", REGRESSION._replace(top="relu", targets=(-0.5, 3.0))),
        ("out of range", REGRESSION._replace(outputs=(-20.0, 21.0))),
        ("out of range", WELL._replace(top="Dense")),
    ],
)
def test_the_symptoms_of_deep_diagnosis(symptom, seen):
    assert PEERS["DeepDiagnosis"](seen) == (symptom,)


@pytest.mark.parametrize(
    "seen",
    [
        REGRESSION,
        REGRESSION._replace(top="tanh", targets=(-0.9, 0.9)),
        WELL._replace(update_ratio=BETWEEN),
        WELL._replace(end=END._replace(closed=np.array([0.9, 0.69, 0.9]))),  # only what ReLU gives counts
        WELL._replace(end=END._replace(pressed=np.ones(3))),  # no sigmoid, no tanh
        WELL._replace(accuracy=np.where(np.arange(EPOCHS) < 19, 0.5, RISING)),
    ],
)
def test_what_deep_diagnosis_does_not_mind(seen):
    assert PEERS["DeepDiagnosis"](seen) == ()


def test_alarms_of_the_two_others():
    lost = WELL._replace(accuracy=RISING / 2, end=END._replace(norms=np.array([1e-6, 0.2])))
    assert PEERS["AUTOTRAINER"](lost) == ("vanishing gradient",)
    assert PEERS["AUTOTRAINER"](WELL._replace(finite=False)) == ("exploding gradient",)
    assert PEERS["SageMaker Debugger"](WELL._replace(dead=np.array([0.0, 0.6, 0.0]))) == ("DeadRelu",)
    assert PEERS["SageMaker Debugger"](WELL._replace(validation_loss=1.2 * FALLING)) == ("Overfit",)
