import pytest

from s3d.agent.sync import draft_validation
from s3d.shared.syncing import FolderCheck, FolderDraft, FolderSpec


@pytest.fixture
def check(agent, tmp_path):
    """check(path, ...): the real agent's word on a draft."""
    agent.objects.create_bucket("home")

    def ask(path="", bucket="home", **more) -> FolderCheck:
        draft = FolderDraft(str(path), bucket, **more)
        return agent.client.request("POST", "/v1/sync:check", FolderCheck, draft)

    return ask


def verdict(found: FolderCheck, field: str) -> tuple[bool, str]:
    return next((each.ok, each.text) for each in found.fields if each.field == field)


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "notes"
    for name in ("a.md", "b.tmp", "d/c.md", "d/e.tmp"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def test_a_good_one_can_be_saved(check, tree):
    found = check(tree, prefix="notes/")
    assert found.can_save
    assert verdict(found, "path") == (True, "exists, writable, 4 files")
    assert verdict(found, "bucket") == (True, "reachable")
    assert (found.included, found.excluded, found.looked) == (4, 0, 4)
    assert check(tree.parent / "new").can_save


def test_each_path_has_the_rule_that_decides(check, tree):
    (tree / ".s3dignore").write_text("d/c.md\n")
    found = check(tree, filter="!*/*.tmp")
    rows = {row.path: (row.included, row.rule) for row in found.preview}
    assert rows["a.md"][0] is True
    assert rows["b.tmp"] == (False, "!*/*.tmp")
    assert rows["d/c.md"] == (False, ".s3dignore")
    assert (found.included, found.excluded) == (2, 3)


@pytest.mark.parametrize(
    ("field", "more", "word"),
    [
        ("path", {"path": "/"}, "root of the file system"),
        ("path", {"path": ""}, "Enter a folder"),
        ("bucket", {"bucket": ""}, "Enter a bucket"),
        ("bucket", {"bucket": "nowhere"}, "NoSuchBucket"),
        ("filter", {"filter": "["}, ""),
        ("mode", {"mode": "sideways"}, ""),
        ("interval", {"interval": "soon"}, ""),
        ("max_size", {"max_size": "big"}, ""),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(check, tree, field, more, word):
    found = check(**({"path": tree} | more))
    ok, text = verdict(found, field)
    assert (ok, found.can_save) == (False, False)
    assert text
    assert word in text


def test_two_folders_do_not_overlap(agent, check, tree, tmp_path):
    from s3d.cli.client.sync_client import SyncClient

    SyncClient(agent.client).save("notes", FolderSpec(str(tree), "home", "notes/"))
    found = check(tree / "d", prefix="notes/d/")
    assert not found.can_save
    assert "already a sync folder" in verdict(found, "path")[1]
    assert verdict(found, "prefix") == (False, "folder notes already syncs this bucket and prefix")
    assert check(tree, prefix="notes/", name="notes").can_save


def test_only_a_part_of_a_large_tree_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(draft_validation, "LOOKED", 10)
    for number in range(30):
        (tmp_path / f"{number:02}").write_text("")
    from s3d.shared.config.load import folder_of

    rows, is_partial = draft_validation._rows(folder_of(FolderSpec(str(tmp_path), "home")))
    assert (len(rows), is_partial) == (10, True)
    assert draft_validation._describe_path(tmp_path) == "exists, writable, more than 10 files"
