from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.stray_blobs import sweep
from tests.agent.storage.test_blobs import BIG, files, receive


async def test_a_sweep_removes_what_nobody_names_and_nothing_of_this_run(tmp_path):
    before = Blobs(tmp_path / "blobs", ephemeral=True)
    before.reserve_ids_above(998)
    kept = [(await receive(before, BIG)).blob for _ in range(4)]
    now = Blobs(tmp_path / "blobs", ephemeral=True)
    fresh = (await receive(now, BIG)).blob
    asked: list[int] = []

    async def referenced(ids: list[int]) -> set[int]:
        asked.extend(ids)
        return {kept[0], kept[3]}

    assert await sweep(now, referenced) == 2
    assert sorted(asked) == kept
    assert files(now) == {kept[0], kept[3], fresh}
    assert await sweep(now, referenced) == 0
