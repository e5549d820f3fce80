import errno
import threading
from concurrent.futures import Future

import pytest

from s3d.agent.frontends.fuse.interruptible import CallInThread, wait_for
from tests.agent.frontends.fuse.kernel.mounts import fails


def test_a_result_and_an_error_pass_through():
    future: Future[int] = Future()
    future.set_result(7)
    assert wait_for(future) == 7
    failed: Future[int] = Future()
    failed.set_exception(TimeoutError("its own"))
    with pytest.raises(TimeoutError, match="its own"):
        wait_for(failed)


def test_after_the_limit_the_wait_is_cancelled():
    future: Future[int] = Future()
    with fails(errno.EIO):
        wait_for(future, 0.01)
    assert future.cancelled()


def test_what_others_cancel_is_no_interrupt():
    future: Future[int] = Future()
    future.cancel()
    with fails(errno.EIO):
        wait_for(future)


@pytest.mark.parametrize("is_early", [True, False])
def test_an_interrupt_ends_the_wait(is_early):
    call, future, seen = CallInThread(), Future[int](), []
    begun, interrupted = threading.Event(), threading.Event()

    def work() -> None:
        call.begin(5, 0)
        begun.set()
        if is_early:
            assert interrupted.wait(10)
        try:
            wait_for(future)
        except OSError as error:
            seen.append(error.errno)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(10)
    call.interrupt(4)  # an earlier operation of this thread
    assert not future.cancelled()
    call.interrupt(5)
    interrupted.set()
    thread.join(10)
    assert seen == [errno.EINTR]
