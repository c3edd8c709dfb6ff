"""The lectures' recipe as a program: check, tune, train, diagnose, test once, report."""

from dlcore.recipe.cook import RunFailedError, run, setup_of
from dlcore.recipe.options import Recipe

__all__ = ["Recipe", "RunFailedError", "run", "setup_of"]
