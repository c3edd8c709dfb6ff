"""Data: nothing lost or doubled, nothing learnt from validation or test, and one-line errors for bad input."""

import copy
import dataclasses
import gzip
import itertools
import pickle

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from dlcore import data

SKLEARN = {
    "digits": (1797, 64, 10),
    "iris": (150, 4, 3),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "diabetes": (442, 10, 0),
}


def table(n=30, d=3, c=3, seed=0, **fields):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    y = (np.arange(n) % c).astype(np.int32)
    return data.Dataset(**{"name": "table", "x": x, "y": y, "classes": tuple("abcdefghij"[:c]), **fields})


def rows_of(*parts):
    return sorted(row.tobytes() for part in parts for row in np.asarray(part.x))


def one_line(error):
    return "\n" not in str(error.value)


class TestSources:
    @pytest.mark.parametrize("name", SKLEARN)
    def test_the_data_sets_of_scikit_learn(self, name):
        n, d, c = SKLEARN[name]
        dataset = data.load(name)
        assert dataset.x.shape == (n, d) == (len(dataset), len(dataset.features))
        assert dataset.x.dtype == np.float32
        assert len(dataset.classes) == c
        assert dataset.task == ("classification" if c else "regression")
        assert (dataset.y.dtype, dataset.y.shape) == ((np.int32, (n,)) if c else (np.float32, (n, 1)))
        assert dataset.source
        assert dataset.licence
        assert not [finding for finding in data.check(dataset, 32) if finding.severity == "error"]

    def test_diabetes_is_not_scaled_by_the_test_set(self):
        age = data.load("diabetes").x[:, 0]
        assert (age == np.round(age)).all()
        assert age.min() > 18

    def test_images_of_digits(self):
        digits = data.load("digits")
        pictures = data.images(digits.x, digits.image_shape)
        assert pictures.shape == (1797, 8, 8, 1)
        np.testing.assert_array_equal(pictures[0, 2, :, 0], digits.x[0, 16:24])
        with pytest.raises(ValueError, match="needed x"):
            data.images(digits.x, (28, 28, 1))

    @pytest.mark.parametrize(("wrong", "first"), [("digit", "digits"), ("mnits", "mnist"), ("irs.csv", "iris")])
    def test_unknown_name_says_the_names_nearest_first(self, wrong, first):
        with pytest.raises(ValueError, match=f"there are: {first}, ") as error:
            data.load(wrong)
        assert one_line(error)
        assert all(name in str(error.value) for name in data.names())

    def test_files_that_are_not_there(self, tmp_path, monkeypatch):
        monkeypatch.delenv("DLCORE_DATA", raising=False)
        with pytest.raises(ValueError, match="set DLCORE_DATA"):
            data.load("mnist")
        with pytest.raises(ValueError, match="no files of cifar10"):
            data.load("cifar10", data_dir=tmp_path)
        with pytest.raises(ValueError, match="needed train-images"):
            data.load(tmp_path)
        (tmp_path / "a.parquet").write_text("")
        with pytest.raises(ValueError, match=r"needed a \.csv or \.npz"):
            data.load(tmp_path / "a.parquet")

    def test_mnist(self, data_dir):
        mnist = data.load("mnist", data_dir=data_dir)
        assert mnist.x.shape == (70000, 784)
        assert mnist.image_shape == (28, 28, 1)
        assert mnist.published_test == 10000
        # the counts of the published training labels: http://yann.lecun.com/exdb/mnist
        counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
        np.testing.assert_array_equal(np.bincount(mnist.y[:60000]), counts)
        parts = data.split(mnist, (0.8, 0.1, 0.1))
        test = parts.test.open("check")
        np.testing.assert_array_equal(test.y, mnist.y[60000:])
        assert len(parts.train.y) + len(parts.validation.y) == 60000
        assert data.batch_count(60000, 128) == 469  # as the lectures count

    @pytest.mark.parametrize(
        ("file", "options", "task", "c", "missing"),
        [
            ("banknote_authentication.csv", {}, "classification", 2, False),
            ("pima-indians-diabetes.csv", {}, "classification", 2, False),
            ("adult-test.csv", {}, "classification", 2, True),
            ("california_housing.csv", {"target": "median_house_value"}, "regression", 0, True),
            ("auto-mpg_seaborn.csv", {"target": 0, "drop": ("name",)}, "regression", 0, True),
        ],
    )
    def test_real_tables(self, data_dir, file, options, task, c, missing):
        dataset = data.load(data_dir / "tables" / file, **options)
        assert (dataset.task, len(dataset.classes)) == (task, c)
        assert np.isnan(dataset.x).any() == missing
        kinds = {finding.kind for finding in data.check(dataset) if finding.severity == "error"}
        assert kinds == ({"NaN"} if missing else set())
        whole = data.without_missing(dataset)
        assert np.isfinite(whole.x).all()
        assert 0.9 * len(dataset) < len(whole) <= len(dataset)


