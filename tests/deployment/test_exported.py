"""A model that was exported gives the same numbers with jax alone."""

import subprocess
import sys

import numpy as np
import pytest

from dlcore.deployment import export_model
from tests.deployment.problems import appraiser, classifier, committee, people
from tests.deployment.test_model import folded

ALONE = """
import sys, jax, numpy as np
f = jax.export.deserialize(bytearray(open(sys.argv[1], "rb").read()))
for name in sys.argv[2:]:
    np.save(name + ".out.npy", f.call(np.load(name)))
assert not [name for name in sys.modules if name.startswith("dlcore")]
"""


@pytest.mark.parametrize("make", [classifier, committee, appraiser, lambda: folded()[1]],
                         ids=["classes", "members", "quantities", "folds"])  # fmt: skip
def test_jax_alone_gives_equal_numbers(make, tmp_path):
    """Of any number of examples."""
    model, names = make(), []
    export_model(tmp_path / "model.stablehlo", model)
    source = people(20, seed=1) if model.shape != (4,) else np.random.default_rng(0).uniform(1, 5, (20, 4))
    x = model.prepared(source)
    for n in (1, 20):
        names.append(str(tmp_path / f"{n}.npy"))
        np.save(names[-1], x[:n])
    command = [sys.executable, "-c", "import jax.export" + ALONE, str(tmp_path / "model.stablehlo"), *names]
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    found = model.predict(source)
    expected = found.values if found.probabilities is None else found.probabilities
    for n, name in zip((1, 20), names, strict=True):
        np.testing.assert_allclose(np.load(f"{name}.out.npy"), expected[:n], rtol=2e-5, atol=1e-6)


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(ValueError, match="a new file"):
        export_model(tmp_path / "a", classifier())
    with pytest.raises(ValueError, match="can be written"):
        export_model(tmp_path / "no" / "a", classifier())
    assert (tmp_path / "a").read_text() == "mine"
