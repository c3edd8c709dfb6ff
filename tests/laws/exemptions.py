"""What needs no case, each with why."""

import dataclasses
import enum
import inspect

from dlcore.solvers.descent.search import LineSearch
from dlcore.solvers.linear.system import LinearMethod
from dlcore.solvers.loop import Method

ROOMS = {
    "__main__": "starts the command",
    "backprop.check": "a host function that judges a gradient, with a report for people; tests/backprop",
    "cli": "the command line; tests/cli",
    "tree.saved": "setups as JSON, on the host; tests/tree",
    "numerics.formats": "the lift behind every other function; tests/test_bad_input.py",
    "numerics.errors": "checks that raise or return nothing; tests/test_bad_input.py",
    "numerics.ranges": "checks of numbers; tests/test_bad_input.py",
    "numerics.derivatives": "decorators behind other functions, each of which has a case",
    "classics.units": "mean and size of data, behind every fit, each of which has a case",
    "data": "files and NumPy on the host; tests/data",
    "deployment": "files, frames and what they mean, around runs that predict; tests/deployment",
    "diagnosis": "arrays in, verdicts for people out; tests/diagnosis",
    "graph": "reads jaxprs and writes text and pictures; tests/test_graph.py",
    "interop": "wraps other libraries' objects; tests/interop",
    "probability.arguments": "checks and the lift of the densities, each of which has a case",
    "layers.counts": "counts and tables for people, of shapes; tests/layers",
    "layers.windows": "geometry in Python ints, behind convolution and pooling",
    "tree.declared": "raises or returns nothing; tests/test_bad_input.py",
    "tree.fields": "makes classes into pytrees; tests/tree",
    "tree.names": "names of places in trees; tests/tree",
    "recipe": "a program with output; tests/cli",
    "console": "writes to the terminal; tests/test_console.py",
    "figures": "draws pictures; tests/test_figures.py",
    "runs": "writes and reads files; tests/test_runs.py",
    "report": "writes files and the terminal; tests/report and its neighbors",
    "solvers.status": "results and status codes; tests/solvers",
    "training": "whole trainings: jit, vmap and gradients through them; tests/training",
    "tuning": "plans on the host around vmapped trainings; tests/tuning",
}

EXEMPT = {
    "solvers.residuals.linearization.Factored": "a part of least_squares, which has cases; tests/solvers runs both",
    "solvers.residuals.linearization.MatrixFree": "a part of least_squares, which has cases; tests/solvers runs both",
    "backprop.mlp.with_grad": "looks a function up",
    "initializers.fans": "counts with Python ints from a shape",
    "losses.labels.check_probabilities": "raises or returns nothing; tests/test_bad_input.py",
    "layers.composition.output_shape": "gives a shape, nothing is computed",
    "classics.perceptrons.and_unit": "writes down constants",
    "classics.perceptrons.not_unit": "writes down constants",
    "classics.perceptrons.or_unit": "writes down constants",
    "tree.leaves.AllBut": "chooses leaves by name, computes nothing; tests/training/test_transfer.py",
    "optimizers.rule.learning_rate_of": "reads a number; tests/optimizers/test_in_training.py",
    "optimizers.rule.start_slots": "the start of every rule, each of which has a case",
    "probability.moments.expectation_monte_carlo": "estimate of what a distribution samples, both of which have a case",
    "tree.leaves.everything": "gives a Python bool from a path",
    "tree.leaves.weights_only": "gives a Python bool from a path",
    "schedules.clock.in_steps": "rebuilds a tree by its units before anything is computed; tests/test_schedules.py",
    "schedules.clock.check_in_steps": "raises or returns nothing; tests/test_schedules.py",
    "schedules.clock.is_schedule": "gives a Python bool from a type",
    "schedules.convergence.robbins_monro": "a verdict for people on known numbers; tests/test_schedules.py",
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
