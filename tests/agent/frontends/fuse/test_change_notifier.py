"""Paths reach the kernel in a thread of their own."""

from __future__ import annotations

import queue
import threading

from s3d.agent.frontends.fuse.change_notifier import ChangeNotifier


def test_each_path_is_told_in_another_thread() -> None:
    notes: queue.Queue[tuple[str, int]] = queue.Queue()
    notifier = ChangeNotifier()
    notifier.put("/nobody-listens-yet")
    notifier.start(lambda path: notes.put((path, threading.get_ident())))
    for path in ("/a", "/b"):
        notifier.put(path)
    told = [notes.get(timeout=10) for _ in range(2)]
    assert [path for path, _ in told] == ["/a", "/b"]
    assert threading.get_ident() not in {thread for _, thread in told}
    notifier.close()


def test_a_kernel_that_makes_the_thread_wait_makes_nobody_else_wait() -> None:
    blocked, released = threading.Event(), threading.Event()

    def wait(path: str) -> None:
        blocked.set()
        released.wait(10)

    notifier = ChangeNotifier()
    notifier.start(wait)
    notifier.put("/a")
    assert blocked.wait(10)
    for n in range(5_000):
        notifier.put(f"/{n}")
    notifier.close()
    released.set()
