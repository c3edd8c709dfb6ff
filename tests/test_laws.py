"""Laws that every public function keeps: collected from the package, so that a new one cannot be forgotten.

jit = eager, vmap = loop, one trace, dtypes kept, forward = reverse derivatives, second ones finite, and over the whole
float range finite in, finite out. The cases are in ``tests/laws``.
"""

import importlib.util
import inspect
import pkgutil

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dlcore
from tests.laws import CASES, EXEMPT, KINDS, ROOMS
from tests.laws.objects import two_steps

TABLE = {
    f"{place}.{name}": case for place, row in CASES.items() for names, case in row.items() for name in names.split()
}


def public():
    """Every callable that a room gives, in its ``__all__``, by its place below ``dlcore``; other names do not count."""
    infos = [info for info in pkgutil.walk_packages(dlcore.__path__, "dlcore.") if "__main__" not in info.name]
    rooms = [importlib.import_module(info.name) for info in infos]
    given = {id(getattr(room, name)) for room in rooms for name in getattr(room, "__all__", ())}
    found = {}
    for info in infos:
        place = info.name.removeprefix("dlcore.")
        if not any(f"{place}.".startswith(f"{room}.") for room in ROOMS):
            things = vars(importlib.import_module(info.name)).items()
            found |= {
                f"{place}.{name}": thing
                for name, thing in things
                if callable(thing) and getattr(thing, "__module__", "") == info.name and id(thing) in given
                if getattr(thing, "__name__", name) == name or not inspect.isclass(thing)
            }
    return found


PUBLIC = public()


def thing_of(name):
    place, attribute = name.split(":")[0].rsplit(".", 1)
    return getattr(importlib.import_module(f"dlcore.{place}"), attribute)


def function_of(name):
    """What the laws speak of: pure, of the case's arguments and then its numbers."""
    case, thing = TABLE[name], thing_of(name)

    def called(*args):
        return case.apply(thing, *args)

    return called


def examples(name, count=3):
    """Arguments of different numbers and equal shapes, in float64; hyperparameters as swept ones are, in float32."""
    case = TABLE[name]
    return [
        (*case.args(np.random.default_rng(i)), *(np.float32(number * (1 - i / 16)) for number in case.numbers))
        for i in range(count)
    ]


def as_arrays(args, dtype=None):
    """Arrays on the device; those of float64 in ``dtype``."""

    def cast(a):
        return jnp.asarray(a, dtype if dtype and a.dtype == np.float64 else a.dtype)

    return jax.tree.map(lambda a: a if isinstance(a, jax.Array) else cast(np.asarray(a)), args)


def stacked(trees):
    return jax.tree.map(lambda *arrays: jnp.stack(arrays), *trees)


def arrays_of(tree):
    return [np.asarray(a) for a in jax.tree.leaves(tree)]


