"""Clipping, weight decay, accumulation, averages, and the choice of leaves: frozen means bit-equal."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dlcore import optimizers
from dlcore.optimizers import (
    EMA,
    SGD,
    Adam,
    AdamW,
    AddDecayedWeights,
    ClipByGlobalNorm,
    ClipByValue,
    Frozen,
    Lion,
    Masked,
    Momentum,
    MultiSteps,
    Nesterov,
    Partition,
    RuleState,
    Scale,
    Trace,
    Velocity,
    apply_updates,
    at,
    chain,
    global_norm,
    learning_rate_of,
)
from dlcore.schedules import Exponential
from dlcore.tree.leaves import OnLeaves

PARAMS = {
    "layers": ({"kernel": jnp.arange(6.0).reshape(2, 3), "bias": jnp.array([-0.0, 0.0, 1e-300])}, jnp.ones(2)),
    "scale": jnp.full(2, -3.0),
}
GRADS = jax.tree.map(lambda x: jnp.cos(x) + 2, PARAMS)


def after(rule, params=PARAMS, grads=GRADS, steps=3):
    """The parameters after some steps along constant gradients, as one program."""

    def body(carry, _):
        params, state = carry
        updates, state = rule.update(grads, state, params)
        return (apply_updates(params, updates), state), None

    return jax.jit(lambda: jax.lax.scan(body, (params, rule.init(params)), length=steps)[0])()


def close(a, b, rtol=1e-13):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-300), a, b)


def same_bits(a, b):
    jax.tree.map(
        lambda x, y: np.testing.assert_array_equal(np.asarray(x).view(np.int64), np.asarray(y).view(np.int64)), a, b
    )


def abstract(tree):
    return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), tree)


def first_order_rules():
    """Every rule for single arrays that the package offers, made with its own numbers."""
    kinds = [getattr(optimizers, name) for name in optimizers.__all__]
    rules = [k for k in kinds if isinstance(k, type) and issubclass(k, optimizers.LeafRule)]
    return [kind(1.0) for kind in rules if not getattr(kind, "__abstractmethods__", None)]


@pytest.mark.parametrize("rule", first_order_rules(), ids=lambda rule: type(rule).__name__)
def test_a_frozen_leaf_keeps_every_bit(rule):
    """Also -0.0, also beside weight decay, which moves all other leaves."""
    rule = chain(rule, AddDecayedWeights(0.1))
    params, _ = after(Frozen(rule, where=("layers[0].bias", "layers[1]")))
    same_bits(params["layers"][0]["bias"], PARAMS["layers"][0]["bias"])
    same_bits(params["layers"][1], PARAMS["layers"][1])
    expected, _ = after(rule)
    close(params["scale"], expected["scale"])
    close(params["layers"][0]["kernel"], expected["layers"][0]["kernel"])
    assert jnp.all(params["scale"] != PARAMS["scale"])


def test_frozen_complex_leaves_keep_every_bit():
    x = jnp.array([complex(-0.0, -0.0), complex(0.0, -0.0), 1 - 2j])
    params, _ = after(Frozen(SGD(), where=("a",)), {"a": x, "b": x}, {"a": x + 1, "b": x + 1})
    same_bits(params["a"].real, x.real)
    same_bits(params["a"].imag, x.imag)
    assert jnp.all(params["b"] != x)


def test_choices_of_leaves_nest():
    """A leaf that an outer wrapper took away still has a name for the inner one."""
    decay = OnLeaves(0.1, where=("layers[1]", "scale"))
    rule = Frozen(AdamW(0.1, weight_decay=decay), where=("layers[1]",))
    params, _ = after(rule)
    plain, decayed = (after(AdamW(0.1, weight_decay=everywhere))[0] for everywhere in (0.0, 0.1))
    close(params["layers"][0], plain["layers"][0])
    close(params["scale"], decayed["scale"])
    assert jnp.all(plain["scale"] != decayed["scale"])


def test_masked_is_optax_masked():
    mask = {"layers": (True, False), "scale": False}
    theirs = optax.masked(optax.adam(0.1), mask)
    ours = Masked(Adam(0.1), where=("layers[0]",))
    updates, _ = ours.update(GRADS, ours.init(PARAMS), PARAMS)
    with jax.numpy_dtype_promotion("standard"):
        expected, _ = theirs.update(GRADS, theirs.init(PARAMS), PARAMS)
    close(updates, expected, rtol=1e-7)
    assert jax.tree.structure(ours.init(PARAMS).slots.m) == jax.tree.structure(
        {"layers": (PARAMS["layers"][0], None), "scale": None}
    )


def test_masked_and_partitioned_rules_keep_their_look_ahead():
    def point(rule, slots):
        return rule.evaluation_point(PARAMS, RuleState(jnp.int32(0), slots))

    moving = Velocity(jax.tree.map(jnp.ones_like, PARAMS))
    ahead = point(Nesterov(), moving)
    close(ahead, jax.tree.map(lambda x: x + 0.9, PARAMS))
    part = Velocity({"layers": moving.v["layers"], "scale": None})
    expected = {**ahead, "scale": PARAMS["scale"]}
    close(point(Masked(Nesterov(), where=("layers",)), part), expected)
    close(point(Frozen(Nesterov(), where=("scale",)), part), expected)
    groups = Partition((Masked(Nesterov(), ("layers",)), Masked(SGD(), ("scale",))))
    close(point(groups, (part, ())), expected)
    close(point(chain(ClipByValue(), Nesterov()), ((), moving)), ahead)
    for wrapper in (MultiSteps(Nesterov(), 2), EMA(Nesterov())):
        close(point(wrapper, wrapper.init(PARAMS).slots._replace(inner=moving)), ahead)


def test_partition_gives_every_group_its_rule():
    rule = Partition((Masked(Adam(0.1), ("layers",)), Masked(Momentum(0.2), ("scale",))))
    params, _ = after(rule)
    close(params["layers"], after(Adam(0.1))[0]["layers"])
    close(params["scale"], after(Momentum(0.2))[0]["scale"])


def test_hyperparameters_on_leaves():
    """Weight decay spares biases and scales; a body learns at its own scheduled rate."""
    params, _ = after(AdamW(0.1, weight_decay=OnLeaves(0.5)))
    decayed, plain = after(AdamW(0.1, weight_decay=0.5))[0], after(Adam(0.1))[0]
    close(params["scale"], plain["scale"])
    close(params["layers"][0]["bias"], plain["layers"][0]["bias"])
    close(params["layers"][0]["kernel"], decayed["layers"][0]["kernel"])
    slow = after(SGD(OnLeaves(Exponential(0.1, 0.5), 0.3, where=("layers",))))[0]
    close(slow["scale"], PARAMS["scale"] - 0.9 * GRADS["scale"])
    close(slow["layers"][1], PARAMS["layers"][1] - 0.175 * GRADS["layers"][1])


def test_accumulation_is_the_large_batch():
    """Two rounds of three gradients are two steps on their means; between them nothing moves, not even -0.0.

    The rate falls to a half in the time of three gradients, one round; each round takes that of its first gradient.
    """
    rule = MultiSteps(Momentum(Exponential(0.1, 0.5 ** (1 / 3))), 3)
    params, state = PARAMS, rule.init(PARAMS)
    update = jax.jit(rule.update)
    for i in range(6):
        grads = jax.tree.map(lambda g, i=i: g * (i % 3), GRADS)
        updates, state = update(grads, state, params)
        new = apply_updates(params, updates)
        if i % 3 < 2:
            same_bits(new, params)
        params = new
    close(params, after(Momentum(Exponential(0.1, 0.5)), steps=2)[0])
    assert state.slots.step == 2
    assert state.step == 6
    np.testing.assert_allclose(learning_rate_of(at(rule, 5.0), state.slots), 0.05, rtol=1e-13)


def test_accumulation_is_optax_multi_steps():
    with jax.numpy_dtype_promotion("standard"):
        expected, _ = after(optax.MultiSteps(optax.sgd(0.1, 0.9), 2), steps=5)
    close(after(MultiSteps(Momentum(0.1, 0.9), 2), steps=5)[0], expected, rtol=1e-6)  # Optax counts in float32


def test_accumulation_keeps_low_precision_sums_wide():
    """256 gradients of 1 in bfloat16, whose own sum would stop at 256 and lose every smaller share."""
    rule = MultiSteps(SGD(1.0), 300)
    grads = jnp.ones(2, jnp.bfloat16)
    params, state = after(rule, jnp.zeros(2, jnp.bfloat16), grads, steps=300)
    assert params.dtype == jnp.bfloat16
    np.testing.assert_array_equal(np.asarray(params, np.float32), -1)
    assert state.slots.step == 1


def test_average_of_parameters():
    decay = Exponential(0.9, 0.5)
    rule = EMA(SGD(0.1), decay)
    params, state = after(rule)
    x, mean = PARAMS["scale"], PARAMS["scale"]
    for t in range(3):
        b = 0.9 * 0.5**t
        x = x - 0.1 * GRADS["scale"]
        mean = b * mean + (1 - b) * x
    close(state.slots.average["scale"], mean)
    close(rule.averaged(params, state.slots)["scale"], mean)
    close(params, after(SGD(0.1))[0])
    theirs = optax.incremental_update(after(SGD(0.1), steps=1)[0], PARAMS, 0.1)
    close(after(EMA(SGD(0.1), 0.9), steps=1)[1].slots.average, theirs)


@pytest.mark.parametrize("max_norm", [1.0, 1e3])
def test_global_norm_clipping_is_optax(max_norm):
    ours, theirs = ClipByGlobalNorm(max_norm), optax.clip_by_global_norm(max_norm)
    updates, _ = jax.jit(ours.update)(GRADS, ours.init(PARAMS))
    close(updates, theirs.update(GRADS, theirs.init(PARAMS))[0])
    everything = np.concatenate([np.ravel(g) for g in jax.tree.leaves(GRADS)])
    np.testing.assert_allclose(global_norm(GRADS), np.linalg.norm(everything), rtol=1e-14)


@pytest.mark.parametrize("size", [1e-30, 1e-20, 1.0, 1e20, 3e38])
def test_global_norm_has_no_overflow(size):
    grads = {"a": jnp.array([3.0, 0.0], jnp.float32) / 8 * jnp.float32(size), "b": jnp.float32(size) / 2}
    norm = jax.jit(global_norm)(grads)
    np.testing.assert_allclose(norm, 0.625 * size, rtol=1e-6)
    clipped, _ = ClipByGlobalNorm(size / 2).update(grads, ClipByGlobalNorm().init(grads))
    np.testing.assert_allclose(global_norm(clipped), size / 2, rtol=1e-6)
    gradient = jax.grad(global_norm)(grads)
    np.testing.assert_allclose(gradient["a"], [0.6, 0.0], rtol=1e-6)


def test_global_norm_at_zero_and_beyond_numbers():
    assert global_norm({}) == 0
    zero = jnp.zeros(3)
    np.testing.assert_array_equal(jax.grad(global_norm)(zero), zero)
    assert jnp.isinf(global_norm(jnp.array([1.0, jnp.inf])))
    assert jnp.isnan(global_norm(jnp.array([1.0, jnp.nan])))
    np.testing.assert_allclose(global_norm(jnp.array([3.0, 4.0j])), 5)
    np.testing.assert_allclose(global_norm(jnp.full(4, 200, jnp.float16)), 400)
    assert global_norm(jnp.ones(2, jnp.bfloat16)).dtype == jnp.float32


def test_the_transforms_compose_to_the_rules():
    momentum, _ = after(Momentum(0.1, 0.9))
    close(after(chain(SGD(0.1), Trace(0.9)))[0], momentum)
    adamw, _ = after(AdamW(0.1, weight_decay=0.2))
    close(after(chain(Adam(1.0), AddDecayedWeights(-0.2), Scale(0.1)))[0], adamw)
    boxed, _ = after(chain(ClipByValue(0.5), SGD(1.0)), steps=1)
    close(boxed, jax.tree.map(lambda x: x - 0.5, PARAMS))


@pytest.mark.parametrize(
    "rule",
    [
        ClipByGlobalNorm(1.0),
        MultiSteps(Adam(), 2),
        EMA(Lion()),
        Frozen(Adam(), ("scale",)),
        Partition((Masked(Adam(), ("layers",)), Masked(SGD(), ("scale",)))),
    ],
    ids=lambda rule: type(rule).__name__,
)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_wrappers_keep_dtypes_and_structure(rule, dtype):
    params, grads = jax.tree.map(lambda x: x.astype(dtype), (PARAMS, GRADS))
    rule = jax.tree.map(jnp.float32, rule)
    state = rule.init(params)
    updates, new = jax.eval_shape(rule.update, grads, state, params)
    assert abstract(updates) == abstract(params)
    assert abstract(new) == abstract(state)


def test_bad_choices_are_named():
    with pytest.raises(ValueError, match=r"no leaf at or below 'layer\[0\]'.*layers\[0\]"):
        Frozen(SGD(), ("layer[0]",)).init(PARAMS)
    with pytest.raises(ValueError, match=r"no leaf at or below 'layers\[0\].bia'.*layers\[0\].bias"):
        SGD(OnLeaves(1.0, where=("layers[0].bia",))).init(PARAMS)
    with pytest.raises(TypeError, match=r"needed a function .* or a tuple of names, got 'scale'"):
        Frozen(SGD(), "scale").init(PARAMS)
    with pytest.raises(ValueError, match="needed 'scale' in one group, got it in 0"):
        Partition((Masked(SGD(), ("layers",)),)).init(PARAMS)
    with pytest.raises(ValueError, match=r"needed 'layers\[1\]' in one group, got it in 2"):
        Partition((Masked(SGD(), ("layers",)), Masked(SGD(), ("layers[1]", "scale")))).init(PARAMS)
    with pytest.raises(ValueError, match="max_norm: needed numbers from 0, got -1"):
        ClipByGlobalNorm(-1.0).init(PARAMS)
    with pytest.raises(ValueError, match="every: needed whole numbers from 1, got 0"):
        MultiSteps(SGD(), 0).init(PARAMS)
    with pytest.raises(ValueError, match="decay: needed numbers from 0 to 1, got 2"):
        EMA(SGD(), 2.0).init(PARAMS)
    with pytest.raises(ValueError, match="params: needed"):
        EMA(SGD()).update(GRADS, EMA(SGD()).init(PARAMS))
