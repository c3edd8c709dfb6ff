"""Image files in their own formats."""

import gzip

import numpy as np
import pytest

from dlcore import data


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
            assert dataset.x.dtype == np.uint8
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
        assert cifar.x.dtype == np.uint8
        assert cifar.published_test == 2
        (tmp_path / "test_batch.bin").write_bytes(rows[0][:-1])
        with pytest.raises(ValueError, match="damaged"):
            data.load("cifar10", data_dir=tmp_path)
