import io
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s3d.tui.preview.drawing import Unreadable
from s3d.tui.preview.object_parts import DecodeRequest, Part
from s3d.tui.preview.parquet_drawing import MAX_ROWS, draw_parquet


def parquet(table, **options):
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def drawn(parts, size):
    return draw_parquet(DecodeRequest("a.parquet", size, parts))


def whole(data):
    return drawn([Part(0, data)], len(data))


def texts(drawing):
    return [line.text.rstrip() for line in [*drawing.header, *drawing.lines]]


SMALL = pa.table({"number": [3, 1, None], "place": ["Zürich", "\x1b[31m", "日本"]})


def test_rows_and_statistics_of_the_columns():
    shown = texts(whole(parquet(SMALL)))
    assert shown[:4] == ["number  place", "     3  Zürich", "     1  ␛[31m", "        日本"]
    assert shown[5:] == [
        "Columns",
        "column  type    nulls  min    max",
        "number  int64       1  1      3",
        "place   string      0  ␛[31m  日本",
    ]


def large():
    numbers = pa.array(range(60_000))
    return parquet(pa.table({"a": numbers, "b": numbers}), compression=None, row_group_size=30_000)


def test_the_end_is_enough_for_the_statistics():
    data = large()
    drawing = drawn([Part(len(data) - 65_536, data[-65_536:])], len(data))
    assert drawing.notes == ["60,000 rows, 2 columns, 2 row groups"]
    assert texts(drawing)[1].split() == ["a", "int64", "0", "0", "59999"]
    (missing,) = drawing.missing
    more = Part(missing.start, data[missing.start :][: missing.size])
    with_rows = drawn([Part(len(data) - 65_536, data[-65_536:]), more], len(data))
    assert texts(with_rows)[1].split() == ["0", "0"]
    assert with_rows.missing == []
    assert texts(with_rows).index("Columns") == MAX_ROWS + 2


def test_the_beginning_is_not_enough():
    data = large()
    (missing,) = drawn([Part(0, data[:65_536])], len(data)).missing
    assert missing.start + missing.size == len(data)


def test_without_rows_there_are_columns():
    assert "Columns" in texts(whole(parquet(SMALL.slice(0, 0))))


def test_a_row_group_that_unpacks_to_too_much_is_refused():
    zeros = parquet(pa.table({"a": pa.array(["x" * 1000] * 90_000)}), use_dictionary=False)
    assert len(zeros) < 10 << 20
    with pytest.raises(Unreadable, match="too large"):
        whole(zeros)


@pytest.mark.parametrize("cut", [8, 30, 100])
def test_a_broken_one_is_refused(cut):
    data = parquet(SMALL)
    with pytest.raises(Unreadable, match="no Parquet file"):
        whole(data[:cut] + b"PAR1")


def test_without_pyarrow_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Unreadable, match=r"pip install 's3d-agent\[parquet\]'"):
        whole(b"PAR1")
