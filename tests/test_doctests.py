"""The examples of docstrings do what they show, and the functions that people meet first have one."""

import doctest
import importlib
import inspect
import pkgutil

import jax
import pytest

import dlcore

FIRST_MET = (
    *("activations.relu", "activations.softmax", "losses.softmax_cross_entropy", "losses.sigmoid_binary_cross_entropy"),
    *("optimizers.SGD", "optimizers.Adam", "schedules.Exponential", "regularizers.L2", "initializers.VarianceScaling"),
    *("layers.mlp", "data.load", "data.split", "data.one_hot", "training.fit", "tuning.grid", "tuning.sweep"),
    *("solvers.minimize", "solvers.least_squares", "solvers.solve", "probability.normal_kl"),
    *("classics.linear_regression_fit", "classics.k_means_fit"),
)


def documented():
    """Everything with an example that a room gives, by its room and name; methods by their class."""
    for info in pkgutil.walk_packages(dlcore.__path__, "dlcore."):
        room = importlib.import_module(info.name) if "__main__" not in info.name else None
        for name in getattr(room, "__all__", ()):
            thing, place = getattr(room, name), f"{info.name.removeprefix('dlcore.')}.{name}"
            parts = {place: thing}
            if inspect.isclass(thing):
                parts |= {f"{place}.{part}": method for part, method in vars(thing).items() if callable(method)}
            yield from ((where, doc) for where, part in parts.items() if ">>>" in (doc := inspect.getdoc(part) or ""))


EXAMPLES = dict(documented())


@pytest.fixture
def as_people_have_it():
    """32 bits, without the strictness of the tests."""
    jax.config.update("jax_enable_x64", False)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield
    jax.config.update("jax_enable_x64", True)


@pytest.mark.usefixtures("as_people_have_it")
@pytest.mark.parametrize("place", EXAMPLES)
def test_an_example_does_what_it_shows(place):
    example = doctest.DocTestParser().get_doctest(EXAMPLES[place], {}, place, None, 0)
    wrong = []
    failed, tried = doctest.DocTestRunner(verbose=False).run(example, out=wrong.append)
    assert tried
    assert not failed, "".join(wrong)


@pytest.mark.parametrize("place", FIRST_MET)
def test_what_people_meet_first_has_an_example(place):
    assert place in EXAMPLES
