"""What needs no case, each with why."""

import dataclasses
import enum
import inspect

from dlcore.solvers.line_search import LineSearch
from dlcore.solvers.linear import LinearMethod
from dlcore.solvers.loop import Method

ROOMS = {
    "__main__": "starts the command",
    "backprop.check": "a host function that judges a gradient, with a report for people; tests/test_backprop.py",
    "cli": "the command line; tests/test_cli.py",
    "compilations": "counts compilations, a side effect by intent",
    "config": "setups as JSON, on the host; tests/test_pytrees.py",
    "contracts": "the checks behind every other function; tests/test_bad_input.py",
    "data": "files and NumPy on the host; tests/test_data.py",
    "diagnosis": "arrays in, verdicts for people out; tests/test_diagnosis.py",
    "graph": "reads jaxprs and writes text and pictures; tests/test_graph.py",
    "interop": "wraps other libraries' objects; tests/test_interop_optax.py",
    "probability.arguments": "checks and the lift of the densities, each of which has a case",
    "models.counts": "counts and tables for people, of shapes; tests/models",
    "models.windows": "geometry in Python ints, behind convolution and pooling",
    "pytrees": "names of places in trees; tests/test_pytrees.py",
    "recipe": "a program with output; tests/test_cli.py",
    "report": "writes files and the terminal; tests/test_report.py and its neighbours",
    "solvers.solution": "results and status codes; tests/solvers",
    "training.checkpoints": "writes and reads files",
    "training.full_batch": "a solver in the place of an optimizer, run inside trainings; its test trains with it",
    "training.fit": "a Python loop around compiled chunks; tests/test_training.py",
    "training.setup": "the setup as data and its defaults; tests/test_training.py",
    "training.train": "whole trainings: jit, vmap and gradients through them are in tests/test_training.py",
    "training.transfer": "starts trainings, as training.train; tests/test_transfer.py",
    "tuning": "plans on the host around vmapped trainings; tests/test_tuning.py",
}

EXEMPT = {
    "backprop.mlp.activation_of": "finds a function by its name",
    "elementary.bits": "gives a Python int from a dtype",
    "initializers.fans": "counts with Python ints from a shape",
    "losses.labels.are_indices": "gives a Python bool from dtypes and shapes",
    "losses.labels.check_probabilities": "raises or returns nothing; tests/test_bad_input.py",
    "models.composition.output_shape": "gives a shape, nothing is computed",
    "models.layers.kernel_and_bias": "puts together what initializers draw, each of which has a case",
    "models.perceptrons.and_unit": "writes down constants",
    "models.perceptrons.not_unit": "writes down constants",
    "models.perceptrons.or_unit": "writes down constants",
    "optimizers.leaves.AllBut": "chooses leaves by name, computes nothing; tests/test_transfer.py",
    "optimizers.rule.check_numbers": "raises or returns nothing; tests/test_bad_input.py",
    "probability.moments.expectation_monte_carlo": "estimate of what a distribution samples, both of which have a case",
    "regularizers.everything": "gives a Python bool from a path",
    "regularizers.weights_only": "gives a Python bool from a path",
    "schedules.clock.in_steps": "rebuilds a tree by its units before anything is computed; tests/test_schedules.py",
    "schedules.clock.is_schedule": "gives a Python bool from a type",
    "schedules.robbins_monro.robbins_monro": "a verdict for people on known numbers; tests/test_schedules.py",
}


def _is_record(thing):
    return inspect.isclass(thing) and (issubclass(thing, enum.Enum) or hasattr(thing, "_fields"))


def _is_method(thing):
    return inspect.isclass(thing) and issubclass(thing, (Method, LineSearch, LinearMethod))


def _is_instance(thing):
    return not inspect.isclass(thing) and dataclasses.is_dataclass(thing)


KINDS = {
    _is_instance: "numbers in a class that has a case",
    _is_record: "holds results, computes nothing",
    inspect.isabstract: "its subclasses have cases",
    _is_method: "run by minimize, least_squares, solve or line_search, which have cases; tests/solvers runs all",
}
