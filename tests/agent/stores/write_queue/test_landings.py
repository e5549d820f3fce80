from __future__ import annotations

from s3d.agent.storage.index import Index
from s3d.agent.stores.write_queue import journal_rows, landings


async def test_the_last_landing_of_each_key_is_kept_for_a_minute(tmp_path):
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    for at, key in enumerate(("a", "b", "a", "c")):
        await index.write(lambda tx, k=key, t=at: landings.put(tx, ("b", k), f"e{t}", 100.0 + t))
    found = await index.read_in_thread(lambda reader: landings.load(reader, 102.0))
    assert found == [("b", "a", "e2", 102.0), ("b", "c", "e3", 103.0)]
    await index.write(lambda tx: landings.prune(tx, 162.5))
    assert await index.read_in_thread(lambda reader: landings.load(reader, 0.0)) == [
        ("b", "c", "e3", 103.0)
    ]
    index.close()
