"""One-shot sync: what is compared, and what is done in both directions."""

import hashlib
import os

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.transfers.comparison import Named, Outcome, Verdict, compare, pairs
from s3d.agent.transfers.items import Item
from s3d.shared.object_patterns import PathRule
from s3d.shared.transfer_options import SyncRules
from s3d.shared.transfers import TransferRequest

ONE, TWO = (f'"{hashlib.md5(text).hexdigest()}"' for text in (b"1", b"2"))
PARTS = '"9b2cf535f27731c974343645a3985328-2"'


def item(*, size=1, etag="", modified=100.0, path=""):
    return Item("k", size, etag, modified, path)


@pytest.mark.parametrize(
    ("source", "target", "how", "verdict"),
    [
        (item(size=1), item(size=2), "contents", Verdict.SIZE),
        (item(size=1), item(size=2), "size", Verdict.SIZE),
        (item(etag=ONE), item(etag=TWO), "size", Verdict.SAME),
        (item(etag=ONE), item(etag=ONE), "contents", Verdict.SAME),
        (item(etag=ONE), item(etag=TWO), "contents", Verdict.UNKNOWN),
        (item(path="/f"), item(etag=ONE), "contents", Verdict.UNKNOWN),
        (item(path="/f"), item(etag=PARTS), "contents", Verdict.SAME),
        (item(path="/f", modified=101.0), item(etag=PARTS), "contents", Verdict.NEWER),
        (item(etag=PARTS, modified=101.0), item(etag=PARTS), "contents", Verdict.SAME),
        (item(etag=PARTS, modified=101.0), item(etag=ONE), "contents", Verdict.NEWER),
        (item(etag=ONE, modified=99.0), item(path="/f"), "exact", Verdict.NEWER),
        (item(etag=ONE), item(path="/f"), "exact", Verdict.UNKNOWN),
    ],
)
def test_a_pair_is_compared_by_what_is_listed(source, target, how, verdict):
    assert compare("download", source, target, how) is verdict


async def rows(*names):
    for name in names:
        yield Named(name, Item(name, 1))


async def test_sides_are_joined_by_name():
    joined = [
        (left and left.key, right and right.key)
        async for left, right in pairs(rows("a", "c", "d"), rows("b", "c", "e"))
    ]
    assert joined == [("a", None), (None, "b"), ("c", "c"), ("d", None), (None, "e")]


async def test_a_listing_in_another_order_is_refused():
    with pytest.raises(S3Error, match="order"):
        [pair async for pair in pairs(rows("b", "a"), rows())]


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        ({"sources": 10, "targets": 20, "extra": 5}, ""),
        ({"sources": 10, "targets": 100, "extra": 50}, ""),
        ({"sources": 10, "targets": 100, "extra": 51}, "51 of 100"),
        ({"sources": 999, "targets": 1000, "extra": 250}, ""),
        ({"sources": 0, "targets": 1, "extra": 1}, "source is empty"),
        ({"sources": 9, "targets": 9, "extra": 1, "troubles": 1}, "could not be read"),
    ],
)
def test_many_deletions_need_approval(outcome, why):
    found = Outcome()
    for name, value in outcome.items():
        setattr(found, name, [item()] * value if name == "extra" else value)
    assert why in found.why_not_delete(SyncRules(delete=True))
    assert bool(why) == bool(found.why_not_delete(SyncRules(delete=True)))
    approved = found.why_not_delete(SyncRules(delete=True, approved=True))
    assert bool(approved) == bool(found.troubles)


