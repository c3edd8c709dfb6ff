"""What the tests of cli have in common."""

import os
import subprocess
import sys

from dlcore import recipe

SMALL = ["--epochs", "3", "--seeds", "2", "--learning-rates", "1e-3", "1e-2", "--weight-decays", "0", "1e-4"]


def dlcore(folder, *words, **options):
    """Run the command; a folder without colors and a terminal of 100 columns."""
    environment = os.environ | {"COLUMNS": "100", "JAX_PLATFORMS": "cpu", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "dlcore", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, **options)


FEW = recipe.Recipe(hidden=(8,), epochs=2, seeds=2, learning_rates=(1e-2,), weight_decays=(0.0,))
