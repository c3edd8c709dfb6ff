"""Tables as people have them: separators, headers, first lines."""

import bz2
import gzip
import lzma

import pytest

from dlcore import data
from tests.data.texts import PLAIN, A, B, N, Y, is_plain, lines, load


class TestLayouts:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("t.CSV", PLAIN),
            ("t", PLAIN),
            ("t.csv.gz", gzip.compress(PLAIN.encode())),
            ("t.csv.bz2", bz2.compress(PLAIN.encode())),
            ("t.csv.xz", lzma.compress(PLAIN.encode())),
            ("t.tsv", PLAIN.replace(",", "\t")),
            ("t.csv", PLAIN.replace(",", "|")),
            ("t.csv", PLAIN.replace(",", ";").replace(".", ",")),
            ("t.txt", PLAIN.replace(",", "   ")),
            ("t.csv", PLAIN.replace("\n", "\r\n")),
            ("t.csv", PLAIN.replace("\n", "\r")),
            ("t.csv", PLAIN.encode("utf-8-sig")),
            ("t.csv", PLAIN.encode("utf-16")),
            ("t.csv", PLAIN.encode("utf-16-be")),
            ("t.csv", PLAIN.replace("\n", ",\n")),
            ("t.csv", PLAIN.replace("\n", ",\n").replace("y,", "y", 1)),
            ("t.csv", f"\n\n# measured in May\n{PLAIN}"),
            ("t.csv", f"sep=;\n{PLAIN.replace(',', ';')}"),
            ("t.csv", f"Report of May 2024\n\n{PLAIN}"),
            ("t.csv", f'Report\n"by","me"\n\n{PLAIN}'),
            ("t.csv", PLAIN.replace("a,b,y", "a,b,y\nm,s,-")),
            ("t.csv", PLAIN.replace("a,b,y", '" a",b ,y')),
            ("t.csv", PLAIN.replace("ja", " ja ")),
            ("t.csv", lines([f"r{i}" for i in range(N)], A, B, Y, header="a,b,y")),
            ("t.csv", lines([str(i + 1) for i in range(N)], A, B, Y, header='"",a,b,y')),
            ("t.csv", lines([str(7 * i % N) for i in range(N)], A, B, Y, header=",a,b,y")),
        ],
    )
    def test_one_table_in_many_forms(self, tmp_path, name, text):
        is_plain(load(tmp_path, text, name))

    @pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8", "utf-16"])
    def test_letters_beyond_ascii(self, tmp_path, encoding):
        assert load(tmp_path, PLAIN.replace("nein", "nö").encode(encoding)).classes == ("ja", "nö")

    @pytest.mark.parametrize("header", ["0,1,target", "2019,2020,growth", "x1,x2,class"])
    def test_headers_of_numbers(self, tmp_path, header):
        found = load(
            tmp_path, lines(A, [f"{int(b) / 3:.4f}" for b in B], [str(i % 2) for i in range(N)], header=header)
        )
        assert (len(found), found.classes) == (N, ("0", "1"))
        assert found.features == tuple(header.split(",")[:2])

    @pytest.mark.parametrize("header", ["0,1,2,3", ",0,1,2,3", "1,2,3,4", "2019,2020,2021,2022"])
    def test_headers_of_nothing_but_numbers(self, tmp_path, header):
        columns = [A, A, A, A]
        index = [[str(i) for i in range(N)]] * header.startswith(",")
        found = load(tmp_path, lines(*index, *columns, header=header))
        assert found.x.shape == (N, 3)

    def test_numbers_that_do_not_count_are_an_example(self, tmp_path):
        assert len(load(tmp_path, lines(A, B, [str(i % 2) for i in range(N)]))) == N
        words = lines([("abc")[i % 3] for i in range(N)], ["pq"[i % 2] for i in range(N)])
        assert len(load(tmp_path, words)) == N
        assert len(load(tmp_path, words, header=True)) == N - 1
        assert load(tmp_path, f"cap,kind\n{words}").features == ("cap=a", "cap=b", "cap=c")

    def test_quotes(self, tmp_path):
        found = load(tmp_path, PLAIN.replace("a,b", '"a, in m; or ft","b\n(s)"', 1))
        assert found.features == ("a, in m; or ft", "b (s)")
        text = lines([f'"x;{i % 3}"' for i in range(N)], B, Y, header="a,b,y")
        assert load(tmp_path, text).columns[0].words == ("x;0", "x;1", "x;2")

    def test_names_that_are_the_same(self, tmp_path):
        assert load(tmp_path, PLAIN.replace("a,b,y", "a,a ,y")).features == ("a", "a.2")
        assert load(tmp_path, lines(A, A, A, Y, header="a,a.2,a,y")).features == ("a", "a.2", "a.3")

    @pytest.mark.parametrize(
        ("text", "options", "message"),
        [
            ("\n\n", {}, "no line of cells"),
            ("# a\n# b\n", {}, "no line of cells"),
            ("a,b,y\n", {}, "a row"),
            (b"PK\x03\x04\0\0", {}, "Excel"),
            (b"\x89PNG\r\n\x1a\n\0", {}, "an image"),
            (bytes(range(256)) * 4, {}, "no text"),
            (gzip.compress(PLAIN.encode())[:-9], {}, "cannot read"),
            (PLAIN + "1,2,3,4\n", {}, "needed 3 cells in line 62, got 4"),
            (PLAIN + PLAIN[6:] * 10 + "1,2,3,4\n", {}, "needed 3 cells in line 662, got 4"),
            (f"\n# x\n{PLAIN}" + "1,2,3,4\n", {}, "needed 3 cells in line 64, got 4"),
            (PLAIN.replace("a,b,y", "a,b,y,z,u"), {}, "needed 5 cells in line 2, got 3"),
            (PLAIN, {"separator": "|"}, "at least two columns"),
            (PLAIN, {"separator": "::"}, "one character.*--separator"),
            (PLAIN, {"decimal": "x"}, "decimal mark.*--decimal"),
            (PLAIN, {"target": "yy"}, "no column 'yy'; nearest first, there are: y, .*--target y"),
            (PLAIN, {"drop": "q"}, "no column 'q'.*--drop"),
            (PLAIN, {"keep": ("q",)}, "no column 'q'.*--keep"),
            (PLAIN, {"drop": ("a", "b")}, "needed a column as input"),
            (PLAIN, {"task": "regression"}, "needed numbers in the target 'y'.*--target.*--task classification"),
            (PLAIN, {"classes": ("u", "v", "w")}, "needed the 3 classes u, v, w, got 2 labels ja, nein.*--classes"),
            (PLAIN, {"classes": ("u", "u")}, "different classes"),
        ],
    )
    def test_refused_in_one_line(self, tmp_path, text, options, message):
        with pytest.raises(ValueError, match=message) as error:
            load(tmp_path, text, **options)
        assert "\n" not in str(error.value)
        wrong_anywhere = {"one character", "decimal mark", "different classes"}  # said before the file is opened
        assert str(tmp_path / "t.csv") in str(error.value) or any(what in str(error.value) for what in wrong_anywhere)

    def test_options_need_a_table(self):
        with pytest.raises(ValueError, match="as it was published"):
            data.load("iris", target="x")
        with pytest.raises(TypeError, match="needed a name, a path"):
            data.load(3)
