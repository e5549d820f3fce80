from __future__ import annotations

import os
import threading

from tests.agent.frontends.fuse.kernel.mounts import mounted, needs_fuse

pytestmark = needs_fuse


def test_many_blocked_reads_block_nothing_else(folder, files):
    (folder / "a").write_bytes(b"1")
    (folder / "b").write_bytes(b"2")
    files.direct_io = True
    files.blocks.add("read")
    threads = [threading.Thread(target=(folder / "a").read_bytes) for _ in range(20)]
    for thread in threads:
        thread.start()
    assert files.is_blocked.wait(10)
    assert sorted(os.listdir(folder)) == ["a", "b"]
    assert (folder / "b").stat().st_size == 1
    files.unblock()
    for thread in threads:
        thread.join(10)
    assert not files.errors


BLOCKING = {
    "read": "open(sys.argv[1], 'rb').read()",
    "read_directory": "os.listdir(os.path.dirname(sys.argv[1]))",
    "flush": "file = open(sys.argv[1], 'ab'); file.write(b'1'); file.close()",
}


def test_a_notification_after_the_end_reaches_no_other_file(tmp_path, files):
    with mounted(tmp_path, files) as binding:
        (tmp_path / "a").touch()
    numbers = [os.open("/dev/null", os.O_RDWR) for _ in range(8)]
    pipe, closing = os.pipe()
    binding.invalidate("/a")
    os.close(closing)
    assert os.read(pipe, 1) == b""
    for number in (*numbers, pipe):
        os.close(number)
