"""Every rule against Optax, and the contracts of the lift: dtypes, structure, one trace, vmap, frozen leaves."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlcore.optimizers import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AddDecayedWeights,
    AMSGrad,
    CenteredRMSProp,
    ClipByValue,
    DozatNAdam,
    GradientMomentum,
    GradientNesterov,
    Lion,
    Momentum,
    NAdam,
    Nesterov,
    OnLeaves,
    RAdam,
    RMSProp,
    Scale,
    Trace,
    apply_updates,
    chain,
)
from dlcore.schedules import Exponential

START = {
    "quadratic": jnp.array([1.0, -2.0, 3.0]),
    "rosenbrock": jnp.array([-1.2, 1.0]),
    "mlp": {
        "hidden": (jnp.sin(jnp.arange(12.0)).reshape(3, 4), jnp.zeros(4)),
        "out": jnp.cos(jnp.arange(8.0)).reshape(4, 2),
    },
}
INPUTS = jnp.sin(jnp.arange(15.0)).reshape(5, 3)
TARGETS = jnp.cos(jnp.arange(10.0)).reshape(5, 2)


def objective(params):
    """Three problems at once: rules that treat every array alone solve each as if it were alone."""
    a = jnp.array([1.0, 10.0, 100.0])
    quadratic = 0.5 * jnp.sum(a * params["quadratic"] ** 2)
    x, y = params["rosenbrock"]
    rosenbrock = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    W, b = params["mlp"]["hidden"]
    hidden = jnp.tanh(INPUTS @ W + jnp.broadcast_to(b, (5, 4)))
    return quadratic + rosenbrock + jnp.mean((hidden @ params["mlp"]["out"] - TARGETS) ** 2)


def trajectory(optimizer, steps, params=START, loss=objective):
    """The parameters after each of ``steps`` steps, stacked."""
    evaluation_point = getattr(optimizer, "evaluation_point", lambda params, state: params)

    def body(carry, _):
        params, state = carry
        grads = jax.grad(loss)(evaluation_point(params, state))
        updates, state = optimizer.update(grads, state, params)
        params = apply_updates(params, updates)
        return (params, state), params

    return jax.lax.scan(body, (params, optimizer.init(params)), length=steps)[1]


def decayed(rate):
    """Optax's schedule at a float64 count: of its own int32 count it takes float32 powers even under x64."""
    schedule = optax.exponential_decay(rate, transition_steps=1, decay_rate=0.99)
    return lambda count: schedule(count.astype(float))


# Rates small enough for a stable run: an unstable one multiplies the last bit's difference at every step.
ADAM = {"learning_rate": 1e-3, "b1": 0.8, "b2": 0.99, "eps": 1e-6, "eps_root": 1e-7}

