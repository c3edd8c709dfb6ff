"""Folders of images by class: which files count, which part and class they are, and what becomes of their pixels."""

import builtins

import numpy as np
import pytest

from dlcore import data
from dlcore.data.pixels import Pixels, header, pixels
from tests.data.problems import one_line

Image = pytest.importorskip("PIL.Image")


def draw(path, height=6, width=4, mode="RGB", seed=0):
    """An image file of random pixels, which come back."""
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array, mode=None).save(path)
    return array


@pytest.fixture
def flowers(tmp_path):
    for name in ("rose", "tulip"):
        for i in range(6):
            draw(tmp_path / name / f"{i}.png", seed=i)
    return tmp_path


def test_a_folder_for_each_class(flowers):
    expected = draw(flowers / "tulip" / "deeper" / "last.PNG", seed=99)
    dataset = data.load(flowers)
    assert (dataset.classes, dataset.image_shape, dataset.x.dtype) == (("rose", "tulip"), (6, 4, 3), np.uint8)
    assert np.bincount(dataset.y).tolist() == [6, 7]
    assert dataset.notes == ()
    found = data.images(dataset.x[dataset.y == 1], dataset.image_shape)
    assert any((image == expected).all() for image in found)
    assert not [one for one in data.check(dataset, 4) if one.severity == "error"]


@pytest.mark.parametrize(("train", "validation", "test"), [("train", "val", "test"), ("Training", "valid", "testing")])
def test_parts_stay_what_they_are(tmp_path, train, validation, test):
    seed = 0
    for part, n in ((train, 8), (validation, 3), (test, 2)):
        for name in ("10", "9"):
            for i in range(n):
                draw(tmp_path / part / name / f"{i}.png", seed=(seed := seed + 1))
    dataset = data.load(tmp_path)
    assert dataset.classes == ("9", "10")
    assert (len(dataset), dataset.published_validation, dataset.published_test) == (26, 6, 4)
    parts = data.split(dataset, seed=1)
    examples = parts.test.open("to see which they are")
    assert [len(one.y) for one in (parts.train, parts.validation, examples)] == [16, 6, 4]
    wanted = {pixels(path, (6, 4, 3)).tobytes() for path in (tmp_path / test).rglob("*.png")}
    assert {row.tobytes() for row in examples.x} == wanted
    assert np.bincount(parts.validation.y).tolist() == [3, 3]


def test_without_a_test_folder_one_is_drawn(flowers):
    for name in ("rose", "tulip"):
        (flowers / "train").mkdir(exist_ok=True)
        (flowers / name).rename(flowers / "train" / name)
        draw(flowers / "validation" / name / "a.png", seed=50)
    parts = data.split(data.load(flowers))
    assert [len(parts.train.y), len(parts.validation.y), parts.test.n] == [9, 2, 3]