class TestTables:
    def load(self, tmp_path, text, **options):
        path = tmp_path / "t.csv"
        path.write_text(text)
        return data.load(path, **options)

    def test_header_text_and_missing(self, tmp_path):
        text = "size, colour,kind\n1,red,b\n2,?,a\n,blue,b\n4,red,?\n"
        t = self.load(tmp_path, text)
        assert t.features == ("size", "colour=blue", "colour=red")
        assert t.classes == ("a", "b")
        np.testing.assert_array_equal(t.y, [1, 0, 1, -1])
        nan = np.nan
        np.testing.assert_array_equal(t.x, [[1, 0, 1], [2, nan, nan], [nan, 1, 0], [4, 0, 1]])
        np.testing.assert_array_equal(data.without_missing(t).y, [1])

    @pytest.mark.parametrize("separator", [",", ";", "\t", "  "])
    def test_no_header_and_any_separator(self, tmp_path, separator):
        t = self.load(tmp_path, "\n".join(separator.join(row) for row in (["1.5", "2", "0"], ["3", "4", "7"])))
        np.testing.assert_array_equal(t.x, [[1.5, 2], [3, 4]])
        assert t.classes == ("0", "7")

    def test_target_and_task(self, tmp_path):
        text = "a,b,c\n" + "\n".join(f"{i / 2},{i % 3},{i}" for i in range(60))
        assert self.load(tmp_path, text).task == "regression"
        assert self.load(tmp_path, text, target="b").classes == ("0", "1", "2")
        as_value = self.load(tmp_path, text, target="b", task="regression")
        assert as_value.y.shape == (60, 1)
        assert as_value.features == ("a", "c")
        assert self.load(tmp_path, text, target="b", drop=("c",)).features == ("a",)

    @pytest.mark.parametrize(
        ("text", "options", "message"),
        [
            ("", {}, "cannot read"),
            ("a,b\n1,2\n3,4,5\n", {}, "cannot read"),
            ("a\n1\n2\n", {}, "at least two columns"),
            ("a,b\n1,2\n3,4\n", {"target": "bb"}, "no column 'bb'; nearest first, there are: b, a"),
            ("a,b\n1,2\n3,4\n", {"drop": (7,)}, "no column 7"),
            ("a,b\n1,2\n3,4\n", {"task": "regresion"}, "needed task"),
            ("a,b\n1,x\n3,y\n", {"task": "regression"}, "needed numbers in the target"),
            ("a,b\n" + "\n".join(f"n{i},{i % 2}" for i in range(30)), {}, "try drop="),
        ],
    )
    def test_bad_tables(self, tmp_path, text, options, message):
        with pytest.raises(ValueError, match=message) as error:
            self.load(tmp_path, text, **options)
        assert one_line(error)

    def test_npz(self, tmp_path):
        path = tmp_path / "a.npz"
        x = np.arange(24.0).reshape(6, 2, 2)
        np.savez(path, x=x, y=np.array([0, 1, 2, 0, 1, 2]), classes=np.array(["u", "v", "w"]))
        a = data.load(path)
        np.testing.assert_array_equal(a.x, x.reshape(6, 4))
        assert (a.image_shape, a.classes, a.y.dtype) == ((2, 2, 1), ("u", "v", "w"), np.int32)
        np.savez(path, x=np.arange(6.0), y=np.arange(6.0))
        b = data.load(path)
        assert (b.task, b.x.shape, b.y.shape) == ("regression", (6, 1), (6, 1))

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"a": np.zeros(3)}, "needed arrays x and y"),
            ({"x": np.zeros((3, 2)), "y": np.array(["a", "b", "c"])}, "needed numbers"),
            ({"x": np.zeros((3, 2)), "y": np.zeros((3, 2), int)}, "argmax"),
            ({"x": np.array([{}, {}], object), "y": np.zeros(2)}, "cannot read"),
        ],
    )
    def test_bad_npz(self, tmp_path, arrays, message):
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(ValueError, match=message) as error:
            data.load(tmp_path / "a.npz")
        assert one_line(error)

    def test_damaged_npz(self, tmp_path):
        (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 no more")
        with pytest.raises(ValueError, match="cannot read"):
            data.load(tmp_path / "a.npz")


def idx(a, code):
    head = bytes([0, 0, code, a.ndim]) + np.array(a.shape, ">u4").tobytes()
    return head + a.astype(a.dtype.newbyteorder(">")).tobytes()


class TestImageFiles:
    @pytest.mark.parametrize(("code", "dtype"), [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")])
    def test_idx_types(self, tmp_path, code, dtype):
        a = np.arange(-6, 18).reshape(2, 3, 4).astype(dtype)
        (tmp_path / "a").write_bytes(idx(a, code))
        read = data.read_idx(tmp_path / "a")
        np.testing.assert_array_equal(read, a)
        assert read.dtype == a.dtype

    @pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b[:6], lambda b: b"PNG" + b])
    def test_damaged_idx(self, tmp_path, damage):
        whole = idx(np.zeros((5, 2), np.uint8), 8)
        for content in (damage(whole), gzip.compress(damage(whole)), gzip.compress(whole)[:-9]):
            (tmp_path / "a").write_bytes(content)
            with pytest.raises(ValueError, match=r"damaged|no IDX|cannot read"):
                data.read_idx(tmp_path / "a")

    def test_a_folder_of_idx_files(self, tmp_path):
        rng = np.random.default_rng(0)
        folder = tmp_path / "fashion-mnist"
        folder.mkdir()
        pixels, labels = rng.integers(0, 256, (12, 4, 3)).astype(np.uint8), (np.arange(12) % 10).astype(np.uint8)
        for part, of in (("train", slice(8)), ("t10k", slice(8, 12))):
            (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels[of], 8)))
            (folder / f"{part}-labels.idx1-ubyte").write_bytes(idx(labels[of], 8))
        for dataset in (data.load("fashion_mnist", data_dir=tmp_path), data.load(folder)):
            np.testing.assert_array_equal(dataset.x, pixels.reshape(12, 12))
            np.testing.assert_array_equal(dataset.y, labels)
            assert dataset.image_shape == (4, 3, 1)
            assert dataset.published_test == 4
            assert dataset.classes[9] == "ankle boot"

    def test_cifar10(self, tmp_path):
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (12, 32, 32, 3)).astype(np.uint8)
        rows = [bytes([i % 10]) + images[i].transpose(2, 0, 1).tobytes() for i in range(12)]
        files = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
        for i, file in enumerate(files):
            (tmp_path / file).write_bytes(rows[2 * i] + rows[2 * i + 1])
        cifar = data.load("cifar10", data_dir=tmp_path)
        np.testing.assert_array_equal(data.images(cifar.x, cifar.image_shape), images)
        np.testing.assert_array_equal(cifar.y, np.arange(12) % 10)
        assert cifar.published_test == 2
        (tmp_path / "test_batch.bin").write_bytes(rows[0][:-1])
        with pytest.raises(ValueError, match="damaged"):
            data.load("cifar10", data_dir=tmp_path)


