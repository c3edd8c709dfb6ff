"""docs/conformance.md says what is so: it is what the script writes, and the named forms are the same to rounding."""

import pathlib

import jax

from experiments import conformance

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "conformance.md"
DIFFERENT = {
    "| Optax | $\\alpha g / \\sqrt{s + \\epsilon}$ |": "RMSProp: eps inside the root",
    "| Optax | $\\alpha g / \\sqrt{s + \\epsilon}$, $s$ from 0.1 |": "AdaGrad: the start of the sum",
    "| Keras | $\\alpha \\sqrt{1 - \\beta_2^t} / (1 - \\beta_1^t) \\; m / (\\sqrt v + \\epsilon)$ |": "Adam: eps first",
    "| PyTorch | $\\alpha \\hat m / (\\sqrt{\\max v / (1 - \\beta_2^t)} + \\epsilon)$ |": "AMSGrad",
    "| PyTorch | $\\mu_t = \\beta_1 (1 - 0.96^{0.004 t} / 2)$ |": "NAdam",
    "| PyTorch | $r \\alpha \\hat m \\sqrt{1 - \\beta_2^t} / (\\sqrt v + \\epsilon)$ for $\\rho > 5$ |": "RAdam",
}


def test_the_page_is_what_the_script_writes(capsys):
    """Apart from rows of a PyTorch that only some machines have."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # for Optax
        conformance.main()
    written = [line for line in capsys.readouterr().out.splitlines() if "run here" not in line]
    assert written == [line for line in PAGE.read_text().splitlines() if "run here" not in line]
    rows = [line.split("|") for line in written if line.startswith("| ") and not line.startswith("| who")]
    assert len(rows) > 50
    for row in rows:
        *_, same, end, _ = row
        assert (same.strip(), end.strip()) == ("none", "") or end.strip() == "rounding", row
    for start, why in DIFFERENT.items():
        found = [line for line in written if line.startswith(start)]
        assert len(found) == 1, why
        assert "rounding" not in found[0].split("|")[3], why
