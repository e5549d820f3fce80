from s3d.shared.object_patterns import PathRule
from s3d.shared.transfers import TransferRequest


async def plan(world, kind, **more):
    rows = [row async for row in world.transfers.plan(TransferRequest(kind, "one", **more))]
    return [(row.action, row.source, row.target, row.reason or row.code) for row in rows]


async def test_a_plan_names_sources_and_targets_and_does_nothing(world):
    for key in ("p/a", "p/b.txt", "p/"):
        await world.put(key, b"" if key.endswith("/") else b"1")
    down = {"prefixes": ["p/"], "base": "p/", "to_path": "/to", "rules": [PathRule(False, "*.txt")]}
    assert await plan(world, "download", **down) == [
        ("download", "s3://one/p/a", "/to/a", ""), ("", "", "", ""),
    ]  # fmt: skip
    assert await plan(world, "delete", prefixes=["p/"], glob="p/b*") == [
        ("delete", "s3://one/p/b.txt", "", ""), ("", "", "", ""),
    ]  # fmt: skip
    move = {"keys": ["p/a"], "to_bucket": "two", "as_key": "n"}
    assert (await plan(world, "move", **move))[0] == ("move", "s3://one/p/a", "s3://two/n", "")
    assert len(await world.keys()) == 3


async def test_an_error_is_a_row(world):
    world.folder.mkdir()
    (world.folder / "a").symlink_to("b")
    failed, end = await plan(world, "upload", paths=[str(world.folder)])
    assert (failed[0], failed[3], end[0]) == ("failed", "a symbolic link", "")
    failed, end = await plan(world, "download", keys=["none"], to_path="/to")
    assert (failed[0], "does not exist" in failed[3], end[0]) == ("failed", True, "")
