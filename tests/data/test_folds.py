"""Folds: a partition, even and stratified; groups stay whole; what normalizes is fitted to each training part alone."""

import jax
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from dlcore import data
from dlcore.data import Examples, Split

RNG = np.random.default_rng(0)


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5), k=st.integers(2, 7), seed=st.integers(0, 5))
def test_partition_balanced_overall_and_by_class(sizes, k, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    if len(y) < k:
        with pytest.raises(ValueError, match="folds"):
            data.fold_numbers(y, k)
        return
    folds = data.fold_numbers(y, k, seed)
    for group in (np.ones(len(y), bool), *(y == c for c in range(len(sizes)))):
        counts = np.bincount(folds[group], minlength=k)
        assert counts.max() - counts.min() <= 1
    runs = data.k_folds(y, k, seed)
    assert sorted(np.concatenate([v for _, v in runs])) == list(range(len(y)))
    for train, validation in runs:
        assert not set(train) & set(validation)
        assert len(train) + len(validation) == len(y)


def test_a_number_of_examples():
    assert [len(v) for _, v in data.k_folds(10, 3)] in ([4, 3, 3], [3, 4, 3], [3, 3, 4])
    with pytest.raises(ValueError, match="class numbers"):
        data.fold_numbers(np.zeros((4, 1)), 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=8, max_size=80), st.integers(2, 4), st.integers(0, 3))
def test_groups_stay_whole_and_no_fold_is_empty(groups, k, seed):
    if len(set(groups)) < k:
        with pytest.raises(ValueError, match="groups"):
            data.fold_numbers(len(groups), k, groups=groups)
        return
    numbers = data.fold_numbers(len(groups), k, seed, groups=groups)
    assert all(len({n for n, g in zip(numbers, groups, strict=True) if g == group}) == 1 for group in groups)
    assert set(numbers) == set(range(k))


def test_groups_are_dealt_as_evenly_as_scikit_learn_deals_them():
    groups = np.repeat(np.arange(40), RNG.integers(1, 30, 40))
    y = (RNG.random(len(groups)) < 0.2).astype(int)

    def unevenness(numbers):
        table = np.array([[np.sum((numbers == f) & (y == c)) for c in (0, 1)] for f in range(5)])
        return (table / table.sum(0)).std(0).sum()

    theirs = np.empty(len(y), int)
    for f, (_, held_out) in enumerate(StratifiedGroupKFold(5).split(y, y, groups)):
        theirs[held_out] = f
    assert unevenness(data.fold_numbers(y, 5, groups=groups)) <= 1.1 * unevenness(theirs)


def test_every_example_validates_once_and_the_test_set_stays_sealed():
    parts = data.split(data.load("iris"))
    made = data.folds(parts, 7, seed=3)
    everything = np.concatenate([parts.train.x, parts.validation.x])
    held_out = np.concatenate([fold.validation.x for fold in made])
    np.testing.assert_array_equal(np.sort(held_out, 0), np.sort(everything, 0))
    for fold in made:
        assert len(fold.train.y) + len(fold.validation.y) == 120
        assert np.bincount(fold.validation.y, minlength=3).tolist() in ([5, 6, 6], [6, 5, 6], [6, 6, 5], [6, 6, 6],
                                                                       [5, 5, 6], [6, 5, 5], [5, 6, 5])  # fmt: skip
        with pytest.raises(RuntimeError, match="no test set"):
            fold.test.open("curiosity")


@pytest.mark.parametrize("shared", [False, True])
def test_each_fold_is_normalized_as_if_the_raw_training_part_were_all_there_is(shared):
    raw = data.split(data.load("wine"))
    x = np.concatenate([raw.train.x, raw.validation.x])
    normalized, _ = data.normalize(raw, data.fit_normalization(raw.train.x, shared))
    y = np.concatenate([raw.train.y, raw.validation.y])
    for fold, (train, held_out) in zip(data.folds(normalized, 5), data.k_folds(y, 5), strict=True):
        by = data.fit_normalization(x[train], shared)
        for part, rows in ((fold.train, train), (fold.validation, held_out)):
            np.testing.assert_allclose(part.x, (x[rows] - by.mean) / by.std, rtol=2e-5, atol=2e-6)
            np.testing.assert_array_equal(part.y, y[rows])


def test_of_a_table_numbers_are_scaled_anew_and_words_and_what_is_missing_stay(tmp_path):
    n = 60
    size = RNG.normal(50, 9, n)
    size[::7] = np.nan
    table = pd.DataFrame({"size": size, "color": RNG.choice(["red", "blue"], n), "age": RNG.normal(3, 1, n)})
    table["kind"] = RNG.choice(["a", "b"], n)
    table.to_csv(tmp_path / "t.csv", index=False)
    prepared, inputs = data.prepare(data.split(data.load(str(tmp_path / "t.csv"))))
    names = list(inputs.features)
    for fold in data.folds(prepared, 4):
        both = np.concatenate([fold.train.x, fold.validation.x])
        missing = both[:, names.index("size missing")] == 1
        assert missing.any()
        assert (both[missing, names.index("size")] == 0).all()
        assert set(np.unique(both[:, names.index("color=red")])) == {0, 1}
        known = fold.train.x[fold.train.x[:, names.index("size missing")] == 0, names.index("size")]
        for values in (known, fold.train.x[:, names.index("age")]):
            assert abs(values.mean()) < 1e-6
            assert abs(values.std() - 1) < 1e-6


def test_a_pair_and_a_split_without_normalization_stay_as_they_are():
    x, y = RNG.normal(5, 3, (20, 2)), np.arange(20) % 2
    for pool in ((x, y), Split(Examples(x[:15], y[:15]), Examples(x[15:], y[15:]))):
        held_out = np.concatenate([fold.validation.x for fold in data.folds(pool, 4)])
        np.testing.assert_array_equal(np.sort(held_out, 0), np.sort(x, 0))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"k": 21}, "needed 2 to 20 folds of 20 examples, got k = 21; try k=5"),
        ({"k": 1}, "needed 2 to 20 folds"),
        ({"k": 3, "groups": [0] * 20}, "folds of 1 groups"),
        ({"k": 3, "groups": [0, 1]}, "one for each of the 20 examples"),
    ],
)
def test_folds_that_cannot_be_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        data.folds((np.zeros((20, 2)), np.zeros(20)), **given)


@pytest.mark.parametrize("n", [2, 7, 100, 1600, 5000])
@pytest.mark.parametrize("old", [False, True])
def test_the_first_of_a_permutation_are_that_permutation(n, old):
    key = jax.random.PRNGKey(4) if old else jax.random.key(4)
    first = jax.jit(lambda count: data.permutation_of_first(key, n + 3, count))(n)
    assert data.shuffle_rounds(n) == data.shuffle_rounds(n + 3)
    np.testing.assert_array_equal(first[:n], jax.random.permutation(key, n))
    assert sorted(first.tolist()) == list(range(n + 3))


def test_folds_of_several_sizes_are_filled_up_and_say_how_many_count():
    made = data.folds((np.arange(22.0)[:, None], np.arange(22.0)), 5)
    stacked = data.padded(made)
    assert stacked.train.x.shape == (5, 18, 1)
    assert stacked.train.n.tolist() == [len(fold.train.y) for fold in made]
    for i, fold in enumerate(made):
        np.testing.assert_array_equal(stacked.validation.x[i, : len(fold.validation.y)], fold.validation.x)
    with pytest.raises(ValueError, match="one shape and type"):
        data.padded([made[0], data.folds((np.zeros((9, 2)), np.zeros(9)), 3)[0]])