# name: (dlcore's rule from its numbers, Optax's from the same, the numbers)
ORACLES = {
    "SGD": (SGD, optax.sgd, {"learning_rate": 1e-4}),
    "SGD, schedule": (
        lambda learning_rate: SGD(Exponential(learning_rate, 0.99)),
        lambda learning_rate: optax.sgd(decayed(learning_rate)),
        {"learning_rate": 1e-4},
    ),
    "Momentum": (Momentum, optax.sgd, {"learning_rate": 1e-5, "momentum": 0.8}),
    "Momentum, schedule": (
        lambda learning_rate, momentum: Momentum(Exponential(learning_rate, 0.99), momentum),
        # Optax's order that keeps the learning rate inside the velocity.
        lambda learning_rate, momentum: optax.chain(optax.sgd(decayed(learning_rate)), optax.trace(momentum)),
        {"learning_rate": 1e-5, "momentum": 0.8},
    ),
    "GradientMomentum, schedule": (
        lambda learning_rate, momentum: GradientMomentum(Exponential(learning_rate, 0.99), momentum),
        lambda learning_rate, momentum: optax.sgd(decayed(learning_rate), momentum),
        {"learning_rate": 1e-5, "momentum": 0.8},
    ),
    "GradientNesterov, schedule": (
        lambda learning_rate, momentum: GradientNesterov(Exponential(learning_rate, 0.99), momentum),
        lambda learning_rate, momentum: optax.sgd(decayed(learning_rate), momentum, nesterov=True),
        {"learning_rate": 1e-5, "momentum": 0.8},
    ),
    "AdaGrad, eps inside": (
        lambda eps, **numbers: AdaGrad(eps=0, eps_root=eps, **numbers),
        lambda initial_accumulator, **numbers: optax.adagrad(initial_accumulator_value=initial_accumulator, **numbers),
        {"learning_rate": 0.1, "eps": 1e-4, "initial_accumulator": 0.1},
    ),
    "AdaDelta": (AdaDelta, optax.adadelta, {"learning_rate": 5e-3, "rho": 0.8, "eps": 1e-6}),
    "RMSProp": (
        RMSProp,
        lambda **numbers: optax.rmsprop(eps_in_sqrt=False, **numbers),
        {"learning_rate": 1e-3, "decay": 0.8, "eps": 0.1},
    ),
    "RMSProp, eps inside": (
        lambda eps, **numbers: RMSProp(eps=0, eps_root=eps, **numbers),
        optax.rmsprop,
        {"learning_rate": 1e-3, "decay": 0.8, "eps": 1e-2},
    ),
    "RMSProp, momentum": (
        lambda momentum, **numbers: chain(RMSProp(**numbers), Trace(momentum)),
        lambda **numbers: optax.rmsprop(eps_in_sqrt=False, **numbers),
        {"learning_rate": 1e-4, "decay": 0.8, "eps": 0.1, "momentum": 0.7},
    ),
    "CenteredRMSProp, eps inside": (
        lambda eps, **numbers: CenteredRMSProp(eps=0, eps_root=eps, **numbers),
        lambda **numbers: optax.rmsprop(centered=True, **numbers),
        {"learning_rate": 1e-4, "decay": 0.8, "eps": 1e-2},
    ),
    "Adam": (Adam, optax.adam, ADAM),
    "Adam, schedule": (
        lambda learning_rate: Adam(Exponential(learning_rate, 0.99)),
        lambda learning_rate: optax.adam(decayed(learning_rate)),
        {"learning_rate": 1e-2},
    ),
    "AdamW": (AdamW, optax.adamw, {**ADAM, "weight_decay": 0.1}),
    "NAdam": (NAdam, optax.nadam, ADAM),
    "RAdam": (RAdam, optax.radam, {**ADAM, "threshold": 5.0}),
    "AMSGrad": (AMSGrad, optax.amsgrad, ADAM),
    "AMSGrad, uncorrected": (
        lambda **numbers: AMSGrad(bias_correction=False, **numbers),
        lambda learning_rate, **numbers: optax.chain(
            optax.scale_by_amsgrad(bias_correction_mu=False, bias_correction_nu=False, **numbers),
            optax.scale_by_learning_rate(learning_rate),
        ),
        ADAM,
    ),
    "AdaMax": (AdaMax, optax.adamax, {"learning_rate": 1e-2, "b1": 0.8, "b2": 0.99, "eps": 1e-6}),
    "Lion": (Lion, optax.lion, {"learning_rate": 1e-3, "b1": 0.8, "b2": 0.95, "weight_decay": 0.1}),
    "weight decay inside": (
        lambda learning_rate, weight_decay: chain(AddDecayedWeights(weight_decay), Adam(learning_rate)),
        lambda learning_rate, weight_decay: optax.chain(
            optax.add_decayed_weights(weight_decay), optax.adam(learning_rate)
        ),
        {"learning_rate": 1e-2, "weight_decay": 0.1},
    ),
}


def assert_close(ours, theirs, rtol):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol), ours, theirs)


@pytest.mark.parametrize("name", ORACLES)
def test_rules_follow_optax(name):
    """Traced hyperparameters, both optimizers in one program: 1e-13 after a step, 1e-10 after 200."""
    ours, theirs, numbers = ORACLES[name]

    @jax.jit
    def both(numbers):
        with jax.numpy_dtype_promotion("standard"):
            reference = trajectory(theirs(**numbers), 200)
        return trajectory(ours(**numbers), 200), reference

    got, expected = both(jax.tree.map(jnp.asarray, numbers))
    for step, tolerance in ((0, 1e-13), (199, 1e-10)):
        assert_close(*jax.tree.map(lambda x, step=step: x[step], (got, expected)), tolerance)
    moved = jax.tree.map(lambda x, start: jnp.any(x[-1] != start), got, START)
    assert all(jax.tree.leaves(moved))


def lecture_momentum(x, g, t, v):
    v = 0.9 * v - 0.1 * 0.5**t * g
    return x + v, v


def lecture_gradient_momentum(x, g, t, v):
    v = 0.9 * v + g
    return x - 0.1 * 0.5**t * v, v


def lecture_adagrad(x, g, t, s):
    s = s + g * g
    return x - 0.1 * g / (np.sqrt(s) + 1e-7), s


