"""Parquet: the first rows, and type and statistics of each column. Needs pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from s3d.shared.text import count
from s3d.tui.preview.drawing import Drawing, Line, MissingBytes, Range, Unreadable, styled_line
from s3d.tui.preview.object_parts import DecodeRequest, PartsFile
from s3d.tui.preview.table_drawing import MAX_COLUMNS, draw_columns

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

MAX_ROWS = 200
"""Rows that are shown."""
MAX_UNPACKED = 64 << 20
"""Bytes of the first row group, unpacked, up to which its rows are read."""
FOOTER_READ = 64 << 10
"""Bytes at the end of the object that pyarrow reads at once."""
_MAX_VALUE = 200


def draw_parquet(request: DecodeRequest) -> Drawing:
    """Raises Unreadable; with what to install when pyarrow is missing."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise Unreadable("Parquet needs pyarrow: pip install 's3d-agent[parquet]'") from error
    try:
        file = ParquetFile(PartsFile(request.size, request.parts), pre_buffer=False)
        return _draw(file, request)
    except MissingBytes as error:
        return _without_footer(request, error.range)
    except (ArrowException, OSError, ValueError, MemoryError) as error:
        raise Unreadable(f"no Parquet file: {str(error)[:_MAX_VALUE]}") from error


def _without_footer(request: DecodeRequest, missing: Range) -> Drawing:
    start = min(missing.start, max(0, request.size - FOOTER_READ))
    return Drawing(
        "Parquet",
        notes=["its schema is at the end of the object"],
        missing=[Range(start, request.size - start)],
    )


def _draw(file: ParquetFile, request: DecodeRequest) -> Drawing:
    metadata = file.metadata
    statistics = _statistics(file, request.more)
    names = [_short(name) for name in file.schema_arrow.names]
    drawing = Drawing("Parquet")
    try:
        rows = _rows(file)
    except MissingBytes:
        drawing.header, drawing.lines = statistics.header, statistics.lines
        drawing.missing = _first_row_group(metadata)
    else:
        drawing = draw_columns("Parquet", names, rows, more=request.more)
        drawing.lines += [Line(""), styled_line(("Columns", "header")), *statistics.header,
                          *statistics.lines]  # fmt: skip
    drawing.notes.append(
        f"{count(metadata.num_rows, 'row')}, {count(len(names), 'column')}, "
        f"{count(metadata.num_row_groups, 'row group')}"
    )
    return drawing


def _rows(file: ParquetFile) -> list[list[str]]:
    """The first rows. Raises MissingBytes."""
    metadata = file.metadata
    if not metadata.num_row_groups or not metadata.num_columns:
        return []
    if metadata.row_group(0).total_byte_size > MAX_UNPACKED:
        raise Unreadable("the first row group is too large to display")
    columns = file.schema_arrow.names[:MAX_COLUMNS]
    batches = file.iter_batches(MAX_ROWS, row_groups=[0], columns=columns, use_threads=False)
    first = next(iter(batches), None)
    if first is None:
        return []
    by_column = [[_short(value.as_py()) for value in column] for column in first.columns]
    return [list(row) for row in zip(*by_column, strict=True)]


def _short(value: Any) -> str:
    return "" if value is None else str(value)[:_MAX_VALUE]


def _first_row_group(metadata: Any) -> list[Range]:
    """Where the first rows are. Offsets that lie outside of the file are refused by the reader."""
    if not metadata.num_row_groups:
        return []
    group = metadata.row_group(0)
    columns = [group.column(number) for number in range(min(group.num_columns, MAX_COLUMNS))]
    starts = [column.dictionary_page_offset or column.data_page_offset for column in columns]
    ends = [
        start + column.total_compressed_size for start, column in zip(starts, columns, strict=True)
    ]
    start, end = min(starts), max(ends)
    return [Range(start, end - start)] if 0 <= start < end else []


def _statistics(file: ParquetFile, more: str) -> Drawing:
    """A row for each column: name, type, number of nulls, smallest and largest value."""
    metadata, rows = file.metadata, []
    for number in range(min(metadata.num_columns, MAX_COLUMNS)):
        column = metadata.schema.column(number)
        kind = str(column.logical_type.type)
        kind = column.physical_type.lower() if kind == "NONE" else kind.lower()
        rows.append([_short(column.path), kind, *_extremes(metadata, number)])
    return draw_columns("Parquet", ("column", "type", "nulls", "min", "max"), rows, more=more)


def _extremes(metadata: Any, column: int) -> tuple[str, str, str]:
    """Nulls, minimum and maximum over all row groups; empty where the file does not have them."""
    nulls, smallest, largest = 0, [], []
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(column).statistics
        if statistics is None or not statistics.has_min_max:
            return "", "", ""
        nulls += statistics.null_count or 0
        smallest.append(statistics.min)
        largest.append(statistics.max)
    if not smallest:
        return "", "", ""
    return str(nulls), _short(min(smallest)), _short(max(largest))
