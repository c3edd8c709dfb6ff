"""Numbers declare their range; leaves have names."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dlcore import optimizers, tree
from dlcore.optimizers import SGD, Adam, MultiSteps, chain
from dlcore.schedules import Constant, Exponential, Joined, Linear, OneCycle, Piecewise, Warmup
from dlcore.tree.fields import hyperparams, number, static
from dlcore.tree.leaves import AllBut, OnLeaves, chosen, weights_only
from tests.tree.problems import KINDS, PUBLIC, full_setup


@hyperparams
class Box:
    """A class of every kind of field."""

    rate: float = number(0.5, low=0, below=1)
    count: float = number(3.0, low=1, whole=True)
    size: float | None = number(None, above=0)
    edges: tuple = number((1.0, 2.0), low=0, many=True)
    width: int | tuple[int, ...] = static(default=4, low=1, whole=True)
    limit: int | None = static(default=None, low=1, whole=True)
    inner: Any = None

    def conditions(self):
        return {"edges that rise": self.edges[0] < self.edges[-1]}


@pytest.mark.parametrize(
    ("box", "says"),
    [
        (Box(rate=1.0), "rate: needed numbers from 0 below 1, got 1.0; try the default, 0.5"),
        (Box(rate=-1e-300), "rate: needed numbers from 0 below 1, got -1e-300"),
        (Box(rate=float("nan")), "rate: .*got nan"),
        (Box(rate=np.float32(2)), "rate: .*got 2.0"),
        (Box(rate=jnp.float32(jnp.nan)), "rate: .*got nan"),
        (Box(rate=jnp.bfloat16(1)), "rate: .*got 1"),
        (Box(rate=jnp.array([0.1, 0.2, 1.5])), "rate: .*got 1.5"),
        (Box(rate=2), "rate: .*got 2"),
        (Box(count=2.5), "count: needed whole numbers from 1, got 2.5"),
        (Box(count=float("inf")), None),
        (Box(count=jnp.int8(0)), "count: .*got 0"),
        (Box(size=0.0), "size: needed numbers above 0, got 0.0"),
        (Box(edges=(1.0, -2.0)), r"edges\[1\]: needed numbers from 0, got -2.0"),
        (Box(edges=(2.0, 1.0)), r"Box: needed edges that rise, got Box\(edges=\(2.0, 1.0\)\)"),
        (Box(width=0), "width: needed whole numbers from 1, got 0; try the default, 4"),
        (Box(width=(3, 0)), r"width\[1\]: needed whole numbers from 1, got 0"),
        (Box(width=2.5), "width: .*got 2.5"),
        (Box(limit=0), "limit: .*got 0"),
        (Box(inner=Box(rate=7.0)), "inner.rate: .*got 7.0"),
        (Box(inner=({"a": Box(rate=7.0)},)), r"inner\[0\].a.rate: .*got 7.0"),
        (Box(inner=Adam(b1=1.0)), "inner.b1: needed numbers from 0 below 1, got 1.0"),
        (Adam(Exponential(-1.0, 0.9)), "learning_rate.initial: needed numbers from 0, got -1.0"),
        (Adam(Exponential(1.0, -0.9)), "learning_rate.decay: needed numbers from 0, got -0.9"),
        (Adam(b1=Linear(0.5, 1.0, 10)), "b1.end: needed numbers from 0 below 1, got 1.0"),
        (Adam(b1=Warmup(Constant(0.5), 3, start=1.0)), "b1.start: needed numbers from 0 below 1"),
        (Adam(b1=Warmup(Constant(1.5), 3)), "b1.schedule.value: needed numbers from 0 below 1, got 1.5"),
        (Adam(b1=Joined((Constant(0.5), Constant(1.5)), (3,))), r"b1.schedules\[1\].value: .*got 1.5"),
        (Adam(b1=Piecewise((0.5, 1.5), (3,))), r"b1.values\[1\]: needed numbers from 0 below 1, got 1.5"),
        (SGD(Piecewise((3.0, 2.0, 1.0), (9, 4))), "learning_rate: needed boundaries that rise, got Piecewise"),
        (SGD(Joined((Constant(1.0),) * 3, (4, 4))), "learning_rate: needed boundaries that rise, got Joined"),
        (SGD(OneCycle(1.0, 9, rise=0.9)), "learning_rate: needed rise not above fall, got OneCycle"),
        (SGD(OnLeaves(0.1, -0.1)), "learning_rate.otherwise: needed numbers from 0, got -0.1"),
        (SGD(OnLeaves(Exponential(-1.0, 0.9))), "learning_rate.value.initial: needed numbers from 0, got -1.0"),
        (Constant(float("nan")), "value: needed numbers, got nan"),
        (chain(SGD(), MultiSteps(Adam(eps=-1.0), 2)), r"rules\[1\].rule.eps: needed numbers from 0, got -1.0"),
    ],
    ids=repr,
)
def test_numbers_out_of_their_range_are_refused_by_their_path(box, says):
    if says is None:
        tree.check_ranges(box)
        return
    with pytest.raises(ValueError, match=says) as error:
        tree.check_ranges(box)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("box", "says"),
    [
        (SGD("fast"), "learning_rate: needed numbers from 0, got 'fast'; try the default, 0.01"),
        (SGD(None), "learning_rate: needed numbers from 0, got None"),
        (SGD(True), "learning_rate: .*got True"),
        (SGD(jnp.array([True])), "learning_rate: .*got bool"),
        (SGD(1j), "learning_rate: .*got 1j"),
        (SGD((0.1, 0.2)), r"learning_rate: .*got \(0.1, 0.2\)"),
        (SGD(np.array("0.1")), "learning_rate: needed numbers"),
        (SGD(Adam()), r"learning_rate: .*got Adam\(\)"),
        (SGD(jnp.tanh), "learning_rate: .*got tanh"),
        (SGD(jax.random.key(0)), "learning_rate: needed numbers"),
        (Box(edges=(1.0, "2")), r"edges\[1\]: .*got '2'"),
        (Box(width="4"), "width: .*got '4'"),
        (Box(width=None), "width: .*got None"),
    ],
    ids=repr,
)
def test_what_is_no_number_is_refused_where_one_belongs(box, says):
    with pytest.raises(TypeError, match=says) as error:
        tree.check_ranges(box)
    assert "\n" not in str(error.value)


def test_numbers_that_are_data_pass_and_all_defaults_hold():
    jax.jit(tree.check_ranges)(Box(rate=7.0))
    jax.vmap(lambda rule: tree.check_ranges(rule))(SGD(jnp.array([-1.0, 1.0])))
    tree.check_ranges(Box(size=None, inner=jnp.ones(3)))
    tree.check_ranges(full_setup())
    for name in KINDS:
        kind = PUBLIC[name]
        if all(f.default is not dataclasses.MISSING for f in dataclasses.fields(kind)):
            tree.check_ranges(kind())


class Counted:
    """A node whose children have keys of a kind of their own."""

    def __init__(self, *values):
        self.values = values


jax.tree_util.register_pytree_with_keys(
    Counted,
    lambda node: ([(jax.tree_util.FlattenedIndexKey(i), v) for i, v in enumerate(node.values)], None),
    lambda _, values: Counted(*values),
)


def test_leaves_are_named_by_keys_of_every_kind():
    params = {"a.b": (1.0, {3: 2.0}), "of": Counted(3.0, {"bias": 4.0}), "layer": Linear(5.0, 6.0, 7.0)}
    names = tree.leaf_names(params)
    assert set(names) == {"a.b[0]", "a.b[1].3", "of[0]", "of[1].bias", "layer.initial", "layer.end", "layer.length"}
    for name in names:
        assert sum(chosen((name,), params)) == 1
    assert sum(chosen(("of", "layer.end"), params)) == 3
    assert sum(chosen(AllBut(("a.b",)), params)) == 5
    assert sum(chosen(weights_only, params)) == len(names) - 1
    for path, value in (("a.b[1].3", 2.0), ("a.b[0]", 1.0), ("layer.end", 6.0)):
        assert tree.get(params, path) == value
        changed = tree.replace(params, path, 9.0)
        assert tree.get(changed, path) == 9.0
        assert list(changed) == list(params)
        assert sorted(jax.tree.leaves(changed)) == sorted([9.0, *(x for x in jax.tree.leaves(params) if x != value)])


def test_rules_are_exported():
    assert optimizers.at(Adam(Exponential(1.0, 0.5)), jnp.asarray(2.0)).learning_rate == 0.25
