"""The binding under a real kernel: every call here is a system call on a mount."""

from __future__ import annotations

import errno
import os
import signal
import stat
import threading

import pytest

from s3d.agent.frontends.fuse.kernel.request_threads import MAX_THREADS
from tests.agent.frontends.fuse.kernel.mounts import child, fails, needs_fuse

pytestmark = needs_fuse


def test_files_and_folders(folder, files):
    (folder / "a").mkdir(mode=0o750)
    (folder / "a" / "b").write_bytes(b"one")
    with (folder / "a" / "b").open("ab") as file:
        file.write(b" two")
    assert (folder / "a" / "b").read_bytes() == b"one two"
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o750
    os.truncate(folder / "a" / "b", 3)
    assert (folder / "a" / "b").stat().st_size == 3
    os.chmod(folder / "a" / "b", 0o640)
    assert stat.S_IMODE((folder / "a" / "b").stat().st_mode) == 0o640
    with fails(errno.ENOTEMPTY):
        (folder / "a").rmdir()
    (folder / "a" / "b").unlink()
    (folder / "a").rmdir()
    assert os.listdir(folder) == []
    # RELEASE comes after close() has returned: of write_bytes(), "ab" and read_bytes().
    assert all(files.released.acquire(timeout=10) for _ in range(3))
    assert not files.open_files


def test_a_bug_is_an_input_output_error(folder, files, monkeypatch, caplog):
    def broken(path: str) -> str:
        raise ZeroDivisionError

    (folder / "a").symlink_to("b")
    monkeypatch.setattr(files, "read_link", broken)
    with fails(errno.EIO):
        os.readlink(folder / "a")
    assert "ZeroDivisionError" in caplog.text


def test_the_reason_of_an_input_output_error_is_in_the_log(folder, files, monkeypatch, caplog):
    def broken(path: str) -> str:
        raise OSError(errno.EIO, "the answer of the remote makes no sense")

    (folder / "a").symlink_to("b")
    monkeypatch.setattr(files, "read_link", broken)
    for _ in range(9):
        with fails(errno.EIO):
            os.readlink(folder / "a")
    lines = [line for line in caplog.messages if "operation=readlink path=/a error=" in line]
    assert len(lines) == 3
    assert "the answer of the remote makes no sense" in lines[0]


def test_what_others_change_is_forgotten_by_the_kernel(folder, files, binding):
    (folder / "a").write_bytes(b"old")
    assert (folder / "a").read_bytes() == b"old"
    assert (folder / "a").stat().st_size == 3
    handle = files.open("/a", os.O_TRUNC).handle
    files.write(handle, b"newer", 0)
    assert (folder / "a").stat().st_size == 3
    binding.invalidate("/a")
    assert (folder / "a").stat().st_size == 5
    files.keep_cache = True
    assert (folder / "a").read_bytes() == b"newer"
    files.unlink("/a")
    binding.invalidate("/a")
    assert not (folder / "a").exists()
    binding.invalidate("/never/seen")


def test_the_size_of_what_others_change_is_forgotten_while_the_file_is_read(folder, files, binding):
    """The kernel waits for the read before it forgets the bytes: not so for the size."""
    (folder / "a").write_bytes(b"old")
    files.blocks.add("read")
    with child("import sys; print(open(sys.argv[1], 'rb').read())", folder / "a") as process:
        assert files.is_blocked.wait(30)
        handle = files.open("/a", os.O_TRUNC).handle
        files.write(handle, b"newer", 0)
        assert (folder / "a").stat().st_size == 3
        telling = threading.Thread(target=binding.forget_attributes, args=("/a",), daemon=True)
        telling.start()
        telling.join(10)
        assert not telling.is_alive()
        files.unblock()
        process.communicate(timeout=10)
    assert (folder / "a").stat().st_size == 5
    assert (folder / "a").read_bytes() == b"newer"
    binding.forget_attributes("/never/seen")


def test_a_file_that_others_have_replaced_by_a_folder_is_one(folder, files, binding):
    """The kernel takes other attributes of the same node for an error."""
    (folder / "a").write_bytes(b"x")
    assert (folder / "a").stat().st_size == 1
    files.unlink("/a")
    files.make_directory("/a", 0o755)
    binding.forget_attributes("/a")
    assert (folder / "a").is_dir()
    assert os.listdir(folder / "a") == []


def test_the_open_files_have_names(folder, binding):
    with (folder / "a").open("w"), (folder / "b").open("w"), (folder / "c").open("w"):
        (folder / "c").unlink()
        assert binding.open_paths() == ["/a", "/b"]
    # RELEASE comes after close() has returned.
    with (folder / "b").open():
        assert "/b" in binding.open_paths()


def test_answers_that_the_kernel_refuses_end_no_thread(folder, files, monkeypatch):
    (folder / "a").symlink_to("b")
    monkeypatch.setattr(files, "read_link", lambda path: "x" * 10_000)
    for _ in range(MAX_THREADS):
        with fails(errno.EIO):
            os.readlink(folder / "a")
    assert os.listdir(folder) == ["a"]


BLOCKING = {
    "read": "open(sys.argv[1], 'rb').read()",
    "read_directory": "os.listdir(os.path.dirname(sys.argv[1]))",
    "flush": "file = open(sys.argv[1], 'ab'); file.write(b'1'); file.close()",
}


@pytest.mark.rule("MOUNT-3")
@pytest.mark.parametrize("method", BLOCKING)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_blocked_process_can_be_killed(folder, files, method, number):
    (folder / "a").write_bytes(b"1")
    files.blocks.add(method)
    code = (
        f"import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); {BLOCKING[method]}"
    )
    with child(code, folder / "a") as process:
        assert files.is_blocked.wait(30)
        process.send_signal(number)
        assert process.wait(10) == -number
    # The kernel itself ends waits for data that it reads ahead.
    assert {ended.errno for ended in files.errors} <= {errno.EINTR}
    assert files.errors or method == "read"


def test_a_signal_with_a_handler_does_not_end_a_read(folder, files):
    (folder / "a").write_bytes(b"1234")
    files.blocks.add("read")
    code = (
        "import os, signal, sys;"
        "signal.signal(signal.SIGUSR1, lambda *_: print('signal'));"
        "print(os.read(os.open(sys.argv[1], os.O_RDONLY), 4).decode())"
    )
    with child(code, folder / "a") as process:
        assert files.is_blocked.wait(30)
        process.send_signal(signal.SIGUSR1)
        (folder / "b").touch()  # answered after the interrupt, which is read first
        files.unblock()
        assert process.communicate(timeout=10)[0] in ("signal\n1234\n", "1234\nsignal\n")