class TestSplit:
    @settings(max_examples=150, deadline=None)
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
            assert np.abs(counts - np.array(sizes)[:, None] * shares).max() < 2.5
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


class TestFolds:
    @settings(max_examples=60, deadline=None)
    @given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5), k=st.integers(2, 7), seed=st.integers(0, 5))
    def test_partition_balanced_overall_and_by_class(self, sizes, k, seed):
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

    def test_a_number_of_examples(self):
        assert [len(v) for _, v in data.k_folds(10, 3)] in ([4, 3, 3], [3, 4, 3], [3, 3, 4])
        with pytest.raises(ValueError, match="class numbers"):
            data.fold_numbers(np.zeros((4, 1)), 2)


class TestNormalization:
    def test_training_statistics_only(self):
        parts = data.split(data.load("wine"))
        done, by = data.normalize(parts)
        x = parts.train.x.astype(np.float64)
        np.testing.assert_allclose(by.mean, x.mean(0), rtol=1e-6)
        np.testing.assert_allclose(by.std, x.std(0), rtol=1e-6)
        np.testing.assert_allclose(done.train.x.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(done.train.x.std(0), 1, atol=1e-5)
        np.testing.assert_allclose(done.validation.x, (parts.validation.x - by.mean) / by.std, rtol=1e-4, atol=1e-6)
        assert done.test.opened is None
        normalised = done.test.open("test").x
        original = data.split(data.load("wine")).test.open("test").x
        np.testing.assert_allclose(normalised, (original - by.mean) / by.std, rtol=1e-4, atol=1e-6)
        assert (done.train.x.dtype, np.asarray(by.std).dtype) == (np.float32, np.float32)
        np.testing.assert_array_equal(done.train.y, parts.train.y)

    def test_given_statistics_are_used(self):
        parts = data.split(table())
        by = data.Normalization(mean=np.float32(1), std=np.float32(2))
        done, same = data.normalize(parts, by)
        assert same is by
        np.testing.assert_allclose(done.validation.x, (parts.validation.x - 1) / 2, rtol=1e-6)

    @pytest.mark.parametrize("value", [0.0, 0.1, -1e30, 3.3333e7, 1e-42])
    def test_constant_columns_become_zero(self, value):
        x = np.full((7, 2), value, np.float32)
        x[:, 1] = np.arange(7)
        by = data.fit_normalization(x)
        np.testing.assert_array_equal(np.asarray(by.std)[0], 1)
        z = by(x)
        assert np.isfinite(z).all()
        np.testing.assert_allclose(z[:, 0], 0, atol=1e-6)

    def test_float64_sums(self):
        x = np.full((100_000, 1), 16777216.0, np.float32)
        x[::2] += 2
        by = data.fit_normalization(x)
        np.testing.assert_allclose(by.std, 1, rtol=1e-6)

    def test_one_scale_for_images(self):
        x = np.random.default_rng(0).normal(3, 2, (10, 4, 4, 3)).astype(np.float32)
        by = data.fit_normalization(x, shared=True)
        assert np.shape(by.mean) == np.shape(by.std) == ()
        np.testing.assert_allclose([by(x).mean(), by(x).std()], [0, 1], atol=1e-5)
        assert np.shape(data.fit_normalization(x).mean) == (4, 4, 3)

    @pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64])
    def test_pytree_jit_inverse_and_dtype(self, dtype):
        x = jnp.asarray(np.random.default_rng(0).normal(3, 2, (10, 4)), dtype)
        by = data.fit_normalization(np.asarray(x, np.float64))
        z = jax.jit(lambda n, x: n(x))(by, x)
        assert z.dtype == x.dtype
        np.testing.assert_allclose(by.inverse(z).astype(float), x.astype(float), atol=20 * float(jnp.finfo(dtype).eps))

    def test_wrong_features_and_integers(self):
        by = data.fit_normalization(np.random.default_rng(0).normal(size=(9, 3)))
        with pytest.raises(ValueError, match=r"needed examples of shape \[3\], got \[5, 4\]"):
            by(np.zeros((5, 4), np.float32))
        with pytest.raises(TypeError, match="floating"):
            by(np.zeros((5, 3), int))
        assert by(np.zeros(3, np.float32)).shape == (3,)

    def test_no_examples(self):
        with pytest.raises(ValueError, match="at least one"):
            data.fit_normalization(np.zeros((0, 3)))


