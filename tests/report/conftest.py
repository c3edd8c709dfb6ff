"""Fixtures of the tests of report."""

import pytest

from dlcore.report import build
from tests.report.records import cook


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    path = cook(tmp_path_factory.mktemp("runs") / "digits")
    build(path)
    return path
