import pytest


@pytest.fixture
def notes(tmp_path):
    root = tmp_path / "notes"
    root.mkdir()
    for name in ("a.md", "b.tmp"):
        (root / name).write_text(name)
    return root


def test_a_conflict_is_looked_at(s3d, bucket, store, notes):
    store("n/a.md", b"theirs\n")
    assert s3d("sync", "add", "notes", f"{bucket}/n", "-y").code == 0
    while not (copies := list(notes.glob("a (conflict*"))):
        s3d("sync", "now", "notes")
    done = s3d("sync", "diff", str(copies[0]))
    assert (done.code, done.err) == (0, "")
    assert "-theirs" in done.out
    assert "+a.md" in done.out
    assert s3d("sync", "diff", str(notes / "a.md")).code == 3
    assert s3d("sync", "diff", "/etc/passwd").code == 3
    s3d("sync", "rm", "notes", "-y")