def assert_close(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(arrays_of(a), arrays_of(b), strict=True):
        assert x.shape == y.shape
        assert x.dtype == y.dtype
        tolerance = 1e-6 if x.dtype == np.float32 else 1e-9
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def is_floating(a):
    return jnp.issubdtype(a.dtype, jnp.floating)


def test_every_public_function_has_a_case():
    def exempt(name, thing):
        return name in EXEMPT or any(kind(thing) for kind in KINDS)

    with_case = {name.split(":")[0] for name in TABLE}
    forgotten = [name for name, thing in PUBLIC.items() if name not in with_case and not exempt(name, thing)]
    assert not forgotten, f"needed a case in tests/laws, or an exemption with a reason, for: {', '.join(forgotten)}"


def test_no_exemption_is_idle_or_without_a_reason():
    reasons = [*ROOMS.values(), *EXEMPT.values(), *KINDS.values()]
    assert all(len(reason.split()) >= 3 for reason in reasons)
    for room in ROOMS:
        assert importlib.util.find_spec(f"dlcore.{room}"), f"{room} is gone; drop its exemption"
    for name in EXEMPT:
        assert name in PUBLIC, f"{name} is given by no room; drop its exemption"
        assert name not in TABLE, f"{name} has a case; drop its exemption"


@pytest.mark.parametrize("name", TABLE)
def test_jit_vmap_and_loop_agree_with_one_trace(name):
    f = function_of(name)
    given = [as_arrays(args) for args in examples(name)]
    chex.clear_trace_counter()
    jitted = jax.jit(chex.assert_max_traces(f, n=1))
    one_by_one = [jitted(*args) for args in given]
    assert_close(f(*given[0]), one_by_one[0])
    stack = jax.tree.map(lambda *a: jnp.stack(a), *given)
    assert_close(jax.jit(jax.vmap(f))(*stack), jax.tree.map(lambda *a: jnp.stack(a), *one_by_one))


@pytest.mark.parametrize("name", TABLE)
def test_dtype_is_kept(name):
    case = TABLE[name]
    for dtype in map(jnp.dtype, case.dtypes):
        made = jax.eval_shape(function_of(name), *as_arrays(examples(name, 1)[0], dtype))
        kinds = {str(leaf.dtype) for leaf in jax.tree.leaves(made) if is_floating(leaf)}
        assert kinds <= {str(case.out(dtype))}, f"{dtype} in, {kinds} out"


@pytest.mark.parametrize("name", [name for name, case in TABLE.items() if case.differentiable])
def test_forward_and_reverse_derivatives_agree_and_second_ones_are_finite(name):
    args = as_arrays(examples(name, 1)[0])
    flat, treedef = jax.tree.flatten(args)
    moving = [i for i, a in enumerate(flat) if is_floating(a)]

    def f(xs):
        y = function_of(name)(
            *treedef.unflatten([xs[moving.index(i)] if i in moving else a for i, a in enumerate(flat)])
        )
        return [leaf for leaf in jax.tree.leaves(y) if is_floating(leaf)]

    def dot(a, b):
        return sum(jnp.sum(u * v.astype(u.dtype)).astype(float) for u, v in zip(a, b, strict=True))

    def derivatives(xs, vs, ws):
        def along(xs):
            return dot(ws, f(xs))

        slope, curvature = jax.jvp(jax.grad(along), (xs,), (vs,))
        return jax.jvp(along, (xs,), (vs,))[1], dot(slope, vs), dot(curvature, vs)

    xs = [flat[i] for i in moving]
    vs, ws = random_like(xs, 1), random_like(jax.eval_shape(f, xs), 2)
    forward, reverse, second = map(float, jax.jit(derivatives)(xs, vs, ws))
    assert np.isfinite([forward, second]).all()
    np.testing.assert_allclose(reverse, forward, rtol=1e-6, atol=1e-6)


def random_like(arrays, seed):
    r = np.random.default_rng(seed)
    return [jnp.asarray(r.normal(size=a.shape), a.dtype) for a in arrays]


def float_range(dtype, until):
    """Points of both signs from the smallest normal number to the largest, 0 too; dense where functions bend."""
    info = jnp.finfo(dtype)
    log = np.linspace(np.log10(float(info.tiny)), np.log10(float(info.max)) - 1e-6, 99)
    s = np.concatenate([10**log, np.linspace(0, 120, 121), [float(info.max)]])
    s = s[s <= until]
    return jnp.asarray(np.concatenate([s, -s]), dtype)


@pytest.mark.parametrize("name", [name for name, case in TABLE.items() if case.line])
def test_finite_in_is_finite_out_over_the_float_range(name):
    case = TABLE[name]
    first, *rest = case.line(float_range(jnp.float32, case.until))

    def value_and_slope(x, *rest):
        y, pull = jax.vjp(lambda x: function_of(name)(x, *rest), x)
        return y, pull(jax.tree.map(jnp.ones_like, y))[0]

    y, slope = jax.jit(value_and_slope)(first, *rest, *map(np.float32, case.numbers))
    for what, values in {"value": y, "slope": slope}.items():
        for a in arrays_of(values):
            bad = ~np.isfinite(a.reshape(len(first), -1)).all(axis=1)
            assert not bad.any(), f"{what} not finite at {np.asarray(first)[bad][:5]}"


RULES = [name for name, case in TABLE.items() if case.call is two_steps]


@pytest.mark.parametrize("name", RULES)
def test_state_of_rules_keeps_structure_shapes_and_dtypes(name):
    """Weak types too: a state that changed in any of it would compile a second time."""
    case = TABLE[name]

    def states(grads, params, *numbers):
        rule = case.made(thing_of(name), *numbers)
        before = rule.init(params)
        return before, rule.update(grads, before, params)[1]

    for dtype in case.dtypes:
        before, after = jax.eval_shape(states, *as_arrays(examples(name, 1)[0], dtype))
        assert jax.tree.structure(before) == jax.tree.structure(after)
        for old, new in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
            assert (old.shape, old.dtype, old.weak_type) == (new.shape, new.dtype, new.weak_type)
