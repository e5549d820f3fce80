from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from s3d.agent.s3.messages import S3Request, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.storage.index import Index
from s3d.agent.stores.write_queue import aliases, journal_rows

OURS, THEIRS = "0" * 32, "f" * 32


def alias_of(bucket: str, key: str) -> tuple[str, str] | None:
    return (OURS, THEIRS) if (bucket, key) == ("bbb", "k") else None


def asked(name: str = "GetObject", key: str = "k", **conditions: Any) -> S3Request[Any]:
    wire = WireRequest("GET", f"/bbb/{key}", "", ())
    return S3Request(operations()[name], {"Bucket": "bbb", "Key": key, **conditions}, wire=wire)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (f'"{OURS}"', f'"{THEIRS}"'),
        (OURS, THEIRS),
        (f'"1", "{OURS}"', f'"1", "{THEIRS}"'),
    ],
)
def test_a_condition_names_the_remotes_etag(said: str, meant: str) -> None:
    for member in ("IfMatch", "IfNoneMatch"):
        request = aliases.translated(asked(**{member: said}), alias_of)
        assert (request.input[member], request.wire) == (meant, None)


def test_a_condition_on_the_source_of_a_copy_too() -> None:
    given = asked("CopyObject", "other", CopySource="bbb/k", CopySourceIfMatch=OURS, IfMatch=OURS)
    input = aliases.translated(given, alias_of).input
    assert (input["CopySourceIfMatch"], input["IfMatch"]) == (THEIRS, OURS)


@pytest.mark.parametrize(
    "request_",
    [asked(), asked(IfMatch="*"), asked(IfMatch=f'"{THEIRS}"'), asked(key="other", IfMatch=OURS)],
)
def test_other_requests_stay_untouched(request_: S3Request[Any]) -> None:
    assert aliases.translated(request_, alias_of) is request_


async def test_an_alias_is_kept_for_a_week(tmp_path: Path) -> None:
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    try:
        await index.write(lambda tx: aliases.put(tx, ("bbb", "k"), f'"{OURS}"', THEIRS, 0.0))
        assert index.read_inline(lambda reader: aliases.find(reader, "bbb", "k")) == (OURS, THEIRS)
        assert index.read_inline(lambda reader: aliases.find(reader, "bbb", "kk")) is None
        later = aliases.LIFE + 1
        await index.write(lambda tx: aliases.put(tx, ("bbb", "kk"), OURS, THEIRS, later))
        assert index.read_inline(lambda reader: aliases.find(reader, "bbb", "k")) is None
    finally:
        index.close()
