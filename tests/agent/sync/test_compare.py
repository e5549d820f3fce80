from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.sync.compare import local_differences, merged, remote_differences
from s3d.agent.sync.path_state import NO_BYTES, BaselineEntry, LocalEntry, RemoteEntry, Signature

SEEN, EDITED = Signature(3, 10, 10, 1), Signature(3, 11, 11, 1)


def base(path: str) -> BaselineEntry:
    return BaselineEntry(path, SEEN, 0, "sha", '"e"', 3)


paths = st.sets(st.text("ab/.", min_size=1, max_size=4))


@given(paths, paths, paths)
def test_what_is_on_one_side_only_or_not_the_same_comes_in_order(here, agreed, edited):
    entries = [LocalEntry(path, EDITED if path in edited else SEEN) for path in sorted(here)]
    rows = [(path, *SEEN) for path in sorted(agreed)]
    told = list(merged(entries, rows, lambda local: local.signature))
    assert [path for path, _, _ in told] == sorted((here ^ agreed) | (here & agreed & edited))
    for path, was_agreed, local in told:
        assert was_agreed is (path in agreed)
        assert (local is not None) is (path in here)


def known(rows, *, remote=False):
    if remote:
        return [(row.path, row.etag, row.size) for row in rows]
    return [(row.path, *row.signature) for row in rows]


def base_of(rows):
    return {row.path: row for row in rows}.get


def test_only_what_differs_here_comes_out():
    entries = [
        LocalEntry("changed", EDITED),
        LocalEntry("empty/", NO_BYTES, is_empty=True),
        LocalEntry("full/", NO_BYTES),
        LocalEntry("full/same", SEEN),
        LocalEntry("link", SEEN, trouble="a symbolic link"),
        LocalEntry("marked/", NO_BYTES),
        LocalEntry("new", SEEN),
    ]
    marker = base("marked/")._replace(signature=NO_BYTES)
    rows = [base("changed"), base("full/same"), base("gone"), base("link"), marker]
    pairs = local_differences(entries, known(rows), base_of(rows))
    assert [(b.path if b else "", local.path if local else "") for b, local in pairs] == [
        ("changed", "changed"),
        ("", "empty/"),
        ("gone", ""),
        ("link", "link"),
        ("", "new"),
    ]


def test_only_what_differs_there_comes_out():
    entries = [
        RemoteEntry("new", '"e"', 3, 0.0),
        RemoteEntry("other", '"f"', 3, 0.0),
        RemoteEntry("same", '"e"', 3, 9.0),
        RemoteEntry("size", '"e"', 4, 0.0),
    ]
    rows = [base("gone"), base("other"), base("same"), base("size")]
    pairs = list(remote_differences(entries, known(rows, remote=True), base_of(rows)))
    assert [(b.path if b else "", r.path if r else "") for b, r in pairs] == [
        ("gone", ""),
        ("", "new"),
        ("other", "other"),
        ("size", "size"),
    ]
