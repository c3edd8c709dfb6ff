"""A table as people have it, and models trained on it, for the tests of deployment."""

import functools

import jax
import numpy as np
import pandas as pd

from dlcore import Setup, data, fit, losses, sequential
from dlcore.activations import relu
from dlcore.deployment import TrainedModel
from dlcore.layers import BatchNorm, Dense
from dlcore.optimizers import Adam
from dlcore.tuning import train_ensemble

KEY = jax.random.key(0)


def people(n=120, seed=0):
    """A frame of numbers, words, missing cells and a date; ``sold`` says yes or no, ``price`` how much."""
    rng = np.random.default_rng(seed)
    size, floor = rng.normal(80, 20, n).round(1), rng.integers(0, 5, n)
    town = rng.choice(["Bonn", "Graz", "Basel"], n)
    price = 3 * size + 10 * floor + 40 * (town == "Graz") + rng.normal(0, 5, n)
    sold = np.where(price + rng.normal(0, 10, n) > np.median(price), "yes", "no")
    size[rng.random(n) < 0.1] = np.nan
    day = pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d")
    return pd.DataFrame({"size": size, "floor": floor, "town": town, "day": day, "price": price, "sold": sold})


@functools.cache
def prepared(target="sold"):
    """The split of the table for a target, prepared."""
    drop = ("price",) if target == "sold" else ("sold",)
    return data.prepare(data.split(data.load(people(), target=target, drop=drop)))[0]


def setup(width, loss=losses.softmax_cross_entropy, **options):
    model = sequential(Dense(8), BatchNorm(), relu, Dense(width))
    return Setup(model, loss, Adam(1e-2), **{"epochs": 3, "batch_size": 16} | options)


@functools.cache
def classifier():
    return TrainedModel.of(fit(setup(2), prepared(), KEY), prepared())


@functools.cache
def committee():
    """Three members."""
    return TrainedModel.of(train_ensemble(setup(2), prepared(), KEY, members=3), prepared())


@functools.cache
def appraiser():
    return TrainedModel.of(fit(setup(1, losses.squared_error), prepared("price"), KEY), prepared("price"))