def lecture_rmsprop(x, g, t, s):
    s = 0.9 * s + 0.1 * g * g
    return x - 0.1 * g / np.sqrt(s + 1e-3), s


def lecture_adam_uncorrected(x, g, t, mv):
    m, v = mv if isinstance(mv, tuple) else (0.0, 0.0)
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return x - 0.1 * m / (np.sqrt(v) + 1e-8), (m, v)


TWINS = [
    (lecture_momentum, Momentum(Exponential(0.1, 0.5))),
    (lecture_gradient_momentum, GradientMomentum(Exponential(0.1, 0.5))),
    (lecture_adagrad, AdaGrad(0.1, eps=1e-7)),
    (lecture_rmsprop, RMSProp(0.1, eps=0.0, eps_root=1e-3)),
    (lecture_adam_uncorrected, Adam(0.1, bias_correction=False)),
]


@pytest.mark.parametrize(("lecture", "rule"), TWINS, ids=[twin.__name__ for twin, _ in TWINS])
def test_rules_are_the_lectures_loops(lecture, rule):
    """The loops of the lectures, as printed, on f = |x|^2 / 2 with g = x."""
    x, memory = np.array([1.0, -2.0, 0.5]), 0.0
    start = jnp.asarray(x)
    for t in range(6):
        x, memory = lecture(x, x, t, memory)
    got = trajectory(rule, 6, start, lambda x: jnp.sum(x**2) / 2)[-1]
    np.testing.assert_allclose(got, x, rtol=1e-13)


def test_nesterov_seen_from_its_look_ahead_point_is_the_reformulation():
    """With a constant learning rate, the look-ahead points of one form are the parameters of the other."""

    def loss(x):
        return objective({**START, "rosenbrock": x})

    look_ahead, plain = Nesterov(1e-4, 0.9), GradientNesterov(1e-4, 0.9)
    x = y = START["rosenbrock"]
    state, other = look_ahead.init(x), plain.init(y)
    for _ in range(20):
        point = look_ahead.evaluation_point(x, state)
        np.testing.assert_allclose(point, y, rtol=1e-13)
        updates, state = look_ahead.update(jax.grad(loss)(point), state, x)
        x = x + updates
        updates, other = plain.update(jax.grad(loss)(y), other, y)
        y = y + updates
    assert jnp.any(x != y)


RULES = [
    SGD(),
    Momentum(),
    GradientMomentum(),
    Nesterov(),
    GradientNesterov(),
    AdaGrad(),
    AdaDelta(),
    RMSProp(),
    CenteredRMSProp(),
    Adam(),
    AdamW(weight_decay=OnLeaves(0.1)),
    NAdam(),
    DozatNAdam(),
    RAdam(b2=0.9),
    AMSGrad(),
    AdaMax(),
    Lion(weight_decay=0.1),
    chain(ClipByValue(), AddDecayedWeights(), Trace(), Scale(-0.1)),
]


def name_of(rule):
    return type(rule).__name__


def abstract(tree):
    return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), tree)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_dtypes_and_structure_hold(rule, dtype):
    """Parameters, updates and state keep shape, dtype and weak type, whatever the dtype of the hyperparameters."""
    params = {"w": jnp.ones((2, 3), dtype), "b": (jnp.full(3, 2, dtype), jnp.asarray(1.0, dtype))}
    grads = jax.tree.map(lambda x: x / 4, params)
    rule = jax.tree.map(jnp.float32, rule)
    state = rule.init(params)
    updates, after = jax.eval_shape(rule.update, grads, state, params)
    assert abstract(updates) == abstract(params)
    assert abstract(after) == abstract(state)
    assert jax.tree.structure(after) == jax.tree.structure(state)