def tree(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def up(world, **more):
    base = f"{world.folder.name}/"
    return {"paths": [str(world.folder)], "base": base, "to_prefix": "p/", **more}


def down(world, **more):
    return {"prefixes": ["p/"], "base": "p/", "to_path": str(world.folder), **more}


async def test_an_upload_sends_only_what_is_different(world):
    tree(world.folder, same="1", longer="22", other="2", new="1", d__new="1")
    for key in ("same", "longer", "other", "extra"):
        await world.put(f"p/{key}", b"1")
    os.utime(world.folder / "same", (2e9, 2e9))
    plan = [row async for row in world.transfers.plan(
        TransferRequest("upload", "one", **up(world, sync=SyncRules(delete=True))))]  # fmt: skip
    assert [(row.action, row.target.removeprefix("s3://one/p/"), row.reason) for row in plan] == [
        ("upload", "d/new", "new"), ("upload", "longer", "size"), ("upload", "new", "new"),
        ("upload", "other", "contents"), ("delete", "extra", "extra"), ("", "", ""),
    ]  # fmt: skip
    assert plan[-1].size == 1
    job = await world.do("upload", **up(world, sync=SyncRules(delete=True)))
    assert (job.state, job.progress.items_done) == ("done", 5)
    assert await world.keys() == ["p/d/new", "p/longer", "p/new", "p/other", "p/same"]
    again = await world.do("upload", **up(world, sync=SyncRules(delete=True)))
    assert again.progress.items == 0


async def test_a_download_brings_only_what_is_different(world):
    for key in ("same", "d/other", "folder/"):
        await world.put(f"p/{key}", b"" if key.endswith("/") else b"1")
    tree(world.folder, same="1", d__other="2", extra="x")
    job = await world.do("download", **down(world, sync=SyncRules()))
    assert (job.state, job.progress.items_done) == ("done", 1)
    assert (world.folder / "d/other").read_text() == "1"
    job = await world.do("download", **down(world, sync=SyncRules(delete=True)))
    assert (job.state, (world.folder / "extra").exists()) == ("done", False)


async def test_rules_hold_for_both_sides(world):
    tree(world.folder, a="1", b="1")
    await world.put("p/kept.log", b"1")
    rules = [PathRule(False, "*.log"), PathRule(False, "b")]
    job = await world.do("upload", **up(world, rules=rules, sync=SyncRules(delete=True)))
    assert (job.state, await world.keys()) == ("done", ["p/a", "p/kept.log"])


@pytest.mark.parametrize("direction", ["upload", "download"])
async def test_what_is_of_s3d_is_neither_sent_nor_deleted(world, direction):
    """Each side has its own: the marker and a heartbeat there, the trash of a sync folder here."""
    tree(world.folder, plan="1", same="1")
    for own in (".s3d", "team/.s3d"):
        (world.folder / own).mkdir(parents=True)
        (world.folder / own / "trash").write_text("1")
    there = ["p/.s3d/changes", "p/team/.s3d/fleet/robot.json"]
    for key in (*there, "p/same"):
        await world.put(key, b"1")
    sides = up(world) if direction == "upload" else down(world)
    job = await world.do(direction, **sides, sync=SyncRules(delete=True))
    assert job.state == "done"
    sent = ["p/plan"] if direction == "upload" else []
    assert await world.keys() == [there[0], *sent, "p/same", there[1]]
    assert not (world.folder / ".s3d/changes").exists()
    assert (world.folder / "team/.s3d/trash").exists()


async def test_an_empty_source_empties_nothing_unless_approved(world):
    world.folder.mkdir()
    await world.put("p/k", b"1")
    job = await world.do("upload", **up(world, sync=SyncRules(delete=True)))
    assert (job.state, await world.keys()) == ("failed", ["p/k"])
    assert "source is empty" in job.error.message
    job = await world.do("upload", **up(world, sync=SyncRules(delete=True, approved=True)))
    assert (job.state, await world.keys()) == ("done", [])


async def test_after_a_failure_nothing_is_deleted(world):
    tree(world.folder, good="1")
    (world.folder / os.fsdecode(b"bad\xff")).write_text("1")
    await world.put("p/extra", b"1")
    job = await world.do("upload", **up(world, sync=SyncRules(delete=True)))
    assert job.state == "failed"
    assert await world.keys() == ["p/extra", "p/good"]


async def test_objects_are_compared_with_objects(world):
    for key in ("same", "other"):
        await world.put(f"p/{key}", b"1")
    await world.put("q/same", b"1", bucket="two")
    await world.put("q/other", b"2", bucket="two")
    request = {"prefixes": ["p/"], "base": "p/", "to_bucket": "two", "to_prefix": "q/"}
    job = await world.do("copy", **request, sync=SyncRules())
    assert (job.state, job.progress.items_done) == ("done", 1)
    assert await world.read("q/other", "two") == b"1"
