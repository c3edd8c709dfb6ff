"""A pytest plugin: Optax's own tests, with dlcore's functions in the place of Optax's.

Runs ``python -m pytest -p optax_suite.plugin --pyargs optax._src.alias_test …`` with ``tests`` on the path. Before
the test modules are imported, every function that dlcore offers is replaced in Optax's modules. Tests of other
functions are deselected, and a test that calls none of the replacements fails: nothing passes by not being replaced.
"""

import collections
import functools
import importlib
import json
import re

import pytest
from optax_suite import classification, regression, rules, schedules, segmentation

MODULES = {
    "optax._src.alias": rules,
    "optax.schedules._schedule": schedules,
    "optax.losses._classification": classification,
    "optax.losses._regression": regression,
    "optax.losses._segmentation": segmentation,
}
calls = collections.Counter()

# Tests by name whose subject dlcore does not offer, each with it.
NOT_OFFERED = {
    "CTCTest": "CTC",
    "CosineDistanceTest": "cosine distance and similarity",
    "DiceLossTest::test_binary_dice_loss_convenience": "a second name for two classes",
    "DiceLossTest::test_class_weights": "class weights",
    "DiceLossTest::test_dice_loss_weighting_parameters": "Tversky weights",
    "DiceLossTest::test_generalized_dice_loss_ignore_background": "weights by frequency",
    "DiceLossTest::test_ignore_background_parameter": "a class left out",
    "DiceLossTest::test_multiclass_generalized_dice_loss": "weights by frequency",
    "DiceLossTest::test_probability_validation": "checks of values in compiled code",
    "DiceLossTest::test_reduction_modes": "reductions over classes",
    "GeneralizedKLDivergenceTest": "divergences as losses",
    "KLDivergenceTest": "divergences as losses",
    "KLDivergenceWithLogTargetsTest": "divergences as losses",
    "LBFGSTest": "L-BFGS is a solver in dlcore, not a gradient transformation",
    "PerceptronTest::test_batched_multi_class": "the perceptron of many classes",
    "PerceptronTest::test_multi_class": "the perceptron of many classes",
    "PiecewiseInterpolateTest": "interpolation between many points",
    "PolyLossTest": "poly loss",
    "SparsemaxTest": "sparsemax",
    "CosineDecayTest::test_with_exponent": "a power of the cosine",
    "WarmupCosineDecayTest::test_with_exponent": "a power of the cosine",
    "WarmupCosineDecayTest::test_zero_peak_value": "a power of the cosine",
    "WarmupCosineDecayTest::test_monotonicity_and_exponent_ordering": "a power of the cosine",
}

# The same by the case of a test: moments are of 32 bits at least, and those of a complex number two real ones.
NOT_OFFERED_CASES = re.compile("params_dtype='(bfloat16|complex64)', state_dtype=None")


def counted(function):
    @functools.wraps(function)
    def count(*args, **kwargs):
        calls[function.__name__] += 1
        return function(*args, **kwargs)

    return count


def offered(module):
    """The stand-ins of a module, by name."""
    return {name: getattr(module, name) for name in module.OFFERED}


def pytest_configure():
    for name, module in MODULES.items():
        theirs = importlib.import_module(name)
        for function_name, function in offered(module).items():
            setattr(theirs, function_name, counted(function))
            calls[function_name] = 0


def case_of(item):
    return getattr(getattr(item, "obj", None), "__x_params_repr__", "")


def subject(item):
    """The optimizer that a parametrized case is about, or None."""
    match = re.search(r"opt_name='(\w+?)(_mom)?'", case_of(item))
    return match and match.group(1)


def excluded(item):
    if any(name in item.nodeid for name in NOT_OFFERED) or NOT_OFFERED_CASES.search(case_of(item)):
        return True
    return subject(item) is not None and subject(item) not in offered(rules)


def pytest_collection_modifyitems(config, items):
    gone = [item for item in items if excluded(item)]
    items[:] = [item for item in items if not excluded(item)]
    config.hook.pytest_deselected(items=gone)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    before = calls.total()
    result = yield
    if calls.total() == before:
        raise AssertionError(f"{item.nodeid} called none of dlcore's functions")
    return result


def pytest_addoption(parser):
    parser.addoption("--calls", help="file for the number of calls of each replacement")


def pytest_sessionfinish(session):
    path = session.config.getoption("--calls")
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(calls, file)
