"""Programs that fill run folders: the lectures' recipe (check, tune, train, diagnose, test once), a fit, a sweep."""

from dlcore.recipe.again import resume_run
from dlcore.recipe.cook import run
from dlcore.recipe.filling import RunFailedError
from dlcore.recipe.options import Recipe
from dlcore.recipe.search import Search
from dlcore.recipe.setups import setup_of
from dlcore.recipe.single import Training
from dlcore.recipe.task import Source

__all__ = ["Recipe", "RunFailedError", "Search", "Source", "Training", "resume_run", "run", "setup_of"]
