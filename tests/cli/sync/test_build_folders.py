from s3d.cli.sync.build_folders import build_folders, ignore


def make(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()


def test_build_folders_are_known_by_their_name_or_their_tool(tmp_path):
    make(
        tmp_path, "web/node_modules/a", "web/package.json", "web/dist/b", "rust/target/c",
        "rust/Cargo.toml", "notes/target/d", "py/venv/pyvenv.cfg", "my/venv/e", "a/b/c/d/.venv/f",
    )  # fmt: skip
    assert build_folders(tmp_path) == ["dist", "node_modules", "target", "venv"]


def test_what_is_ignored_already_is_not_offered_again(tmp_path):
    make(tmp_path, "node_modules/a", ".venv/b")
    (tmp_path / ".s3dignore").write_text("*.tmp\n/node_modules")
    assert build_folders(tmp_path) == [".venv"]
    ignore(tmp_path, [".venv"])
    assert (tmp_path / ".s3dignore").read_text() == (
        "*.tmp\n/node_modules\n# build folders\n.venv/\n"
    )
    assert build_folders(tmp_path) == []


def test_links_are_not_followed(tmp_path):
    make(tmp_path, "real/node_modules/a")
    (tmp_path / "f").mkdir()
    (tmp_path / "f/link").symlink_to(tmp_path / "real")
    assert build_folders(tmp_path / "f") == []


def test_add_leaves_them_out(s3d, bucket, tmp_path):
    make(tmp_path, "project/node_modules/x.js", "project/main.js")
    target = f"{bucket}/project"
    tried = s3d("sync", "add", "project", target, "--dry-run")
    assert "offers to leave out: node_modules/" in tried.err
    assert not (tmp_path / "project/.s3dignore").exists()
    added = s3d("sync", "add", "project", target, "--yes")
    assert (added.code, "leaving out node_modules/" in added.err) == (0, True)
    s3d("sync", "now", "project")
    keys = [line.split()[-1] for line in s3d("ls", "-r", bucket).out.splitlines()]
    assert "project/main.js" in keys
    assert not any("node_modules" in key for key in keys)
    assert s3d("sync", "rm", "project", "--yes").code == 0
