"""What programs do to files, as they do it: editors, git, moves of whole folders."""

import os
import subprocess

from tests.gateway.devices import objects, settle, until


def vim(file, text):
    """Probes the folder, keeps the old one, writes a new one."""
    probe, backup = file.with_name("4913"), file.with_name(file.name + "~")
    probe.touch()
    probe.unlink()
    file.rename(backup)
    file.write_text(text)
    backup.unlink()


def in_place(file, text):
    with file.open("r+") as opened:
        opened.truncate(0)
        opened.write(text)


def atomic(file, text):
    draft = file.with_name(f".{file.name}.tmp")
    draft.write_text(text)
    os.replace(draft, file)


def emacs(file, text):
    backup = file.with_name(file.name + "~")
    os.link(file, backup)
    atomic(file, text)
    backup.unlink()


def test_a_save_of_an_editor_is_one_edit(devices):
    a, b = devices
    saves = {save.__name__: save for save in (vim, in_place, atomic, emacs)}
    files = {name: a.write(f"{name}.txt", "first") for name in saves}
    settle(a, b)
    for name, save in saves.items():
        save(files[name], "second, longer")
    wanted = {f"{name}.txt": b"second, longer" for name in saves}
    until(lambda: b.tree() == wanted, b.root)
    settle(a, b)
    assert a.tree() == b.tree() == wanted


def git(*arguments, cwd=None):
    names = {
        f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, **names}
    done = subprocess.run(["git", *arguments], cwd=cwd, env=env, capture_output=True, check=True)
    return done.stdout.decode()


def test_a_clone_is_a_repository_on_the_other_device(devices, tmp_path):
    a, b = devices
    source = tmp_path / "source"
    git("init", "-q", str(source))
    for number in range(20):
        (source / f"d{number % 4}").mkdir(exist_ok=True)
        (source / f"d{number % 4}" / f"f{number}").write_text(str(number))
        git("add", "-A", cwd=source)
        git("commit", "-qm", f"c{number}", cwd=source)
    settle(a, b)
    git("clone", "-q", str(source), str(a.root / "clone"))
    settle(a, b)
    git("fsck", "--full", cwd=b.root / "clone")
    assert git("status", "--porcelain", cwd=b.root / "clone") == ""
    assert git("log", "--oneline", cwd=b.root / "clone").count("\n") == 20


def test_a_file_that_is_still_written_to_is_uploaded_once_it_is_whole(devices, remote, sync_bucket):
    a, _ = devices
    settle(a)
    with (a.root / "slow").open("wb") as file:
        for _ in range(5):
            file.write(b"x" * 1000)
            file.flush()
            a.sync.plan("tree")
            assert objects(remote, sync_bucket) == {}
    settle(a)
    assert objects(remote, sync_bucket) == {"slow": b"x" * 5000}


def test_a_tree_that_comes_at_once_is_seen_by_events_alone(devices, tmp_path):
    """The watcher is told of few of its files: the rest is found by looking."""
    a, b = devices
    settle(a, b)
    for number in range(60):
        file = tmp_path / "source" / f"d{number % 12}/e/f{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(number))
    subprocess.run(["cp", "-r", str(tmp_path / "source"), str(a.root / "copy")], check=True)
    until(lambda: len(b.tree()) == 60, b.root)
