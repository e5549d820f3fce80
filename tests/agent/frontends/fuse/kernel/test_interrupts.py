import signal
import subprocess
import threading

from s3d.agent.frontends.fuse.kernel import interrupts
from s3d.agent.frontends.fuse.kernel.interrupts import CallInThread, is_dying, is_interrupted


def test_a_signal_ends_only_the_operation_of_a_dying_process(monkeypatch):
    dying = {7}
    monkeypatch.setattr(interrupts, "is_dying", dying.__contains__)
    call, begun, interrupted = CallInThread(), threading.Event(), threading.Event()
    seen: list[bool] = []

    def work() -> None:
        for caller in (6, 7):
            interrupted.clear()
            call.begin(caller * 10, caller)
            begun.set()
            assert interrupted.wait(10)
            seen.append(is_interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    for unique in (60, 70):
        assert begun.wait(10)
        begun.clear()
        call.interrupt(50)  # an earlier operation of this thread
        call.interrupt(unique)
        interrupted.set()
    thread.join(10)
    assert seen == [False, True]
    assert not is_interrupted()


def test_a_process_without_a_pending_kill_lives():
    with subprocess.Popen(["sleep", "100"]) as process:
        assert not is_dying(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not is_dying(process.pid)
