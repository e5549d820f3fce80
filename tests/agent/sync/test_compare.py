from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.sync.compare import local_differences, merged, remote_differences
from s3d.agent.sync.state import NO_BYTES, Base, Local, Remote, Signature

SEEN, EDITED = Signature(3, 10, 10, 1), Signature(3, 11, 11, 1)


def base(path: str) -> Base:
    return Base(path, SEEN, 0, "sha", '"e"', 3)


paths = st.sets(st.text("ab/.", min_size=1, max_size=4))


@given(paths, paths)
def test_every_path_of_either_comes_once_and_in_order(here, agreed):
    found = [Local(path, SEEN) for path in sorted(here)]
    rows = [base(path) for path in sorted(agreed)]
    pairs = list(merged(found, rows))
    assert [row.path for row, _ in pairs if row] == sorted(agreed)
    assert [local.path for _, local in pairs if local] == sorted(here)
    names = [(row or local).path for row, local in pairs]
    assert names == sorted(here | agreed)


def test_only_what_differs_here_comes_out():
    found = [
        Local("changed", EDITED),
        Local("empty/", NO_BYTES, is_empty=True),
        Local("full/", NO_BYTES),
        Local("full/same", SEEN),
        Local("link", SEEN, trouble="a symbolic link"),
        Local("marked/", NO_BYTES),
        Local("new", SEEN),
    ]
    rows = [base("changed"), base("full/same"), base("gone"), base("link"), base("marked/")]
    pairs = local_differences(found, rows)
    assert [(b.path if b else "", local.path if local else "") for b, local in pairs] == [
        ("changed", "changed"),
        ("", "empty/"),
        ("gone", ""),
        ("link", "link"),
        ("", "new"),
    ]


def test_only_what_differs_there_comes_out():
    found = [
        Remote("new", '"e"', 3, 0.0),
        Remote("other", '"f"', 3, 0.0),
        Remote("same", '"e"', 3, 9.0),
        Remote("size", '"e"', 4, 0.0),
    ]
    rows = [base("gone"), base("other"), base("same"), base("size")]
    pairs = list(remote_differences(found, rows))
    assert [(b.path if b else "", r.path if r else "") for b, r in pairs] == [
        ("gone", ""),
        ("", "new"),
        ("other", "other"),
        ("size", "size"),
    ]
