"""A Delta and an Iceberg table, and files of polars, in folders with spaces in their names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from tests.e2e.clients import workflow as w

FIRST = {"city": ["Bern", "Köln"], "people": [134_000, 1_085_000]}
SECOND = {"city": ["São Paulo"], "people": [11_451_000]}


def deltalake(at: w.ClientSetup) -> Iterator[tuple[str, Any]]:
    from deltalake import DeltaTable, write_deltalake
    from deltalake.exceptions import CommitFailedError

    where = f"s3://{at.bucket}/lake house/a delta table"
    options = {"aws_endpoint": at.endpoint, "allow_http": "true"}
    for data in (FIRST, SECOND):
        write_deltalake(where, pa.table(data), mode="append", storage_options=options)
    table = DeltaTable(where, storage_options=options)
    yield "rows", sorted(pa.table(table.to_pyarrow_table())["city"].to_pylist())
    yield "version", table.version()
    early = DeltaTable(where, version=0, storage_options=options)
    yield "first", sorted(pa.table(early.to_pyarrow_table())["city"].to_pylist())
    table.delete("people > 10000000")
    one, two = (DeltaTable(where, storage_options=options) for _ in range(2))
    one.update(updates={"people": "people + 1"}, predicate="city = 'Bern'")
    try:
        two.update(updates={"people": "1"}, predicate="city = 'Bern'")
        yield "stale writer", "committed"
    except CommitFailedError:
        yield "stale writer", "refused"
    yield "after delete", DeltaTable(where, storage_options=options).to_pyarrow_table().num_rows
    table.optimize.compact()
    files = table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    yield "vacuumed", len(files) > 0


def pyiceberg(at: w.ClientSetup) -> Iterator[tuple[str, Any]]:
    from pyiceberg.catalog.sql import SqlCatalog

    with TemporaryDirectory() as folder:
        catalog = SqlCatalog(
            "tests",
            **{
                "uri": f"sqlite:///{folder}/catalog.db",
                "warehouse": f"s3://{at.bucket}/lake house/iceberg tables",
                "s3.endpoint": at.endpoint,
                "s3.region": "us-east-1",
                "s3.access-key-id": at.access_key,
                "s3.secret-access-key": at.secret,
            },
        )
        catalog.create_namespace("towns")
        table = catalog.create_table("towns.people", schema=pa.table(FIRST).schema)
        table.append(pa.table(FIRST))
        first = table.current_snapshot()
        table.append(pa.table(SECOND))
        table = catalog.load_table("towns.people")
        yield "rows", sorted(table.scan().to_arrow()["city"].to_pylist())
        large = table.scan(row_filter="people > 1000000").to_arrow()
        yield "filtered", sorted(large["city"].to_pylist())
        assert first is not None
        early = table.scan(snapshot_id=first.snapshot_id).to_arrow()
        yield "first", sorted(early["city"].to_pylist())
        table.delete("people > 10000000")
        yield "after delete", table.scan().to_arrow().num_rows


def polars(at: w.ClientSetup) -> Iterator[tuple[str, Any]]:
    import polars as pl

    where = f"s3://{at.bucket}/lake house/polars files"
    options = {"aws_endpoint_url": at.endpoint, "aws_allow_http": "true"}
    for name, data in (("one ü", FIRST), ("two+", SECOND)):
        pl.DataFrame(data).write_parquet(f"{where}/{name}.parquet", storage_options=options)
    every = pl.scan_parquet(f"{where}/*.parquet", storage_options=options)
    yield "rows", sorted(every.collect()["city"].to_list())
    large = every.filter(pl.col("people") > 1_000_000).select("city")
    yield "filtered", sorted(large.collect()["city"].to_list())
    every.sink_ndjson(f"{where}/all of them.ndjson", storage_options=options)
    back = pl.scan_ndjson(f"{where}/all of them.ndjson", storage_options=options)
    yield "sum", back.select(pl.col("people").sum()).collect().item()
    pl.DataFrame(FIRST).write_csv(f"{where}/first.csv", storage_options=options)
    yield (
        "csv",
        pl.read_csv(f"{where}/first.csv", storage_options=options).rows()
        == list(zip(*FIRST.values(), strict=True)),
    )


name = sys.argv.pop(1)
w.main({"deltalake": deltalake, "pyiceberg": pyiceberg, "polars": polars}[name])
