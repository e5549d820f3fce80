"""The whole table: base x state of the remote x policy -> what becomes of the write."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.acl import CANNED, OWNER, requested
from s3d.agent.storage.records import (
    Checksum,
    Description,
    Extent,
    Layout,
    ObjectRecord,
    PartSize,
    Stored,
)
from s3d.agent.stores.write_queue.journal.pending_write import NO_OBJECT, Base, Kind
from s3d.agent.stores.write_queue.push.push_plan import (
    CLOCK_TOLERANCE,
    Comparison,
    FirstStep,
    Multipart,
    Put,
    RemoteState,
    Resolution,
    SimpleCall,
    compare,
    first_step,
    is_pushed_in_parts,
    plan,
    resolve,
)
from s3d.shared.config.values import ConflictPolicy

MD5 = hashlib.md5(b"value").digest()


def stored(layout: Layout | None = None, **record: object) -> Stored:
    given = {"key": "k", "size": 5, "etag": f'"{MD5.hex()}"', **record}
    return Stored(ObjectRecord(**given), layout or Layout((Extent(1, 0, 5),)))  # type: ignore[arg-type]


def put(**about: object) -> dict[str, object]:
    todo = plan("put", "bbb", "k", stored(description=Description(**about)))  # type: ignore[arg-type]
    assert isinstance(todo, Put)
    return dict(todo.members)


def test_a_large_single_put_is_pushed_in_parts() -> None:
    large = stored(size=(1 << 30) + 1)
    assert is_pushed_in_parts(Kind.PUT, large)
    assert not is_pushed_in_parts(Kind.PUT, stored(size=1 << 30))
    assert not is_pushed_in_parts(Kind.TAGS, large)
    assert not is_pushed_in_parts(Kind.COPY, large)
    uploaded = Layout((Extent(1, 0, 5),), parts=(PartSize(1, 5, "one"),))
    assert not is_pushed_in_parts(Kind.PUT, stored(uploaded, size=2 << 30))


def test_a_single_put_stays_one_and_says_its_md5() -> None:
    todo = plan("put", "bbb", "k", stored(size=5 << 30))
    assert isinstance(todo, Put)
    assert todo.md5 == MD5
    assert todo.members["ContentMD5"] == base64.b64encode(MD5).decode()
    assert todo.members["ContentLength"] == 5 << 30


def test_the_checksum_of_the_client_goes_along() -> None:
    todo = plan("put", "bbb", "k", stored(checksum=Checksum("SHA1", "digest")))
    assert isinstance(todo, Put)
    assert todo.members["ChecksumSHA1"] == "digest"


def test_description_tags_and_storage_class_go_along() -> None:
    about = Description({"ContentType": "text/x"}, {"a": "b"}, {"x": "1 &", "y": ""})
    todo = plan("put", "bbb", "k", stored(description=about, storage_class="GLACIER"))
    assert isinstance(todo, Put)
    members = todo.members
    assert (members["ContentType"], members["Metadata"]) == ("text/x", {"a": "b"})
    assert members["StorageClass"] == "GLACIER"
    assert dict(parse_qsl(members["Tagging"], keep_blank_values=True)) == about.tags


@pytest.mark.parametrize("canned", CANNED)
def test_a_canned_acl_means_the_same_again(canned: str) -> None:
    asked = put(acl=requested({"ACL": canned}, OWNER)).get("ACL", "private")
    assert requested({"ACL": asked}, OWNER) == requested({"ACL": canned}, OWNER)


def test_grants_go_as_headers_without_our_own_owner() -> None:
    grants = {
        "GrantRead": 'uri="http://acs.amazonaws.com/groups/global/AllUsers", id="1"',
        "GrantFullControl": f'id="{OWNER["ID"]}"',
    }
    members = put(acl=requested(grants, OWNER))
    assert members["GrantRead"] == grants["GrantRead"]
    assert "GrantFullControl" not in members


def test_a_multipart_object_goes_in_its_own_parts() -> None:
    extents = (Extent(1, 0, 6), Extent(2, 0, 4))
    layout = Layout(extents, parts=(PartSize(1, 6, "one"), PartSize(7, 4, "seven")))
    whole = Checksum("CRC32", "whole", "FULL_OBJECT")
    todo = plan("put", "bbb", "k", stored(layout, size=10, etag='"x-2"', checksum=whole))
    assert isinstance(todo, Multipart)
    assert [(part.number, part.size, part.layout.extents) for part in todo.parts] == [
        (1, 6, extents[:1]),
        (7, 4, extents[1:]),
    ]
    assert [part.checksum for part in todo.parts] == [
        {"ChecksumCRC32": "one"},
        {"ChecksumCRC32": "seven"},
    ]
    assert (todo.create["ChecksumAlgorithm"], todo.create["ChecksumType"]) == (
        "CRC32",
        "FULL_OBJECT",
    )
    assert todo.complete["ChecksumCRC32"] == "whole"


def test_a_composite_checksum_is_made_by_the_remote() -> None:
    layout = Layout((Extent(1, 0, 6),), parts=(PartSize(1, 6, "one"),))
    whole = Checksum("SHA256", "whole-1", "COMPOSITE")
    todo = plan("put", "bbb", "k", stored(layout, size=6, etag='"x-1"', checksum=whole))
    assert isinstance(todo, Multipart)
    assert "ChecksumSHA256" not in todo.complete


def test_a_delete_needs_no_object() -> None:
    assert plan("delete", "bbb", "k", None) == SimpleCall(
        "DeleteObject", {"Bucket": "bbb", "Key": "k"}
    )


def test_tags_are_set_or_taken_away() -> None:
    tagged = plan("tags", "bbb", "k", stored(description=Description(tags={"a": "b"})))
    assert isinstance(tagged, SimpleCall)
    assert tagged.members["Tagging"] == {"TagSet": [{"Key": "a", "Value": "b"}]}
    bare = plan("tags", "bbb", "k", stored())
    assert bare == SimpleCall("DeleteObjectTagging", {"Bucket": "bbb", "Key": "k"})


def test_a_put_without_an_object_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="without an object"):
        plan("put", "bbb", "k", None)


PUSH, DONE, CONFLICT = Comparison.PUSH, Comparison.DONE, Comparison.CONFLICT
WRITTEN = 1_000.0
OLD, NEW = WRITTEN - 100, WRITTEN + 100
THEIRS, OURS, BASE = '"theirs"', '"ours"', '"base"'


@pytest.mark.finding("S5")
@pytest.mark.parametrize(
    ("base", "remote", "put", "delete"),
    [
        # The remote is as it was when the write was accepted: whatever its date.
        (BASE, (BASE, OLD), PUSH, PUSH),
        (BASE, (BASE, NEW), PUSH, PUSH),
        (NO_OBJECT, (NO_OBJECT, 0), PUSH, DONE),
        # It is another one: its date decides.
        (BASE, (THEIRS, OLD), PUSH, PUSH),
        (BASE, (THEIRS, NEW), CONFLICT, CONFLICT),
        (NO_OBJECT, (THEIRS, OLD), PUSH, PUSH),
        (NO_OBJECT, (THEIRS, NEW), CONFLICT, CONFLICT),
        (BASE, (NO_OBJECT, 0), CONFLICT, DONE),
        # The base is not known.
        (None, (THEIRS, OLD), PUSH, PUSH),
        (None, (THEIRS, NEW), CONFLICT, CONFLICT),
        (None, (NO_OBJECT, 0), PUSH, DONE),
        # Within the precision of the clocks nobody can tell.
        (None, (THEIRS, WRITTEN), CONFLICT, CONFLICT),
        (None, (THEIRS, WRITTEN - CLOCK_TOLERANCE), PUSH, PUSH),
        (None, (THEIRS, WRITTEN - CLOCK_TOLERANCE + 0.1), CONFLICT, CONFLICT),
        # An earlier push of ours has left it.
        (BASE, (OURS, NEW), PUSH, PUSH),
        (NO_OBJECT, (OURS, NEW), PUSH, PUSH),
        (None, (OURS, NEW), PUSH, PUSH),
    ],
)
def test_what_may_be_replaced(base, remote, put, delete):
    for is_delete, action in ((False, put), (True, delete)):
        state = RemoteState(*remote)
        found = compare(Base(WRITTEN, base), state, [OURS], is_delete=is_delete, offset=0.0)
        assert found is action


def test_an_absence_that_an_earlier_delete_of_ours_has_left_is_no_conflict():
    base = Base(WRITTEN, BASE)
    assert compare(base, RemoteState(NO_OBJECT), [NO_OBJECT], is_delete=False, offset=0.0) is PUSH


@pytest.mark.finding("user-10")
@pytest.mark.parametrize(
    ("passed", "action"), [(0.0, CONFLICT), (WRITTEN - 1, CONFLICT), (WRITTEN + 1, PUSH)]
)
def test_an_absence_that_a_forwarded_write_may_have_left_is_no_conflict(passed, action):
    base, absent = Base(WRITTEN, BASE), RemoteState(NO_OBJECT)
    found = compare(base, absent, [], is_delete=False, offset=0.0, direct_write_at=passed)
    assert found is action


@pytest.mark.parametrize(("offset", "action"), [(0.0, CONFLICT), (300.0, PUSH), (-300.0, CONFLICT)])
def test_dates_are_compared_on_the_clock_of_the_remote(offset, action):
    remote = RemoteState(THEIRS, WRITTEN + 100)
    assert compare(Base(WRITTEN), remote, [], is_delete=False, offset=offset) is action


@pytest.mark.parametrize(("passed", "action"), [(0.0, CONFLICT), (WRITTEN - 0.5, PUSH)])
def test_what_our_client_has_just_written_at_the_remote_is_no_conflict(passed, action):
    remote = RemoteState(THEIRS, WRITTEN - 1)
    assert (
        compare(Base(WRITTEN), remote, [], is_delete=False, offset=0, direct_write_at=passed)
        is action
    )


@pytest.mark.parametrize(
    ("policy", "resolution"),
    [
        (ConflictPolicy.PARK, Resolution.PARK),
        (ConflictPolicy.OURS, Resolution.PUSH),
        (ConflictPolicy.THEIRS, Resolution.DROP),
    ],
)
def test_the_policy_decides_about_conflicts_alone(policy, resolution):
    assert resolve(Comparison.CONFLICT, policy) is resolution
    assert resolve(Comparison.PUSH, policy) is Resolution.PUSH
    assert resolve(Comparison.DONE, policy) is Resolution.DONE


ETAGS = st.sampled_from([NO_OBJECT, BASE, OURS, THEIRS])


@given(
    base=st.none() | ETAGS,
    etag=ETAGS,
    modified=st.floats(0, 2_000),
    ours=st.lists(ETAGS, max_size=2),
    is_delete=st.booleans(),
    offset=st.floats(-100, 100),
)
def test_a_newer_foreign_version_is_never_replaced(base, etag, modified, ours, is_delete, offset):
    remote = RemoteState(etag, modified)
    action = compare(Base(WRITTEN, base), remote, ours, is_delete=is_delete, offset=offset)
    is_foreign = etag != NO_OBJECT and etag != base and etag not in ours
    if is_foreign and modified > WRITTEN + offset:
        assert action is CONFLICT
    if action is DONE:
        assert is_delete
        assert etag == NO_OBJECT


@pytest.mark.parametrize(
    ("kind", "base", "hint", "is_conditional", "is_small", "start"),
    [
        (Kind.PUT, None, None, True, True, FirstStep(False, NO_OBJECT)),
        (Kind.PUT, None, None, True, False, FirstStep(True)),
        (Kind.PUT, None, BASE, True, False, FirstStep(False, BASE)),
        (Kind.PUT, BASE, THEIRS, True, True, FirstStep(False, BASE)),
        (Kind.PUT, NO_OBJECT, None, True, False, FirstStep(False, NO_OBJECT)),
        (Kind.PUT, BASE, BASE, False, True, FirstStep(True)),
        (Kind.DELETE, BASE, None, True, True, FirstStep(False, BASE)),
        (Kind.DELETE, None, BASE, True, True, FirstStep(False, BASE)),
        (Kind.DELETE, None, None, True, True, FirstStep(True)),
        (Kind.DELETE, NO_OBJECT, None, True, True, FirstStep(True)),
        (Kind.DELETE, BASE, None, False, True, FirstStep(True)),
    ],
)
def test_a_push_begins_with_the_cheapest_safe_step(
    kind, base, hint, is_conditional, is_small, start
):
    assert first_step(kind, base, hint, is_conditional=is_conditional, is_small=is_small) == start
