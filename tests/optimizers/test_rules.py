"""What all rules have in common."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore.diagnosis.compilations import count_compilations
from dlcore.optimizers import (
    EMA,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AddDecayedWeights,
    AMSGrad,
    CenteredRMSProp,
    ClipByGlobalNorm,
    ClipByValue,
    DozatNAdam,
    Frozen,
    Lion,
    Momentum,
    MultiSteps,
    NAdam,
    Nesterov,
    RAdam,
    RMSProp,
    Scale,
    SGDMomentum,
    SGDNesterov,
    Trace,
    apply_updates,
    chain,
)
from dlcore.schedules import Exponential
from dlcore.tree.leaves import OnLeaves
from tests.optimizers.problems import trajectory

RULES = [
    SGD(),
    Momentum(),
    SGDMomentum(),
    Nesterov(),
    SGDNesterov(),
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

    factors = jnp.array([0.8, 1.0, 0.9])
    rules = [jax.tree.map(lambda x, f=f: x * f, rule) for f in factors]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *rules)
    batched, loop = jax.jit(lambda: (jax.vmap(run)(stacked), jnp.stack([run(rule) for rule in rules])))()
    np.testing.assert_allclose(batched, loop, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_a_complex_parameter_is_two_real_ones(rule):
    """Real and imaginary parts move as the parts of a real parameter do; so in PyTorch's optimizers, too."""
    params = jnp.asarray(np.array([3.0, -2.0, 0.5]) * np.exp(1j * np.array([0.3, 2.0, -1.0])), jnp.complex64)
    pairs = jnp.stack([params.real, params.imag], -1)
    rule = jax.tree.map(jnp.float32, rule)

    def two_steps(params):
        state = rule.init(params)
        updates, state = rule.update(params / 2, state, params)
        ahead = rule.evaluation_point(params + updates, state)
        return *rule.update(params / 4, state, params + updates), ahead

    (real, real_state, point), (updates, state, ahead) = jax.jit(lambda: (two_steps(pairs), two_steps(params)))()
    for got, expected in ((updates, real), (ahead, point)):
        np.testing.assert_allclose(jnp.stack([got.real, got.imag], -1), expected, rtol=3e-7)
    assert abstract(state) == abstract(real_state) == abstract(jax.eval_shape(rule.init, params))


def test_training_with_a_dead_unit_can_be_differentiated():
    """A parameter whose gradient is always 0 gives finite hypergradients in every rule."""

    def last(rule):
        return sum(jnp.sum(x) for x in trajectory(rule, 8, (jnp.ones(2),), lambda p: p[0][0] ** 2 + 0 * p[0][1]))

    gradients = jax.jit(lambda rules: [jax.grad(last)(rule) for rule in rules])(RULES)
    for rule, gradient in zip(RULES, gradients, strict=True):
        assert all(jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(gradient)), name_of(rule)
        assert any(jnp.any(leaf != 0) for leaf in jax.tree.leaves(gradient)), name_of(rule)


SECOND_MOMENTS = [AdaGrad(), AdaDelta(), RMSProp(), CenteredRMSProp(), Adam(), AdamW(), NAdam(), RAdam(), AMSGrad()]


@pytest.mark.parametrize("rule", [*SECOND_MOMENTS, DozatNAdam(), AdaMax(), Lion()], ids=name_of)
def test_one_huge_gradient_stops_nothing_for_good(rule):
    """1e25, whose square is no float32: the step stays of the usual size, and later ones are not 0."""

    def updates(huge):
        gradients = jnp.ones(200, jnp.float32).at[1].set(huge)

        def step(state, g):
            update, state = rule.update(g[None], state, jnp.ones(1, jnp.float32))
            return state, update[0]

        return np.asarray(jax.jit(lambda: jax.lax.scan(step, rule.init(jnp.ones(1, jnp.float32)), gradients)[1])())

    usual, hit = updates(1e6), updates(1e25)
    assert np.all(hit != 0)
    if not isinstance(rule, RAdam):  # its first steps are those of momentum, as large as gradients are
        assert np.all(np.abs(hit[2:]) <= 2 * np.abs(usual).max())
    assert not np.isfinite(updates(np.inf)).all() or isinstance(rule, Lion)


