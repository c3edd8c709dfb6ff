"""Compiled functions are copied and pickled by their names, as other functions are.

scikit-learn clones an estimator by copies of its parameters. A copy of a compiled function would be another function,
hence every clone of a setup another program; and no pickle would find what its name stands for.
"""

import copyreg
import functools
import sys
from typing import Any

import jax


def register() -> None:
    """Tell ``copy`` and ``pickle`` about the functions that ``jax.jit`` and ``jax.custom_jvp`` give."""
    for kind in (type(jax.jit(_by_name)), jax.custom_jvp):
        copyreg.pickle(kind, _by_name)


def _by_name(function: Any) -> Any:
    """The name of ``function`` where it leads to it, as the protocol of ``copyreg`` has it; else as ever."""
    place: Any = sys.modules.get(function.__module__)
    there = functools.reduce(lambda at, name: getattr(at, name, None), function.__qualname__.split("."), place)
    return function.__qualname__ if there is function else function.__reduce_ex__(2)