def test_low_precision_parameters_keep_a_scan_carry_under_swept_hyperparameters():
    params = jnp.ones(4, jnp.bfloat16)
    rule = jax.tree.map(lambda x: jnp.full(2, x, jnp.float32), Adam(Exponential(0.1, 0.9)))
    last = jax.jit(jax.vmap(lambda rule: trajectory(rule, 3, params, lambda x: jnp.sum(x**2))[-1]))(rule)
    assert last.dtype == jnp.bfloat16
    assert jnp.all(last < 1)


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_one_trace_for_all_numbers(rule):
    traces = []

    @jax.jit
    def step(rule, grads, state):
        traces.append(rule)
        return rule.update(grads, state, grads)

    grads = jnp.ones(3)
    state = rule.init(grads)
    for factor in (1.0, 2.0, 3.0):
        _, state = step(jax.tree.map(lambda x, f=factor: x * f, rule), grads, state)
    assert len(traces) == 1


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_vmap_over_hyperparameters_is_the_loop(rule):

    def run(rule):
        x = jnp.array([1.0, -2.0])
        updates, state = rule.update(x, rule.init(x), x)
        return rule.update(x / 2, state, x + updates)[0]

    factors = jnp.array([0.5, 1.0, 0.9])
    rules = [jax.tree.map(lambda x, f=f: x * f, rule) for f in factors]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *rules)
    batched, loop = jax.jit(lambda: (jax.vmap(run)(stacked), jnp.stack([run(rule) for rule in rules])))()
    np.testing.assert_allclose(batched, loop, rtol=1e-12)


@pytest.mark.parametrize("rule", [rule for rule in RULES if not isinstance(rule, Lion)], ids=name_of)
def test_complex_parameters_have_the_modulus_in_second_moments(rule):
    """A complex gradient on a ray from 0 moves along that ray, by what the real rule moves."""
    if isinstance(rule, type(RULES[-1])):
        rule = chain(*rule.rules[1:])  # a box has no meaning for complex numbers
    turn = jnp.asarray(np.exp(1j * np.array([0.3, 2.0, -1.0])), jnp.complex64)
    params = jnp.array([1.0, 2.0, -3.0], jnp.float32)
    rule = jax.tree.map(jnp.float32, rule)

    def two_steps(params):
        state = rule.init(params)
        updates, state = rule.update(params / 2, state, params)
        return rule.update(params / 4, state, params + updates)

    rays = turn * params.astype(jnp.complex64)
    (real, _), (rotated, state) = jax.jit(lambda: (two_steps(params), two_steps(rays)))()
    np.testing.assert_allclose(rotated, turn * real.astype(jnp.complex64), rtol=2e-5)
    assert abstract(state) == abstract(jax.eval_shape(rule.init, rays))


def test_training_with_a_dead_unit_can_be_differentiated():
    """A parameter whose gradient is always 0 gives finite hypergradients in every rule."""

    def last(rule):
        return sum(jnp.sum(x) for x in trajectory(rule, 8, (jnp.ones(2),), lambda p: p[0][0] ** 2 + 0 * p[0][1]))

    gradients = jax.jit(lambda rules: [jax.grad(last)(rule) for rule in rules])(RULES)
    for rule, gradient in zip(RULES, gradients, strict=True):
        assert all(jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(gradient)), name_of(rule)
        assert any(jnp.any(leaf != 0) for leaf in jax.tree.leaves(gradient)), name_of(rule)


def test_the_step_counter_stops_at_its_largest_value():
    rule = Adam()
    state = rule.init(jnp.ones(2))._replace(step=jnp.int32(2**31 - 1))
    updates, state = rule.update(jnp.ones(2), state)
    assert state.step == 2**31 - 1
    assert jnp.all(updates < 0)


def test_an_empty_tree_is_optimised_in_no_time():
    for rule in RULES:
        state = rule.init({})
        updates, _ = rule.update({}, state, {})
        assert updates == {}


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"gradient \[3\].*parameter \[3, 1\].*try"):
        SGD().update(jnp.ones(3), SGD().init(jnp.ones((3, 1))), jnp.ones((3, 1)))
    with pytest.raises(ValueError, match=r"gradient \[3\].*update \[3, 3\]"), jax.numpy_rank_promotion("allow"):
        Adam().update(jnp.ones(3), Adam().init(jnp.ones((3, 1))))
    with pytest.raises(ValueError, match=r"parameter \[3\].*update \[3, 1\].*try"):
        apply_updates(jnp.ones(3), jnp.ones((3, 1)))
    with pytest.raises(TypeError, match=r"needed a floating type, got int32; try"):
        Adam().update(jnp.ones(3, jnp.int32), Adam().init(jnp.ones(3)))
    with pytest.raises(ValueError, match=r"learning_rate: needed numbers not below 0, got -0.1; try"):
        Adam(-0.1).init(jnp.ones(3))
    with pytest.raises(ValueError, match=r"momentum: needed numbers from 0 to 1, got 1.5; try"):
        Momentum(0.1, OnLeaves(0.9, 1.5)).init(jnp.ones(3))
    with pytest.raises(ValueError, match=r"params: needed.*try update"):
        AdamW().update(jnp.ones(3), AdamW().init(jnp.ones(3)))