def test_what_is_no_image_is_left_out_with_a_note(flowers):
    (flowers / "rose" / "notes.txt").write_text("red")
    (flowers / "rose" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    cut = (flowers / "rose" / "0.png").read_bytes()
    (flowers / "rose" / "cut.png").write_bytes(cut[: len(cut) * 2 // 3])
    (flowers / "rose" / ".hidden.png").write_bytes(b"")
    (flowers / "__MACOSX").mkdir()
    (flowers / "rose" / "Thumbs.db").write_bytes(b"")
    draw(flowers / "cover.png")
    dataset = data.load(flowers)
    assert len(dataset) == 12
    text = "\n".join(dataset.notes)
    for words in ("no images are left out: notes.txt", "broken.jpg as an image", "cut.png as an image", "cover.png"):
        assert words in text
    assert "hidden" not in text
    assert "Thumbs" not in text
    assert all("\n" not in note for note in dataset.notes)


def test_unequal_sizes_become_one(flowers):
    draw(flowers / "rose" / "wide.png", 6, 40)
    dataset = data.load(flowers)
    assert dataset.image_shape == (6, 4, 3)
    assert "images of 2 sizes are resized to 6 x 4 (--size 6 4" in dataset.notes[0]
    said = data.load(flowers, size=(3, 5))
    assert said.image_shape == (3, 5, 3)
    assert said.notes == ("images of 2 sizes are resized to 3 x 5",)


def test_large_images_become_smaller_unless_a_size_is_said(tmp_path):
    for name in ("a", "b"):
        draw(tmp_path / name / "0.png", 300, 600, "L")
    dataset = data.load(tmp_path)
    assert dataset.image_shape == (64, 128, 1)
    mean = data.images(dataset.x, dataset.image_shape).mean()
    assert mean == pytest.approx(np.asarray(Image.open(tmp_path / "a" / "0.png")).mean(), abs=0.5)
    assert data.load(tmp_path, size=[300, 600]).image_shape == (300, 600, 1)


def test_gray_among_colored_and_alone(flowers, tmp_path_factory):
    gray = draw(flowers / "rose" / "gray.png", mode="L", seed=3)
    assert "1 gray images are read as colored" in data.load(flowers).notes[0]
    np.testing.assert_array_equal(pixels(flowers / "rose" / "gray.png", (6, 4, 3)), np.repeat(gray[..., None], 3, -1))
    alone = tmp_path_factory.mktemp("gray")
    for name in "ab":
        draw(alone / name / "0.png", mode="L", seed=3)
    np.testing.assert_array_equal(data.load(alone).x[0], gray.reshape(-1))


class TestModes:
    def test_alpha_is_over_white(self, tmp_path):
        array = draw(tmp_path / "a.png", mode="RGBA").astype(float)
        share = array[..., 3:] / 255
        np.testing.assert_allclose(
            pixels(tmp_path / "a.png", (6, 4, 3)), share * array[..., :3] + (1 - share) * 255, atol=1
        )

    def test_a_palette_gives_its_colors_and_white_where_it_is_transparent(self, tmp_path):
        image = Image.new("P", (2, 1))
        image.putpalette([10, 20, 30, 200, 100, 50])
        image.putpixel((1, 0), 1)
        image.save(tmp_path / "a.png")
        assert pixels(tmp_path / "a.png", (1, 2, 3)).tolist() == [[[10, 20, 30], [200, 100, 50]]]
        image.save(tmp_path / "b.gif", transparency=0)
        assert pixels(tmp_path / "b.gif", (1, 2, 3)).tolist() == [[[255, 255, 255], [200, 100, 50]]]

    def test_of_sixteen_bits_the_upper_eight_count(self, tmp_path):
        Image.fromarray(np.array([[0, 256, 40_000, 65_535]], np.uint16)).save(tmp_path / "a.png")
        assert not header(tmp_path / "a.png").colored
        assert pixels(tmp_path / "a.png", (1, 4, 1))[0, :, 0].tolist() == [0, 1, 156, 255]

    @pytest.mark.parametrize(("orientation", "turn"), [(3, 2), (6, -1), (8, 1)])
    def test_a_camera_that_was_held_otherwise(self, tmp_path, orientation, turn):
        array = np.zeros((8, 16), np.uint8)
        array[:, :8] = 255
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(array).save(tmp_path / "a.jpg", exif=exif, quality=100)
        expected = np.rot90(array, turn)
        assert header(tmp_path / "a.jpg")[:2] == expected.shape
        found = pixels(tmp_path / "a.jpg", (*expected.shape, 1))[..., 0]
        np.testing.assert_array_equal(found > 127, expected > 127)

    def test_black_and_white_and_print_colors(self, tmp_path):
        Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
        assert pixels(tmp_path / "a.png", (1, 2, 1))[0, :, 0].tolist() == [255, 0]
        Image.new("CMYK", (1, 1), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
        red, green, blue = pixels(tmp_path / "a.jpg", (1, 1, 3))[0, 0]
        assert red > 250
        assert green < 5
        assert blue < 5


def test_pixels_are_normalized_by_channel_and_come_back(flowers):
    parts = data.split(data.load(flowers))
    made, by = data.prepare(parts)
    raw = parts.train.x.reshape(-1, 3).astype(float)
    np.testing.assert_allclose(by.pixels.mean, raw.mean(0))
    np.testing.assert_allclose(made.train.x.reshape(-1, 3), (raw - raw.mean(0)) / raw.std(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(by.inverse(made.train.x), parts.train.x, atol=1e-3)
    again = data.Preprocessing.from_json(by.to_json())
    assert again == by
    assert again.target.classes == ("rose", "tulip")
    assert len(again.features) == 72
    np.testing.assert_array_equal(
        again([flowers / "rose" / "0.png"]), by(pixels(flowers / "rose" / "0.png", (6, 4, 3)).reshape(1, -1))
    )
    for fold in data.folds(made, 3):
        np.testing.assert_allclose(fold.train.x.reshape(-1, 3).mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(fold.train.x.reshape(-1, 3).std(0), 1, atol=1e-5)
    with pytest.raises(ValueError, match="images: needed"):
        by(np.zeros((1, 7), np.uint8))


def spoil(folder, how):
    """A folder that cannot be learned from."""
    rose, tulip = folder / "rose", folder / "tulip"
    if how == "empty":
        (folder / "lily").mkdir()
    elif how == "broken":
        for path in tulip.iterdir():
            path.write_bytes(b"no image")
    elif how == "alone":
        for path in tulip.iterdir():
            path.unlink()
        tulip.rmdir()
    elif how == "flat":
        for path in [*rose.iterdir(), *tulip.iterdir()]:
            path.rename(folder / f"{path.parent.name}{path.name}")
        rose.rmdir(), tulip.rmdir()
    else:
        for name in ("rose", "tulip"):
            draw(folder / "train" / name / "0.png")
        draw(folder / "test" / "lily" / "0.png")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("empty", "an image that can be read in the folder of every class, got none in 'lily'"),
        ("broken", "got none in 'tulip'"),
        ("alone", "folders of two classes at least, got rose"),
        ("flat", "a folder for each class, got images alone"),
        ("new class", "classes that the training part has, got 'lily' in the test part alone"),
    ],
)
def test_what_cannot_be_learned_from_is_said_in_one_line(flowers, how, words):
    spoil(flowers, how)
    with pytest.raises(ValueError, match=words) as error:
        data.load(flowers)
    assert one_line(error)


def test_options_that_do_not_go_together(flowers, tmp_path_factory):
    file = tmp_path_factory.mktemp("table") / "a.csv"
    file.write_text("a,b\n1,2\n")
    for make, words in (
        (lambda: data.load(flowers, target="rose"), "needed a table for options of tables"),
        (lambda: data.load(file, size=(3, 3)), "size: needed a folder of images"),
        (lambda: data.load(flowers, size=(0, 3)), "needed a size of 1 to 4096 pixels"),
        (lambda: data.load(flowers, size=3), "needed a size of 1 to 4096 pixels"),
        (lambda: data.load("digits", size=(3, 3)), "read as it was published"),
        (lambda: data.load(file.parent), "needed folders of images"),
    ):
        with pytest.raises(ValueError, match=words) as error:
            make()
        assert one_line(error)


def test_without_pillow_it_says_what_to_install(flowers, monkeypatch):
    true = builtins.__import__

    def without(name, *rest, **options):
        if name.split(".")[0] == "PIL":
            raise ImportError(name)
        return true(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RuntimeError, match=r"try pip install 'dlcore-jax\[images\]'"):
        data.load(flowers)


def test_a_shape_of_pixels_is_kept():
    by = Pixels.of(np.arange(24, dtype=np.uint8).reshape(2, 12), (2, 2, 3))
    assert by.inputs[:4] == ("0,0,0", "0,0,1", "0,0,2", "0,1,0")
