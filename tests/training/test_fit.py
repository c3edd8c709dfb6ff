"""Trainings: pure, and driven in chunks."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.activations import relu
from dlcore.data import Examples, Split, batch_indices
from dlcore.diagnosis.compilations import count_compilations
from dlcore.layers import BatchNorm, Dense, Dropout, sequential
from dlcore.losses import squared_error
from dlcore.optimizers import (
    SGD,
    Adam,
    Momentum,
    apply_updates,
)
from dlcore.regularizers import L2
from dlcore.schedules import Exponential
from dlcore.solvers import BFGS, LBFGS, NewtonCG, minimize
from dlcore.training import EarlyStopping, Setup, driver, evaluate, fit
from dlcore.training import train as train_eagerly
from dlcore.tree.leaves import everything
from dlcore.tuning import grid, sweep
from tests.problems import small_setup
from tests.training.problems import DATA, KEY, falling, train


def plain_loop(setup, data, key):
    """The obvious version: Python loops, one gradient at a time, the whole set evaluated at once."""
    params, state = setup.model.init(jax.random.fold_in(key, 0), data.train.x.shape[1:])
    memory, n, rows, t = setup.optimizer.init(params), len(data.train.x), [], 0
    for epoch in range(setup.epochs):
        order = jax.random.fold_in(jax.random.fold_in(key, 1), epoch)
        indices, mask = batch_indices(order, n, setup.batch_size or n)
        running = 0.0
        for chosen, counts in zip(indices, mask, strict=True):
            x, y = data.train.x[chosen], data.train.y[chosen]
            noise = jax.random.fold_in(jax.random.fold_in(key, 2), t)

            def objective(p, x=x, y=y, noise=noise, counts=counts, state=state):
                outputs, after = setup.model.apply(p, state, x, key=noise, train=True)
                loss = setup.loss(outputs, y)[counts].mean()
                return loss + (setup.penalty(p) if setup.penalty else 0.0), (loss, after)

            grads, (loss, state) = jax.grad(objective, has_aux=True)(params)
            updates, memory = setup.optimizer.update(grads, memory, params)
            params, t, running = apply_updates(params, updates), t + 1, running + float(loss) * int(counts.sum())
        outputs = setup.model.apply(params, state, data.validation.x, key=None, train=False)[0]
        hits = outputs.argmax(-1).astype(jnp.int32) == data.validation.y
        rows.append((running / n, float(setup.loss(outputs, data.validation.y).mean()), np.asarray(hits).mean()))
    return params, np.array(rows)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"batch_size": None, "optimizer": Momentum(0.05)},
        {"model": sequential(Dense(8), BatchNorm(), relu, Dropout(0.3), Dense(3)), "penalty": L2(1e-3)},
    ],
    ids=["adam, partial batch", "full batch", "batch norm, dropout, penalty"],
)
def test_train_is_the_plain_loop(changes):
    setup = small_setup(**changes)
    run = train(setup, DATA, KEY)
    params, rows = plain_loop(setup, DATA, KEY)
    h = run.history
    found = np.stack([h.running_loss, h.validation_loss, h.validation_metrics["accuracy"]], 1)
    np.testing.assert_allclose(found, rows, rtol=1e-9)
    for a, b in zip(jax.tree.leaves(run.state.params), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)  # a bias before batch norm has gradient 0


def test_fit_is_train_in_chunks():
    setup = small_setup(epochs=20)
    run, told = train(setup, DATA, KEY), []
    driven = fit(setup, DATA, KEY, watch=lambda p: told.append((p.epoch, len(p.history.train_loss))))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10), driven.history, run.history)
    assert [e for e, _ in told] == [1, *range(2, 21, 2)]
    assert sum(rows for _, rows in told) == 20
    assert driven.ending == "finished"


def test_another_number_compiles_nothing():
    other = small_setup(optimizer=Adam(Exponential(3e-3, 0.99), b1=0.8), penalty=L2(1)), DATA, jax.random.key(4)
    fit(small_setup(optimizer=Adam(Exponential(1e-2, 0.9)), penalty=L2(1e-4)), DATA, KEY)
    with count_compilations() as compiled:
        fit(*other)
    assert compiled.count == 0


def test_the_best_parameters_are_returned():
    run = fit(small_setup(optimizer=Adam(0.3), epochs=20), DATA, KEY)
    best = int(run.state.best.epoch)
    assert best == np.argmin(run.history.validation_loss) < 19
    loss, metrics = evaluate(small_setup(), run.params, run.model_state, DATA.validation)
    np.testing.assert_allclose(loss, run.history.validation_loss[best])
    np.testing.assert_allclose(metrics["accuracy"], run.history.validation_metrics["accuracy"][best])


def test_early_stopping_ends_after_patience_epochs_without_improvement():
    setup = small_setup(optimizer=Adam(0.3), epochs=40, stopping=EarlyStopping(patience=3, min_delta=0.01))
    run = fit(setup, DATA, KEY)
    reference, waited, expected = np.inf, 0, 0
    for loss in fit(dataclasses.replace(setup, stopping=None), DATA, KEY).history.validation_loss:
        reference, waited = (loss, 0) if loss < reference - 0.01 else (reference, waited + 1)
        expected += 1
        if waited >= 3:
            break
    assert run.ending == "stopped early"
    assert len(run.history.train_loss) == expected < 40


@pytest.mark.slow
def test_a_stopped_run_no_longer_moves():
    setup = small_setup(optimizer=Adam(0.3), epochs=12, stopping=EarlyStopping(patience=2))
    long = train(setup, DATA, KEY)
    stopped_after = int(np.isnan(long.history.running_loss).argmax())
    short = train(dataclasses.replace(setup, epochs=stopped_after), DATA, KEY)
    assert 0 < stopped_after < 12
    jax.tree.map(np.testing.assert_array_equal, long.state.params, short.state.params)
    jax.tree.map(np.testing.assert_array_equal, long.params, short.params)


def test_a_diverged_run_is_frozen_and_flagged():
    # the first layer alone is linear: squared error with a huge rate overflows after a few steps
    y = DATA.train.x.sum(1, keepdims=True)
    data = Split(Examples(DATA.train.x, y), Examples(DATA.train.x[:5], y[:5]))
    setup = Setup(sequential(Dense(1)), squared_error, SGD(1e3), epochs=30, batch_size=25)
    run = fit(setup, data, KEY)
    assert run.ending == "diverged"
    losses = np.asarray(run.history.train_loss)
    assert np.isfinite(losses[:-1]).all() or len(losses) == 1
    step = int(run.state.first_nonfinite)
    assert 2 * (len(losses) - 1) <= step < 2 * len(losses)
    for leaf in jax.tree.leaves((run.params, run.state.params, run.state.optimizer_state)):
        assert np.isfinite(leaf).all()


def test_hypergradient_of_the_learning_rate():
    def final_loss(rate):
        setup = small_setup(optimizer=Momentum(rate), epochs=2)
        return train_eagerly(setup, DATA, KEY).history.validation_loss[-1]

    h = 1e-6
    compiled = jax.jit(final_loss)
    slope = (compiled(0.02 + h) - compiled(0.02 - h)) / (2 * h)
    np.testing.assert_allclose(jax.jit(jax.grad(final_loss))(0.02), slope, rtol=1e-5)
    assert abs(slope) > 1e-3


@pytest.mark.parametrize(
    "method",
    [pytest.param(LBFGS(), marks=pytest.mark.slow), BFGS(), pytest.param(NewtonCG(), marks=pytest.mark.slow)],
    ids=lambda m: type(m).__name__,
)
def test_a_solver_trains_on_the_full_batch(method):
    setup = small_setup(optimizer=method, batch_size=None, penalty=L2(1e-2, where=everything), epochs=15)
    run = fit(setup, DATA, KEY)
    params, _ = setup.model.init(jax.random.fold_in(KEY, 0), (4,))

    def objective(p):
        outputs, _ = setup.model.apply(p, ({}, {}, {}), DATA.train.x, key=None, train=True)
        return setup.loss(outputs, DATA.train.y).mean() + setup.penalty(p)

    alone = minimize(dataclasses.replace(method, max_steps=15), objective, params)
    h = run.history
    np.testing.assert_allclose(h.train_loss[-1] + h.penalty[-1], alone.value, rtol=1e-9)
    assert np.all(np.diff(h.train_loss + h.penalty) <= 0)
    if type(method) is LBFGS:
        study = sweep(setup, grid({"penalty.strength": [1e-2, 1e-1]}), DATA, KEY, devices=jax.devices()[:1])
        assert study.loss[0, 0] != study.loss[1, 0]


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_training_keeps_the_dtype_of_the_inputs(dtype):
    data = jax.tree.map(lambda a: a.astype(dtype) if a.dtype == jnp.float64 else a, DATA)
    model = sequential(Dense(8), BatchNorm(), relu, Dropout(0.1), Dense(3))
    run = fit(small_setup(model=model, optimizer=Adam(Exponential(1e-2, 0.99)), penalty=L2(1e-4)), data, KEY)
    assert {leaf.dtype for leaf in jax.tree.leaves(run.params)} == {jnp.dtype(dtype)}
    assert run.history.train_loss.dtype == jnp.float32
    assert run.history.train_loss[-1] < run.history.train_loss[0]


@pytest.mark.slow
def test_schedules_count_in_steps_epochs_or_the_whole_training():
    decay = {unit: Exponential(1.0, 0.5, per=unit) for unit in ("step", "epoch", "training")}
    rates = {u: fit(small_setup(optimizer=SGD(s)), DATA, KEY).history.learning_rate for u, s in decay.items()}
    last = np.arange(1, 5) * 4 - 1  # 50 examples in batches of 16: four steps an epoch
    np.testing.assert_allclose(rates["step"], 0.5**last)
    np.testing.assert_allclose(rates["epoch"], 0.5 ** np.arange(4))
    np.testing.assert_allclose(rates["training"], 0.5 ** (last / 16))


def test_the_number_of_epochs_and_its_divisors_do_not_matter():
    setup, data = falling(lambda w: w, steps=1, epochs=199, metrics=())
    told = []
    with count_compilations() as compiled:
        run = fit(setup, data, KEY, watch=told.append)
    assert compiled.count <= 2  # the start and the chunk
    assert len(run.history.train_loss) == 199
    np.testing.assert_array_equal(run.history.train_loss, -1.0 - np.arange(199))
    epochs = [p.epoch for p in told]
    assert epochs == sorted(set(epochs))
    assert epochs[-1] == 199
    assert sum(len(p.history.train_loss) for p in told) == 199
    jax.tree.map(np.testing.assert_array_equal, told[-1].whole, run.history)


def test_progress_is_shown_unless_nobody_wants_it(capsys, monkeypatch):
    setup = small_setup(epochs=4)
    monkeypatch.setattr(driver, "_PATIENCE", 1e6)
    fit(setup, DATA, KEY)
    assert capsys.readouterr().err == ""  # over before anybody would ask
    monkeypatch.setattr(driver, "_PATIENCE", 0.0)
    fit(setup, DATA, KEY, progress=False)
    assert capsys.readouterr().err == ""
    fit(setup, DATA, KEY)
    assert [line.partition(" in ")[0] for line in capsys.readouterr().err.splitlines()] == ["Train: 4 epochs"] * 2
