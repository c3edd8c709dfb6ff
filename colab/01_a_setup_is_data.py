# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 A setup is data
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/dlcore/dlcore/blob/main/colab/01_a_setup_is_data.ipynb)
#
# In most libraries a training is a script: a hundred learning rates are a hundred runs of it. In dlcore the *whole
# training setup* (model, loss, optimizer, schedule, penalty) is one value whose numbers are the leaves of a tree.
# JAX can map, differentiate and compile over trees, so a hundred trainings are **one program**.
#
# You will print a setup, name its numbers, train it, train 192 of it at once, check that a row of the sweep is the
# same training as the run alone, and differentiate a validation loss with respect to the learning rate.

# %%
# Installs dlcore where it is missing, and pins what is already there: jax stays the version that drives this machine.
import importlib.metadata as installed
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

SOURCE = "dlcore-jax[app] @ git+https://github.com/dlcore/dlcore"

if importlib.util.find_spec("dlcore") is None:
    pins = "\n".join(f"{d.name}=={d.version}" for d in installed.distributions() if "+" not in d.version)
    constraints = pathlib.Path(tempfile.mkdtemp()) / "constraints.txt"
    constraints.write_text(pins)
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "-c", str(constraints), SOURCE], check=True)

# %%
import os

import jax

jax.config.update("jax_num_cpu_devices", os.cpu_count())  # without a GPU or TPU: one device per core

import numpy as np

import dlcore

if not hasattr(dlcore, "Setup"):
    raise ImportError(f"{dlcore.__file__} is an unrelated package of this name; try: pip uninstall dlcore, and restart")

from dlcore import Setup, data, figures, fit, grid, losses, sequential, sweep, train, tree
from dlcore.activations import relu
from dlcore.diagnosis.compilations import count_compilations
from dlcore.layers import Dense, Dropout
from dlcore.optimizers import Adam
from dlcore.regularizers import L2
from dlcore.schedules import Exponential
from dlcore.tuning import assign

print(f"dlcore {dlcore.__version__}, jax {jax.__version__}, Python {sys.version.split()[0]}")
for device in jax.devices():
    print(f"{device.platform}: {device.device_kind}")

# %% [markdown]
# ## The data
# 1797 handwritten digits of 8 × 8 pixels, split into training, validation and a *sealed* test set, normalized with the
# statistics of the training set alone.

# %%
digits, normalization = data.normalize(data.split(data.load("digits")))
digits

# %% [markdown]
# ## The setup
# Numbers are leaves; what selects code or shapes (widths, functions, epochs, batch size) is structure.

# %%
setup = Setup(
    model=sequential(Dense(64), relu, Dropout(0.1), Dense(10)),
    loss=losses.softmax_cross_entropy,
    optimizer=Adam(learning_rate=Exponential(1e-3, 0.95, per="epoch")),
    penalty=L2(1e-4),
    epochs=20,
    batch_size=32,
)
setup

# %% [markdown]
# Every place in it has a name, its path in the tree. These names are used everywhere: in sweeps, on the command line,
# in tables and saved configurations.

# %%
for path, value in tree.paths(setup).items():
    print(f"{path:40} {value if not callable(value) else getattr(value, '__name__', value)}")

# %% [markdown]
# ## One training
# `fit` drives the compiled training in chunks of epochs. Interrupt it, and it keeps what was learned.

# %%
run = fit(setup, digits, jax.random.key(0))
history = run.history
print(f"validation accuracy {history.validation_metrics['accuracy'].max():.1%}")

figures.loss_curves(history, int(run.state.best.epoch) + 1)

# %% [markdown]
# Another number is another value of a leaf, not another program: nothing is compiled again.

# %%
other = tree.replace(setup, "optimizer.learning_rate.initial", 3e-3)
with count_compilations() as compiled:
    fit(other, digits, jax.random.key(1))
print(f"programs compiled for another learning rate and seed: {compiled.count}")

# %% [markdown]
# ## Hundreds of trainings, one program
# 8 learning rates × 3 dropout rates × 8 seeds. Within a seed all rows start from the same parameters and see the same
# mini-batches: only one thing changes at a time.

# %%
space = grid(
    {
        "optimizer.learning_rate.initial": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1],
        "model.layers[2].rate": [0.0, 0.2, 0.5],
    }
)
with count_compilations() as compiled:
    study = sweep(setup, space, digits, jax.random.key(2), seeds=8)
print(f"{study.loss.size} trainings, {compiled.count} compilation, plan: {study.plans[0]}")
for row in study.table(5):
    print({name: f"{value:.4g}" for name, value in row.items()})
print("within one standard error of the best:", study.one_standard_error)
print(*study.warnings, sep="\n")

# %%
figures.sweep_curves(study)

# %%
figures.sweep_histories(study)

# %% [markdown]
# A row of the sweep is the training alone, to rounding:

# %%
i, s = study.best, 3
alone = jax.jit(train)(assign(setup, space[i]), digits, jax.random.fold_in(jax.random.key(2), s))
difference = np.abs(alone.history.validation_loss - study.rows.history.validation_loss[i, s]).max()
print(f"largest difference in 20 epochs of validation loss: {difference:.2g}")
assert difference < 1e-3

# %% [markdown]
# ## The derivative of a training
# `train` is a pure function of the setup, so the validation loss at its end has a derivative with respect to every
# number in it. Which way should the learning rate and the penalty go?

# %%
short = tree.replace(setup, "epochs", 3)


@jax.jit
@jax.value_and_grad
def final_loss(numbers):
    changed = assign(short, numbers)
    return train(changed, digits, jax.random.key(0)).history.validation_loss[-1]


loss, slope = final_loss({"optimizer.learning_rate.initial": 1e-3, "penalty.strength": 1e-4})
print(f"validation loss {loss:.4f}")
for path, value in slope.items():
    print(f"d loss / d {path} = {value:+.4g}")
assert slope["optimizer.learning_rate.initial"] < 0  # after three epochs, faster is better

# %% [markdown]
# ## To try
# 1. Sweep `optimizer.b1` and `optimizer.b2`. Which matters?
# 2. Put `"model.layers[0].units": [16, 64, 256]` into the grid: how many programs are compiled now, and why?
# 3. Set `learning_rate=10.0`. What do `study.diverged` and `study.order` say?
# 4. The test set is still sealed. When would you open it?