def test_moments_of_low_precision_parameters_fall():
    """0.999 v rounds to v in bfloat16: kept there, v would stay where 20 gradients of 1 have left it."""

    def last(dtype):
        rule, x = Adam(), jnp.zeros(1, dtype)

        def step(state, i):
            update, state = rule.update(jnp.where(i < 20, 1.0, 0.01).astype(dtype)[None], state, x)
            return state, update

        state, updates = jax.jit(lambda: jax.lax.scan(step, rule.init(x), jnp.arange(6000)))()
        return float(updates[-1, 0]), float(state.slots.v[0])

    np.testing.assert_allclose(last(jnp.bfloat16), last(jnp.float32), rtol=1e-2)
    assert last(jnp.bfloat16)[1] < 1e-3


def test_numbers_of_the_papers():
    """Defaults as published: a rule without arguments is the one that people mean by its name."""
    assert [Adam().learning_rate, Adam().b1, Adam().b2, Adam().eps] == [1e-3, 0.9, 0.999, 1e-8]  # Kingma & Ba, alg. 1
    assert [AdaMax().learning_rate, AdaMax().b1, AdaMax().b2] == [2e-3, 0.9, 0.999]  # Kingma & Ba, alg. 2
    assert [AdaDelta().learning_rate, AdaDelta().rho, AdaDelta().eps] == [1.0, 0.9, 1e-6]  # PyTorch; Optax
    assert [RMSProp().decay, CenteredRMSProp().decay] == [0.9, 0.9]  # Tieleman & Hinton; Optax
    assert [Lion().b1, Lion().b2] == [0.9, 0.99]  # Chen et al., program 1
    assert [DozatNAdam().learning_rate, DozatNAdam().momentum_decay] == [2e-3, 4e-3]  # PyTorch
    assert [kind().momentum for kind in (Momentum, SGDMomentum, Nesterov, SGDNesterov, Trace)] == 5 * [0.9]
    assert [AMSGrad().b2, NAdam().b2, RAdam().b2, RAdam().threshold, AdamW().weight_decay] == [*3 * [0.999], 5.0, 1e-4]
    assert [AdaGrad().initial_accumulator, AdaGrad().eps] == [0.0, 1e-8]


@pytest.mark.parametrize("rule", [SGD(), Adam(), chain(ClipByGlobalNorm(), AdamW())], ids=name_of)
def test_an_update_by_hand_compiles_once_whatever_the_numbers(rule):
    params = {"a": jnp.ones((5, 3)), "b": jnp.ones(7)}
    state = rule.init(params)
    rule.update(params, state, params)
    with count_compilations() as compiled:
        for factor in (0.5, 0.7):
            _, state = jax.tree.map(lambda x, f=factor: x * f, rule).update(params, state, params)
    assert compiled.count == 0


def test_a_parameter_of_integers_is_refused_by_name_or_frozen():
    params = {"w": jnp.ones(2), "steps": jnp.asarray(3)}
    grads = jax.grad(lambda p: jnp.sum(p["w"]), allow_int=True)(params)
    for rule in (SGD(), Adam(), EMA(SGD()), MultiSteps(SGD(), 2)):
        with pytest.raises(TypeError, match="parameter steps: needed a floating type, got int64"):
            rule.init(params)
    with pytest.raises(TypeError, match=r"gradient steps: needed a floating type, got .*float0"):
        SGD().update(grads, SGD().init({"w": jnp.ones(2), "steps": jnp.ones(())}), params)
    frozen = Frozen(Adam(), ("steps",))
    for rule in (frozen, EMA(frozen), MultiSteps(frozen, 1), chain(frozen, Frozen(Scale(1.0), ("steps",)))):
        updates, state = rule.update(grads, rule.init(params), params)
        after = apply_updates(params, updates)
        assert after["steps"] == 3
        assert jnp.all(after["w"] < 1)
        assert rule.averaged(after, state.slots)["steps"] == 3


def test_the_step_counter_stops_at_its_largest_value():
    rule = Adam()
    state = rule.init(jnp.ones(2))._replace(step=jnp.int32(2**31 - 1))
    updates, state = rule.update(jnp.ones(2), state)
    assert state.step == 2**31 - 1
    assert jnp.all(updates < 0)


def test_an_empty_tree_is_optimized_in_no_time():
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
    with pytest.raises(ValueError, match=r"learning_rate: needed numbers from 0, got -0.1"):
        Adam(-0.1).init(jnp.ones(3))
    with pytest.raises(ValueError, match=r"momentum.otherwise: needed numbers from 0 to 1, got 1.5"):
        Momentum(0.1, OnLeaves(0.9, 1.5)).init(jnp.ones(3))
    with pytest.raises(ValueError, match=r"params: needed.*try update"):
        AdamW().update(jnp.ones(3), AdamW().init(jnp.ones(3)))