class TestBatches:
    @pytest.mark.parametrize(("n", "b"), [(1, 1), (10, 3), (10, 5), (10, 10), (10, 32), (1078, 32), (7, 1)])
    def test_every_example_once(self, n, b):
        indices, mask = jax.jit(data.batch_indices, static_argnums=(1, 2))(jax.random.key(0), n, b)
        assert indices.shape == mask.shape == (data.batch_count(n, b), b)
        np.testing.assert_array_equal(np.sort(indices[mask]), np.arange(n))
        assert indices.min() >= 0
        assert indices.max() < n
        assert mask[:-1].all()

    def test_orders_differ_by_key_and_vmap(self):
        keys = jax.random.split(jax.random.key(0), 3)
        orders, _ = jax.vmap(lambda k: data.batch_indices(k, 50, 10))(keys)
        np.testing.assert_array_equal(orders[1], data.batch_indices(keys[1], 50, 10)[0])
        assert not np.array_equal(orders[0], orders[1])

    def test_bad_sizes(self):
        for n, b in ((0, 4), (4, 0)):
            with pytest.raises(ValueError, match="at least 1"):
                data.batch_count(n, b)

    def test_one_hot(self):
        y = np.array([2, 0, 1], np.int32)
        np.testing.assert_array_equal(data.one_hot(y, 3), np.eye(3)[y])
        assert data.one_hot(y, 3).dtype == jnp.float32
        np.testing.assert_array_equal(jax.jit(lambda y: data.one_hot(y, 3))(y), np.eye(3)[y])
        assert data.one_hot(y[None], 4, jnp.bfloat16).shape == (1, 3, 4)
        for wrong in ([-1, 0], [0, 3]):
            with pytest.raises(ValueError, match="needed labels 0 to 2"):
                data.one_hot(np.array(wrong), 3)
        with pytest.raises(TypeError, match="integer"):
            data.one_hot(np.array([0.0]), 3)


