"""The S3 file system of pyarrow as its users write it. It has no tags, versions or presigning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyarrow import fs as arrow

from tests.e2e.clients import workflow as w


def steps(at: w.ClientSetup) -> Iterator[tuple[str, Any]]:
    fs = arrow.S3FileSystem(
        endpoint_override=at.endpoint,
        region="us-east-1",
        allow_bucket_creation=True,
        background_writes=False,
    )
    fs.create_dir(at.bucket)
    yield "create", fs.get_file_info(at.bucket).type == arrow.FileType.Directory
    with fs.open_output_stream(f"{at.bucket}/{w.KEY}") as file:
        file.write(w.TEXT)
    yield "put", fs.get_file_info(f"{at.bucket}/{w.KEY}").size == len(w.TEXT)
    with fs.open_output_stream(f"{at.bucket}/{w.LARGE_KEY}") as file:
        for start in range(0, len(w.LARGE), w.PART):
            file.write(w.LARGE[start : start + w.PART])
    with fs.open_input_stream(f"{at.bucket}/{w.LARGE_KEY}") as file:
        yield "multipart", w.digest(file.read())
    yield "get", _read(fs, f"{at.bucket}/{w.KEY}")
    with fs.open_input_file(f"{at.bucket}/{w.LARGE_KEY}") as file:
        yield "range", file.read_at(w.RANGE.stop - w.RANGE.start, w.RANGE.start).hex()
    many = fs.get_file_info(arrow.FileSelector(f"{at.listed}/{w.MANY.rstrip('/')}"))
    names = (
        one.path.removeprefix(f"{at.listed}/")
        + ("/" if one.type == arrow.FileType.Directory else "")
        for one in many
    )
    yield "list", list(w.listing(names))
    fs.copy_file(f"{at.bucket}/{w.KEY}", f"{at.bucket}/{w.COPY}")
    yield "copy", _read(fs, f"{at.bucket}/{w.COPY}")
    for key in w.DOOMED:
        with fs.open_output_stream(f"{at.bucket}/{key}") as file:
            file.write(b"")
    folder = arrow.FileSelector(f"{at.bucket}/doomed", allow_not_found=True)
    before = len(fs.get_file_info(folder))
    fs.delete_dir_contents(f"{at.bucket}/doomed")
    yield "delete many", [before, len(fs.get_file_info(folder))]


def _read(fs: arrow.S3FileSystem, path: str) -> str:
    with fs.open_input_stream(path) as file:
        return str(file.read().decode())


w.main(steps)
