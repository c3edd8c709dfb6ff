"""Fixtures of the tests of probability."""

import jax
import pytest


@pytest.fixture(autouse=True)
def _quick_compilation(request):
    """Most tests wait for the compiler alone; those that count ulp take the code that users get."""
    jax.config.update("jax_disable_most_optimizations", "ulp" not in request.function.__name__)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
