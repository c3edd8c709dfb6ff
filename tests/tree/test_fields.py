"""A setup is a pytree of its numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import losses, tree
from dlcore.activations import relu, tanh
from dlcore.layers import Activation, Dense, Dropout, sequential
from dlcore.optimizers import SGD, Adam
from dlcore.regularizers import L2
from dlcore.schedules import Exponential
from dlcore.training import Setup
from dlcore.tree.fields import hyperparams, static
from dlcore.tree.names import nearest_first
from tests.tree.problems import full_setup


def test_numbers_are_leaves_and_code_is_structure():
    setup = Setup(sequential(Dense(4), relu, Dropout(0.25)), losses.squared_error, SGD(0.5), epochs=2)
    leaves = jax.tree.leaves(setup)
    assert 0.25 in leaves
    assert 0.5 in leaves
    assert all(isinstance(leaf, float) for leaf in leaves)
    structure = jax.tree.structure(setup)
    assert structure == jax.tree.structure(tree.replace(setup, "optimizer.learning_rate", 0.1))
    for path, value in [("epochs", 3), ("model.layers[1].function", tanh), ("model.layers[0].units", 5)]:
        assert structure != jax.tree.structure(tree.replace(setup, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("optimizer.rules[0].learning_rate.initial", 0.5),
        ("optimizer.rules[1]", SGD(0.3)),
        ("model.layers[0].kernel_init.std", 0.3),
        ("model.layers[3].rate", 0.9),
        ("loss.delta", 1.5),
        ("penalty", None),
        ("batch_size", 16),
    ],
)
def test_replace_changes_one_place_and_get_reads_it(path, value):
    setup = full_setup()
    changed = tree.replace(setup, path, value)
    assert tree.get(changed, path) == value
    assert tree.get(setup, path) != value
    before, after = tree.paths(setup), tree.paths(changed)
    assert all(p.startswith(path) for p in before if p in after and before[p] != after[p])


def test_a_path_that_does_not_exist_names_those_that_do():
    with pytest.raises(
        ValueError, match=r"no hyperparameter at 'penalty.strenght'; nearest first, there are: penalty.strength, "
    ):
        tree.replace(full_setup(), "penalty.strenght", 1.0)
    for path in ("", "optimizer.rules[2]", "model.layers[0].units.x", "nothing"):
        if path:
            with pytest.raises(ValueError, match="no hyperparameter"):
                tree.get(full_setup(), path)


def test_of_many_names_the_nearest_are_told_and_how_many_more_there_are():
    words = [f"layers[{i}].units" for i in range(40)]
    told = nearest_first("layers[7].unit", words)
    assert told.startswith("nearest first, there are: layers[7].units, ")
    assert (told.count("units"), told.endswith(" and 28 more")) == (12, True)
    assert nearest_first("b", ["abc", "b"]) == "nearest first, there are: b, abc"


def test_a_star_names_a_place_in_every_layer_that_has_it():
    model = sequential(Dense(4), Dropout(0.1), sequential(Dropout(0.2), relu), Dropout(0.3), Dense(2))
    changed = tree.replace(model, "layers[*].rate", 0.5)
    assert changed == sequential(Dense(4), Dropout(0.5), sequential(Dropout(0.2), relu), Dropout(0.5), Dense(2))
    assert tree.get(model, "layers[*].rate") == 0.1
    deep = tree.replace(model, "layers[*].layers[*].rate", 0.5)
    assert deep == tree.replace(model, "layers[2].layers[0].rate", 0.5)
    assert tree.get({"a[*]": 1}, "a[*]") == 1  # a key of that name is itself
    with pytest.raises(ValueError, match=r"no hyperparameter at 'layers\[\*\].rates'; nearest first.*layers\[1\].rate"):
        tree.replace(model, "layers[*].rates", 0.5)


def test_equality_is_by_value_and_hashes_agree():
    a, b = full_setup(), full_setup()
    assert a == b
    assert hash(a) == hash(b)
    assert a != tree.replace(a, "penalty.strength", 2e-4)
    assert a != tree.replace(a, "epochs", 8)
    assert Adam() != SGD()
    assert Adam(np.array([1.0, 2.0])) == Adam(jnp.array([1.0, 2.0]))


def test_a_setup_prints_as_it_is_written():
    text = repr(Setup(sequential(Dense(4), relu), losses.squared_error, Adam(Exponential(1e-3, 0.95)), penalty=L2(0.1)))
    assert text == (
        "Setup(model=Sequential(layers=(Dense(units=4), Activation(function=relu))), loss=squared_error, "
        "optimizer=Adam(learning_rate=Exponential(initial=0.001, decay=0.95)), penalty=L2(strength=0.1))"
    )


def test_hyperparameters_pass_through_every_transformation():
    @hyperparams
    class Line:
        slope: float
        kind: str = static(default="a")

        def __call__(self, x):
            return self.slope * x

    line = Line(2.0)
    assert jax.jit(lambda f, x: f(x))(line, 3.0) == 6.0
    assert jax.grad(lambda f: f(3.0))(line) == Line(3.0)
    many = jax.vmap(lambda f: f(1.0))(Line(jnp.arange(3.0)))
    np.testing.assert_array_equal(many, [0, 1, 2])
    assert jax.tree.map(lambda v: v + 1, line) == Line(3.0)
    with pytest.raises(AttributeError):
        line.slope = 1.0


def test_functions_with_numbers_are_partials():
    layer = Activation(jax.tree_util.Partial(jnp.power, x2=3.0))
    assert tree.paths(layer) == {"function.x2": 3.0}
    assert jax.tree.leaves(layer) == [3.0]
