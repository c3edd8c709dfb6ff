"""Commands that run in the process of the tests find JAX started: they would give it other devices."""

import jax
import pytest


@pytest.fixture(scope="session", autouse=True)
def started():
    return jax.devices()
