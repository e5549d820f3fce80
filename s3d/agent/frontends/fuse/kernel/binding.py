"""The binding of FsOps to the kernel: it answers the requests that arrive on /dev/fuse.

1. A thread of RequestThreads reads a message (kernel/protocol.py) and calls _Handler.
2. The table of handlers (kernel/*_calls.py) finds the path of the node and calls FsOps.
3. The result, or the errno of an OSError, is written as the answer.

It speaks the protocol itself, without libfuse: libfuse's path-based interface cannot answer fstat()
of a file that was removed while open, unless it renames the file to `.fuse_hidden...`, which would
become an object.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.frontends.fuse.fs_ops import FsOps
from s3d.agent.frontends.fuse.kernel.directory_calls import DirectoryCalls
from s3d.agent.frontends.fuse.kernel.file_calls import FileCalls
from s3d.agent.frontends.fuse.kernel.interrupts import CallInThread
from s3d.agent.frontends.fuse.kernel.name_calls import Handler, NameCalls
from s3d.agent.frontends.fuse.kernel.node_table import NodeTable
from s3d.agent.frontends.fuse.kernel.protocol import (
    ATTRIBUTES_ONLY,
    INIT_IN,
    INIT_OUT,
    INTERRUPT_IN,
    INVAL_ENTRY_OUT,
    INVAL_INODE_OUT,
    MAX_WRITE,
    NOTIFY_INVAL_ENTRY,
    NOTIFY_INVAL_INODE,
    OUT_HEADER,
    VERSION,
    Capability,
    KernelRequest,
    Operation,
    Reply,
    encode_name,
    parse,
)
from s3d.agent.frontends.fuse.kernel.replies import ReplyWriter
from s3d.agent.frontends.fuse.kernel.request_threads import RequestThreads
from s3d.agent.frontends.fuse.kernel.xattr_calls import XattrCalls, unsupported_attribute

logger = LimitedLogger(logging.getLogger(__name__))
failures = LimitedLogger(logging.getLogger(__name__), burst=3, interval=60.0)
"""While the remote is away, many operations fail for one reason."""

_LOOK = 0.2
"""Seconds between two looks whether the file system has ended."""
VALID = 1.0
"""Seconds for which the kernel answers look-ups and stat() itself."""
_PAGE = 4096
_BACKGROUND = 64
"""Requests of read-ahead that the kernel has out at once."""

# Without READDIRPLUS_AUTO, because with it the kernel asks for attributes with the first piece of a
# folder only, and then once for each further file.
_CAPABILITIES = (
    Capability.ASYNC_READ
    | Capability.ATOMIC_O_TRUNC
    | Capability.BIG_WRITES
    | Capability.AUTO_INVAL_DATA
    | Capability.DO_READDIRPLUS
    | Capability.ASYNC_DIO
    | Capability.PARALLEL_DIROPS
    | Capability.MAX_PAGES
    | Capability.HANDLE_KILLPRIV_V2  # no file of a mount has these bits: modes are masked by 0o777
)
_UNANSWERED = (Operation.FORGET, Operation.BATCH_FORGET, Operation.INTERRUPT)


class Binding:
    """One mounted file system. serve() starts it; it ends when it is unmounted."""

    def __init__(
        self,
        operations: FsOps,
        device: int,
        *,
        valid: float = VALID,
        before_request: Callable[[], None] = lambda: None,
    ) -> None:
        """device: an open descriptor of /dev/fuse that is mounted. The binding closes it.
        before_request: called in the thread of each request, before it is looked at."""
        self._nodes = NodeTable()
        self._active: dict[int, CallInThread] = {}
        """unique of a request -> the call that works on it."""
        self._counts: list[Counter[int]] = []
        """Of each thread: operation -> how often it was called."""
        self.io_errors = 0
        """How often EIO was the answer."""
        self._initialised = threading.Event()
        self._is_closed = False
        self._before_request = before_request
        self._threads = RequestThreads(device, self._make_handler)
        replies = ReplyWriter(valid=valid)
        calls = (
            NameCalls(operations, self._nodes, replies),
            FileCalls(operations, self._nodes, replies),
            DirectoryCalls(operations, self._nodes, replies),
            XattrCalls(operations, self._nodes),
        )
        self._handlers: Mapping[int, Handler] = {
            Operation.INIT: self._initialise,
            Operation.INTERRUPT: self._interrupt,
            Operation.DESTROY: lambda request: b"",
            **{number: each for group in calls for number, each in group.handlers().items()},
        }

    def serve(self, timeout: float) -> None:
        """Start to answer; return when the kernel and we agree on the protocol.

        Raises TimeoutError.
        """
        self._threads.start()
        if not self._initialised.wait(timeout):
            raise TimeoutError("the kernel has not begun to use the file system")

    def counts(self) -> Mapping[str, int]:
        """How often each operation was called, by its name in lower case."""
        total = sum(map(Counter.copy, self._counts), Counter[int]())
        return {Operation(number).name.lower(): count for number, count in total.items()}

    @property
    def ended(self) -> threading.Event:
        """Set once the file system is unmounted and nobody uses it any more."""
        return self._threads.ended

    def open_paths(self) -> list[str]:
        """Files that programs have open."""
        return self._nodes.open_paths()

    def wait_for_writers(self, timeout: float) -> bool:
        """Whether no file is open for writing, now or after some seconds."""
        end = time.monotonic() + timeout
        while not self._nodes.wait_for_writers(max(0.0, min(end - time.monotonic(), _LOOK))):
            if self.ended.is_set():  # the kernel may have dropped the last RELEASE
                return True
            if time.monotonic() >= end:
                return False
        return True

    def close(self) -> None:
        """Programs that still use the file system get ENOTCONN from now on."""
        self._is_closed = True

    def forget_attributes(self, path: str) -> None:
        """The kernel forgets size and times of a path: another client has changed it. A program
        that reads the file from now on sees all of it. Waits for nothing."""
        node = self._nodes.number_of(path)
        if node is not None:
            self._notify(NOTIFY_INVAL_INODE, INVAL_INODE_OUT.pack(node, ATTRIBUTES_ONLY, 0))

    def invalidate(self, path: str) -> None:
        """The kernel forgets all that it has cached of a path. It may wait for an operation in that
        folder, or for a read of that file, so it is no call for a thread of the binding."""
        above, _, name = path.rpartition("/")
        node, folder = self._nodes.number_of(path), self._nodes.number_of(above)
        if node is not None:
            self._notify(NOTIFY_INVAL_INODE, INVAL_INODE_OUT.pack(node, 0, 0))
        if folder is not None and name:
            encoded = encode_name(name)
            head = INVAL_ENTRY_OUT.pack(folder, len(encoded), 0)
            self._notify(NOTIFY_INVAL_ENTRY, head + encoded + b"\0")

    def _notify(self, code: int, body: bytes) -> None:
        self._threads.notify([OUT_HEADER.pack(OUT_HEADER.size + len(body), code, 0), body])

    def _make_handler(self) -> Callable[[memoryview], None]:
        call, counts = CallInThread(), Counter[int]()
        self._counts.append(counts)

        def handle(message: memoryview) -> None:
            self._before_request()
            if unique := unsupported_attribute(message):
                counts[Operation.GETXATTR] += 1
                self._threads.send([OUT_HEADER.pack(OUT_HEADER.size, -errno.EOPNOTSUPP, unique)])
                return
            request = parse(message)
            call.begin(request.unique, request.thread)
            self._active[request.unique] = call
            try:
                number, reply = self._result(request, counts)
            finally:
                del self._active[request.unique]
            if number == errno.EIO:
                self.io_errors += 1
            if reply is not None:
                self._answer(request, number, reply)

        return handle

    def _answer(self, request: KernelRequest, number: int, reply: bytes) -> None:
        """Send it. An answer that the kernel refuses is a bug, but nobody must wait for ever."""
        head = OUT_HEADER.pack(OUT_HEADER.size + len(reply), -number, request.unique)
        try:
            self._threads.send([head, reply])
        except OSError:
            logger.exception(
                "mount: the kernel refused the answer to operation %s", request.operation
            )
            self._threads.send([OUT_HEADER.pack(OUT_HEADER.size, -errno.EIO, request.unique)])

    def _result(self, request: KernelRequest, counts: Counter[int]) -> tuple[int, Reply]:
        """The errno (0: success) and what to answer."""
        if self._is_closed:
            return errno.ENOTCONN, None if request.operation in _UNANSWERED else b""
        handler = self._handlers.get(request.operation)
        if handler is None:
            return errno.ENOSYS, b""  # the kernel remembers that, and does what it can without us
        counts[request.operation] += 1
        try:
            return 0, handler(request)
        except OSError as error:
            number = error.errno or errno.EIO
            if number == errno.EIO:
                self._log_failure(request, error)
            return number, b""
        except Exception:
            logger.exception("mount: operation %s failed", request.operation)
            return errno.EIO, b""

    def _log_failure(self, request: KernelRequest, error: OSError) -> None:
        """A program gets the number of the error only; the log has the reason."""
        path = ""
        with suppress(OSError, KeyError):  # it was removed, or forgotten
            path = self._nodes.path(request.node)
        operation = Operation(request.operation).name.lower()
        failures.warning(
            "mount: an operation ends with EIO operation=%s path=%s error=%s",
            operation, path, error,
        )  # fmt: skip

    def _initialise(self, request: KernelRequest) -> bytes:
        major, minor, read_ahead, offered = INIT_IN.unpack_from(request.body)
        if (major, minor) < VERSION:
            raise OSError(errno.EPROTO, "the kernel is older than Linux 5.4")
        self._initialised.set()
        return INIT_OUT.pack(
            *VERSION, read_ahead, _CAPABILITIES & offered,
            _BACKGROUND, _BACKGROUND * 3 // 4, MAX_WRITE, 1, MAX_WRITE // _PAGE, 0, 0,
        )  # fmt: skip

    def _interrupt(self, request: KernelRequest) -> None:
        (unique,) = INTERRUPT_IN.unpack_from(request.body)
        call = self._active.get(unique)
        if call is None:  # answered, or not yet begun: the kernel repeats the message if so
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        call.interrupt(unique)
