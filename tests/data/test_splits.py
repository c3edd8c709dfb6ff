"""Splits, the sealed test set, folds."""

import copy
import dataclasses
import pickle

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings

from dlcore import data
from tests.data.problems import table


class TestSplit:
    @settings(max_examples=150, deadline=None)
    @example(sizes=[3, 3, 16], weights=(1, 1, 5), seed=0, stratified=True)
    @given(
        sizes=st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(lambda s: sum(s) >= 3),
        weights=st.tuples(*[st.integers(1, 8)] * 3),
        seed=st.integers(0, 10),
        stratified=st.booleans(),
    )
    def test_partition_with_exact_sizes_and_every_class(self, sizes, weights, seed, stratified):
        n, c = sum(sizes), len(sizes)
        y = np.repeat(np.arange(c), sizes).astype(np.int32)
        dataset = table(n, 1, x=np.arange(n, dtype=np.float32)[:, None], y=y, classes=tuple("abcdefgh"[:c]))
        shares = np.array(weights) / sum(weights)
        parts = data.split(dataset, tuple(shares), seed, stratified)
        parts = (parts.train, parts.validation, parts.test.open("test"))
        members = [part.x[:, 0].astype(int) for part in parts]
        np.testing.assert_array_equal(np.sort(np.concatenate(members)), np.arange(n))
        for part, i in zip(parts, members, strict=True):
            np.testing.assert_array_equal(part.y, y[i])
        got = np.array([len(i) for i in members])
        assert got.min() >= 1
        if np.floor(n * shares).min() >= 1:
            assert np.abs(got - n * shares).max() < 1
        if stratified:
            counts = np.array([np.bincount(part.y, minlength=c) for part in parts]).T
            # rounding, and one move for each other class that must not vanish from a part
            assert np.abs(counts - np.array(sizes)[:, None] * shares).max() < 1.5 + c
            large = np.array(sizes) * shares.min() > 2.5
            assert (counts[large] > 0).all()

    @pytest.mark.parametrize("sizes", [(50, 3), (6, 6, 6), (100, 4, 5), (997, 3, 3)])
    def test_small_classes_are_in_every_part(self, sizes):
        y = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
        dataset = table(sum(sizes), y=y, classes=tuple("abcd"[: len(sizes)]))
        for seed in range(5):
            parts = data.split(dataset, seed=seed)
            for part in (parts.train, parts.validation, parts.test.open("test")):
                assert set(part.y) == set(range(len(sizes)))

    def test_seeds_and_order(self):
        digits = data.load("digits")
        a, b, c = (data.split(digits, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(a.train.x, b.train.x)
        assert not np.array_equal(a.train.y, c.train.y)
        assert len(np.unique(a.train.y[:30])) > 5  # shuffled, not sorted by class
        assert [len(a.train.y), len(a.validation.y), a.test.n] == [1078, 360, 359]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"fractions": (0.6, 0.2, 0.3)}, "sum 1"),
            ({"fractions": (0.8, 0.2, 0.0)}, "positive"),
            ({"fractions": (0.5, 0.5)}, "three"),
        ],
    )
    def test_bad_fractions(self, options, message):
        with pytest.raises(ValueError, match=message):
            data.split(table(), **options)

    def test_too_few_and_no_classes(self):
        with pytest.raises(ValueError, match="at least 3 examples"):
            data.split(table(2))
        with pytest.raises(ValueError, match="needed classes"):
            data.split(data.load("diabetes"), stratified=True)


class TestSealed:
    def test_opens_once_and_says_when(self):
        test = data.split(table()).test
        assert test.opened is None
        with pytest.raises(ValueError, match="reason"):
            test.open(" ")
        assert len(test.open("final evaluation").y) == test.n
        assert test.opened.reason == "final evaluation"
        assert test.opened.time.startswith("20")
        with pytest.raises(RuntimeError, match=f"{test.opened.time.replace('+', '.')} for 'final evaluation'"):
            test.open("another look")
        assert test.opened.reason == "final evaluation"

    def test_mapping_is_lazy_and_shares_the_seal(self):
        calls = []
        test = data.split(table()).test
        doubled = test.map(lambda e: calls.append(1) or e._replace(x=2 * e.x))
        assert not calls
        values = doubled.open("look").x
        assert calls == [1]
        with pytest.raises(RuntimeError, match="already"):
            test.open("again")
        assert values.shape == (test.n, 3)

    def test_a_failing_map_does_not_spend_the_opening(self):
        test = data.split(table()).test
        with pytest.raises(ZeroDivisionError):
            test.map(lambda e: 1 / 0).open("look")
        assert test.opened is None

    def test_nothing_leaks(self):
        dataset = table(x=np.full((30, 3), 4242.0, np.float32))
        parts = data.split(dataset)
        assert "4242" not in repr(parts)
        assert "4242" not in repr(parts.test)
        for leak in (pickle.dumps, copy.copy, copy.deepcopy, list, iter):
            with pytest.raises(TypeError):
                leak(parts.test)
        with pytest.raises(TypeError):
            pickle.dumps(parts)
        assert len(jax.tree.leaves(parts)) == 4

    def test_no_test_set_inside_jit_vmap_and_map(self):
        parts = data.split(table())
        inside = []

        def total(split):
            inside.append(split.test)
            return jnp.sum(split.train.x) + jnp.sum(split.validation.x)

        np.testing.assert_allclose(jax.jit(total)(parts), parts.train.x.sum() + parts.validation.x.sum(), rtol=1e-5)
        stacked = jax.tree.map(lambda a: jnp.stack([a, a]), parts)
        assert jax.vmap(total)(stacked).shape == (2,)
        for test in (*inside, stacked.test):
            assert test.n == 0
            with pytest.raises(RuntimeError, match="no test set here"):
                test.open("look")
        again = dataclasses.replace(stacked, test=parts.test)
        assert again.test.n == 6

    def test_overlap_counts_without_opening(self):
        parts = data.split(table())
        assert parts.test.overlap(parts.train.x) == 0
        everything = data.split(table()).test.open("look").x
        assert parts.test.overlap(everything[:4]) == 4
        assert parts.test.opened is None