def spoilt(**changes):
    dataset = table(60)
    fields = {name: change(getattr(dataset, name).copy()) for name, change in changes.items()}
    return dataclasses.replace(dataset, **fields)


def put(index, value):
    def change(a):
        a = a.astype(type(value)) if isinstance(value, float) and a.dtype == np.int32 else a
        a[index] = value
        return a

    return change


class TestChecks:
    def test_a_sound_set_has_no_finding(self):
        assert data.check(table(60), 32) == []
        assert data.require(table(60), 60) == []

    @pytest.mark.parametrize(
        ("dataset", "kind", "message"),
        [
            (spoilt(x=put((3, 1), np.nan)), "NaN", "NaN in x: 1 examples, column 1"),
            (spoilt(x=put((3, 2), -np.inf)), "inf", "inf in x"),
            (spoilt(y=put(4, -1)), "labels", "out of range: -1; 3 classes are numbered 0 to 2"),
            (spoilt(y=put(4, 3)), "labels", "out of range: 3"),
            (spoilt(y=put(4, 0.5)), "labels", "no class numbers, such as 0.5"),
            (spoilt(y=put(slice(None), 1)), "one class", "one class only: 'b'"),
            (spoilt(y=lambda y: y[:-1]), "shape", "x has 60 examples and y 59"),
            (table(2), "too few examples", "at least 3"),
            (table(20), "too few examples", r"fewer examples \(20\) than a batch \(32\)"),
            (table(40, y=np.full((40, 1), np.nan, np.float32), classes=()), "NaN", "in y"),
            (table(40, y=np.ones((40, 1), np.float32), classes=()), "constant target", "nothing to learn"),
        ],
    )
    def test_errors(self, dataset, kind, message):
        found = data.check(dataset, 32)
        assert (found[0].kind, found[0].severity) == (kind, "error")
        with pytest.raises(ValueError, match=message) as error:
            data.require(dataset, 32)
        assert one_line(error)
        assert str(error.value).startswith("table: ")

    @pytest.mark.parametrize(
        ("dataset", "kind", "message"),
        [
            (spoilt(x=put((slice(None), 1), 5.0)), "constant column", "constant: column 1"),
            (spoilt(x=lambda x: x * np.float32([1, 1, 1e3])), "scale", "normalise"),
            (spoilt(x=lambda x: np.concatenate([x[:-2], x[:2]])), "duplicates", "2 examples"),
            (spoilt(y=lambda y: np.where(np.arange(60) < 2, 2, y % 2)), "rare class", r"'c' \(2\)"),
        ],
    )
    def test_warnings(self, dataset, kind, message):
        (finding,) = data.require(dataset, 32)
        assert (finding.kind, finding.severity) == (kind, "warning")
        assert message.replace("\\", "") in finding.message

    def test_duplicates(self):
        a = np.array([[0.0, 1], [2, 3], [-0.0, 1], [2, 3], [4, 5]], np.float32)
        np.testing.assert_array_equal(data.duplicates(a), [2, 3])
        np.testing.assert_array_equal(data.duplicates(a[:2], a[2:]), [0, 1])
        np.testing.assert_array_equal(data.duplicates(a[:2], a[4:]), [])

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=12))
    def test_duplicates_by_the_plain_way(self, rows):
        a = np.array(rows, np.float32).reshape(-1, 2)
        twice = [i for i in range(len(rows)) if rows[i] in rows[:i]]
        np.testing.assert_array_equal(data.duplicates(a), twice)
        parts = data.duplicates(a[:5], a[5:])
        np.testing.assert_array_equal(parts, [i for i, row in enumerate(rows[5:]) if row in rows[:5]])


def test_public_names_are_the_documented_interface():
    names = ("Examples", "Dataset", "load", "split", "Split", "Sealed", "normalize", "fit_normalization")
    assert all(hasattr(data, name) for name in itertools.chain(names, data.__all__))
