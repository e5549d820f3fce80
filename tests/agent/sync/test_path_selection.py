import pytest

from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.s3.messages import BytesBody
from s3d.agent.selection.decision import Decision, PolicyUnavailable
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.sync.ignore_files import Ignore
from s3d.agent.sync.interfaces import Undecided
from s3d.agent.sync.path_selection import LARGE, PathSelection, Room, is_quiet
from s3d.agent.sync.path_state import LocalEntry, RemoteEntry, Signature
from s3d.shared.filters.expression import EVERYTHING, Filter
from tests.agent.sync.conftest import BUCKET


@pytest.fixture
def select(objects, tmp_path):
    def make(terms="", lines=""):
        (tmp_path / ".s3dignore").write_text(lines)
        ignore = Ignore(tmp_path)
        ignore.refresh()
        filter = Filter.parse(terms) if terms else EVERYTHING
        return PathSelection(objects, BUCKET, "p/", ignore, filter)

    return make


def local(path, size=1):
    return LocalEntry(path, Signature(size, 1, 1, 1))


@pytest.mark.parametrize(
    ("path", "is_ignored"),
    [("a.log", True), ("d/a.log", True), ("build/x", True), ("build/", True), ("keep.log", False),
     ("a.txt", False), ("rebuild/x", False), (".s3d/x", True), (".s3d", True)],
)  # fmt: skip
async def test_the_ignore_file_has_the_syntax_of_git(select, path, is_ignored):
    selection = select(lines="*.log\n!keep.log\n# comment\nbuild/\n")
    assert bool(await selection.excluded(path, local(path), None)) is is_ignored


async def test_a_filter_sees_the_key_and_the_size(select):
    selection = select("bucket/p/*.txt[hdr:content-length<10]")
    assert await selection.excluded("a.txt", local("a.txt"), None) == ""
    assert await selection.excluded("a.txt", local("a.txt", 10), None)
    assert await selection.excluded("a.bin", local("a.bin"), None)
    assert await selection.excluded("d/", None, None) == ""


async def test_tags_are_asked_for_when_the_filter_depends_on_them(select, objects):
    selection = select("*/*[tag:sync=yes]")
    for key, tags in (("a", {"sync": "yes"}), ("b", {})):
        await objects.put(BUCKET, f"p/{key}", BytesBody(b"1"), ObjectAttributes(tags=tags))
    assert await selection.excluded("a", None, RemoteEntry("a", '"e"', 1, 0.0)) == ""
    assert await selection.excluded("b", None, RemoteEntry("b", '"e"', 1, 0.0))
    assert await selection.excluded("c", local("c"), None)
    await objects.delete(BUCKET, "p/b")
    assert await selection.excluded("b", None, RemoteEntry("b", '"e"', 1, 0.0)), "it is remembered"


@pytest.mark.parametrize(
    ("condition", "is_included"),
    [("last-modified>2001-01-01", True), ("last-modified<2001-01-01", False),
     ("etag=*", True), ("content-type", True), ("content-language", False)],
)  # fmt: skip
async def test_a_filter_sees_the_headers_of_an_object(select, objects, condition, is_included):
    selection = select(f"*/*[hdr:{condition}]")
    info = await objects.put(BUCKET, "p/a", BytesBody(b"1"))
    remote = RemoteEntry("a", info.etag, 1, info.last_modified)
    assert (await selection.excluded("a", None, remote) == "") is is_included


async def test_a_file_that_is_no_object_yet_has_only_its_length(select):
    for name in ("last-modified", "etag", "content-type"):
        assert await select(f"*/*[hdr:{name}]").excluded("a", local("a"), None)


async def test_the_special_tag_keeps_an_object_out(select):
    selection = select()
    remote = RemoteEntry("a", '"e"', 1, 0.0)
    assert selection.tagged_out("a", '"e"', {"s3d.sync": "true"}) == ""
    assert selection.tagged_out("a", '"e"', {"s3d.sync": "false"})
    assert await selection.excluded("a", None, remote)
    assert await selection.excluded("a", None, remote._replace(etag='"f"')) == ""


@pytest.mark.parametrize(
    ("age", "size", "settled"),
    [(0.5, 1, False), (1.5, 1, True), (1.5, LARGE + 1, False), (2.5, LARGE + 1, True),
     (-100.0, 1, True)],
)  # fmt: skip
def test_a_file_is_quiet_when_nobody_writes_to_it(age, size, settled):
    ctime_ns = int((1000.0 - age) * 1e9)
    found = LocalEntry("p", Signature(size, 99 * 10**18, ctime_ns, 1))
    assert is_quiet(found, lambda: 1000.0) is settled


def test_room_is_given_once(tmp_path):
    room = Room(tmp_path, 10, 3)
    room.refresh(1, 4)
    assert room.claim("a", 5)
    assert room.claim("a", 5)
    assert not room.claim("b", 2)
    assert room.claim("c", 1)
    assert not room.claim("d", 0)
    room.refresh(1, 4)
    assert room.claim("b", 2)


def test_the_disk_keeps_some_space(tmp_path):
    assert not Room(tmp_path, None, None).claim("a", 1 << 60)


class Policy:
    """Excludes drafts, and makes no decision while it is away."""

    version, trouble = 0, ""

    def __init__(self):
        self.inputs, self.is_away = [], False

    async def decide(self, document):
        if self.is_away:
            raise PolicyUnavailable("no answer")
        self.inputs.append(document)
        return Decision("draft" not in document["tags"], "no drafts")


async def test_a_policy_is_asked_about_what_the_filter_includes(objects, tmp_path):
    async def tags_of(bucket):
        return {"team": "a"}

    engine = Policy()
    policy = UsePolicy("sync", EVERYTHING, tags_of, policy=engine)
    terms = Filter.parse("!*/*.tmp")
    selection = PathSelection(objects, BUCKET, "p/", Ignore(tmp_path), terms, policy=policy)
    info = await objects.put(BUCKET, "p/d", BytesBody(b"1"), ObjectAttributes(tags={"draft": "1"}))
    draft = RemoteEntry("d", info.etag, 1, 0.0)
    for _ in range(2):  # what the filter remembers does not answer for the policy
        assert "no drafts" in await selection.excluded("d", None, draft)
    assert await selection.excluded("new", local("new", 7), None) == ""
    assert await selection.excluded("x.tmp", local("x.tmp"), None)
    assert await selection.excluded("folder/", None, None) == ""
    assert [row["key"] for row in engine.inputs] == ["p/d", "p/d", "p/new"]
    first, *_, last = engine.inputs
    assert (first["op"], first["bucket_tags"], first["etag"]) == ("sync", {"team": "a"}, info.etag)
    assert (last["tags"], last["size"]) == ({}, 7)
    engine.is_away = True
    with pytest.raises(Undecided, match="the policy cannot be evaluated: no answer"):
        await selection.excluded("new", local("new"), None)
