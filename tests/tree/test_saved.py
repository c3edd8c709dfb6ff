"""Setups as JSON, by public names."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlcore import initializers, layers, losses, optimizers, solvers, tree
from dlcore.activations import tanh
from dlcore.layers import Dense, sequential
from dlcore.optimizers import EMA, SGD, MultiSteps, SGDMomentum
from dlcore.regularizers import L2
from dlcore.training import Setup
from dlcore.tree import saved as config
from dlcore.tree.fields import is_code
from tests.tree.problems import KINDS, PUBLIC, full_setup


def test_setups_through_json():
    setup = full_setup()
    text = json.dumps(config.to_config(setup), allow_nan=False)
    assert "dlcore" not in text
    assert config.from_config(json.loads(text)) == setup
    assert json.loads(text)["$format"] == 2


def test_saved_names_are_public_names():
    saved = config.to_config(full_setup())
    assert saved["$type"] == "training.Setup"
    assert saved["optimizer"]["rules"][0]["$type"] == "optimizers.Adam"
    assert saved["optimizer"]["rules"][0]["learning_rate"]["$type"] == "schedules.Exponential"
    assert saved["loss"]["$partial"] == "losses.huber"
    assert saved["model"]["layers"][0]["$type"] == "layers.Dense"
    assert saved["model"]["layers"][1]["function"] == {"$function": "activations.relu"}
    assert saved["model"]["layers"][0]["kernel_init"]["$type"] == "initializers.normal"


SAVEABLE = [
    name
    for name, thing in PUBLIC.items()
    if callable(thing) and thing.__module__.startswith("dlcore") and not isinstance(thing, type)
]


def test_there_is_much_to_save():
    assert len(SAVEABLE) > 250
    assert len(KINDS) > 90


@pytest.mark.parametrize("name", SAVEABLE + KINDS)
def test_every_public_name_round_trips(name):
    """Functions as they are; of a class an object whose fields are numbers: the name finds the very same thing."""
    thing = PUBLIC[name]
    if is_code(thing):
        assert config.from_config(config.to_config(thing)) is thing
        return
    made = thing if dataclasses.is_dataclass(thing) and not isinstance(thing, type) else None
    if made is None:
        fields = {f.name: float(i) for i, f in enumerate(dataclasses.fields(thing)) if f.init}
        made = thing(**fields)
    text = json.dumps(config.to_config(made), allow_nan=False)
    again = config.from_config(json.loads(text))
    assert type(again) is type(made)
    assert {f.name: getattr(again, f.name) for f in dataclasses.fields(made)} == {
        f.name: getattr(made, f.name) for f in dataclasses.fields(made)
    }


OLD = {
    "$type": "dlcore.training.setup.Setup",
    "model": {
        "$type": "dlcore.models.composition.Sequential",
        "layers": [
            {"$type": "dlcore.models.layers.Dense", "units": 3, "use_bias": True}
            | {"kernel_init": {"$type": "dlcore.initializers.Normal", "std": 0.5}},
            {"$type": "dlcore.models.layers.Activation", "function": {"$function": "dlcore.elementary.tanh"}},
        ],
    },
    "loss": {"$function": "dlcore.losses.regression.squared_error"},
    "optimizer": {
        "$type": "dlcore.optimizers.wrappers.Averaged",
        "decay": 0.5,
        "rule": {
            "$type": "dlcore.optimizers.wrappers.Accumulate",
            "rule": {"$type": "dlcore.optimizers.first_order.GradientMomentum", "learning_rate": {"$float": "inf"}},
            "steps": 4,
        },
    },
    "penalty": {
        "$type": "dlcore.regularizers.L2",
        "strength": {"$array": 0.25, "dtype": "float32"},
        "mask": {"$function": "dlcore.regularizers.weights_only"},
    },
    "epochs": 7,
}


def test_what_was_saved_by_file_names_loads():
    assert config.from_config(OLD) == Setup(
        sequential(Dense(3, kernel_init=initializers.normal(0.5)), tanh),
        losses.squared_error,
        EMA(MultiSteps(SGDMomentum(float("inf")), 4), 0.5),
        L2(0.25),
        epochs=7,
    )
    for old, now in {
        "optimizers.first_order.GradientNesterov": optimizers.SGDNesterov(),
        "optimizers.adam.Adam": optimizers.Adam(),
        "solvers.quasi_newton.LBFGS": solvers.LBFGS(),
    }.items():
        assert config.from_config({"$type": f"dlcore.{old}"}) == now
    flip = {"$function": "dlcore.data.augmentation.random_flip"}
    moved = config.from_config({"$type": "dlcore.data.augmentation.Augment", "function": flip})
    assert moved == layers.Augment(layers.random_flip)
    with pytest.raises(ValueError, match=r"there is no 'dlcore\.models\.perceptrons\.perceptron'"):
        config.from_config({"$function": "dlcore.models.perceptrons.perceptron"})  # gone, and not the loss
    assert config.from_config({"$function": "dlcore.losses.classification.perceptron"}) is losses.perceptron


def my_loss(outputs, y):
    return (outputs - y) ** 2


@pytest.mark.parametrize(
    ("saved", "says"),
    [
        ({"$function": "os.system"}, r"needed a public name of dlcore, got 'os.system'; try trusted=\('os',\)"),
        ({"$function": "dlcore.losses.gone"}, r"there is no 'dlcore\.losses\.gone'"),
        ({"$function": "losses.gone"}, r"there is no 'losses\.gone'"),
        ({"$function": "losses.classification.focal"}, "needed a public name of dlcore, got 'losses.class"),
        ({"$function": "optimizers.rule._one_more"}, "needed a public name of dlcore, got 'optimizers.rule"),
        ({"$function": "dlcore.__main__.main"}, r"there is no 'dlcore\.__main__\.main'"),
        ({"$type": "training.fit", "setup": 1}, "needed a class of hyperparameters, got 'training.fit'"),
        ({"$type": "optimizers.Adam", "beta1": 0.5}, "'optimizers.Adam': .*beta1.*another version"),
        ({"$type": "layers.Dense"}, "'layers.Dense': .*units.*another version"),
        ({"$type": "tests.test_pytrees.my_loss"}, "try trusted=\\('tests',\\)"),
        ({"$format": 3, "$type": "optimizers.Adam"}, "needed format 1 or 2, got 3"),
        ({"a": 1}, "needed what to_config gives, got a dictionary of a"),
    ],
)
def test_configurations_choose_nothing_to_import(saved, says):
    with pytest.raises(ValueError, match=says) as error:
        config.from_config(saved)
    assert "\n" not in str(error.value)


def test_own_functions_load_where_they_are_trusted():
    saved = config.to_config(my_loss)
    assert config.from_config(saved, trusted=(my_loss.__module__.split(".")[0],)) is my_loss
    with pytest.raises(ValueError, match=r"there is no tests\.test_pytrees\.gone"):
        config.from_config({"$function": "tests.test_pytrees.gone"}, trusted=("tests",))


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        (Setup(sequential(Dense(1)), lambda a, b: a, SGD()), "needed a function with a name"),
        (np.array(["text"]), "needed numbers"),
        ({1: 2.0}, "needed numbers"),
        (jax.random.key(0), "needed numbers"),
        (optax.adam(1e-3), "needed numbers"),
        (tree.saved._find, "needed what dlcore makes public, got dlcore.tree.saved._find"),
    ],
)
def test_what_cannot_be_found_again_is_not_saved(thing, says):
    with pytest.raises(TypeError, match=says):
        config.to_config(thing)


def test_numbers_of_every_kind_through_json():
    given = {"a": jnp.bfloat16(0.1), "b": np.array([[1.0, np.inf], [np.nan, -0.0]], np.float32), "c": np.int8([1, 2])}
    again = config.from_config(json.loads(json.dumps(config.to_config(given), allow_nan=False)))
    for name, value in given.items():
        assert again[name].dtype == value.dtype
        np.testing.assert_array_equal(np.asarray(again[name], float), np.asarray(value, float))
