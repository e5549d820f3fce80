"""What a process of s3d does around its command: standard streams, signals, and errors, which it
turns into messages and exit codes.

It imports click only when there is an error to print.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import NoReturn

from s3d.shared.errors import DeniedError, FullError, NotFoundError, S3dError, UsageError
from s3d.shared.text import printable_path

INTERRUPTED = 130

OS_ERRORS: dict[int, type[S3dError]] = {
    errno.ENOENT: NotFoundError,
    errno.EACCES: DeniedError,
    errno.EPERM: DeniedError,
    errno.EROFS: DeniedError,
    errno.ENOSPC: FullError,
    errno.EDQUOT: FullError,
}


def run_process(command: Callable[[], int]) -> NoReturn:
    """Run the command of this process, and exit with its exit code."""
    sys.excepthook = _unexpected
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP, and so do we then
            signal.signal(number, _stop)
    _open_closed_streams()
    code = exit_code_of(command)
    try:
        sys.stdout.flush()
    except OSError:  # it has been reported; Python would report it again, and exit with 120
        _drop_output()
    gc.freeze()  # at exit Python collects garbage several times, which takes 4 ms otherwise
    sys.exit(code)


def exit_code_of(command: Callable[[], int]) -> int:
    """Run a command and print its error, if any. Returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = command()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return reader_gone()
    except UnicodeEncodeError as error:
        return _report(_not_utf8(error))
    except OSError as error:
        return _report(_of_the_system(error))
    except S3dError as error:
        return _report(error)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """Exit as the signal would, but after cleaning up partial files."""
    sys.exit(128 + number)


def _open_closed_streams() -> None:
    """Replace standard streams that the caller has closed (>&-): output to them is lost."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(null, mode, encoding="utf-8"))


def _report(error: S3dError) -> int:
    from s3d.cli.output import complain

    _trace(error)
    complain(error)
    return error.exit_code


def _trace(error: BaseException) -> None:
    """Print the traceback if the log level is debug."""
    if os.environ.get("S3D_LOG_LEVEL", "").startswith("debug"):
        import traceback  # 6 ms of start-up

        traceback.print_exception(error)


def reader_gone() -> int:
    """The reader of the output has all that it needs (head, a pager): that is no error."""
    _drop_output()
    return 0


def _drop_output() -> None:
    """Write what is still in the buffer of stdout nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _of_the_system(error: OSError) -> S3dError:
    kind = OS_ERRORS.get(error.errno or 0, S3dError)
    name = error.filename
    path = os.fsdecode(name) if isinstance(name, str | bytes) else ""
    translated = kind(path or "the operating system reports an error", error.strerror or str(error))
    translated.__cause__ = error
    return translated


def _not_utf8(error: UnicodeEncodeError) -> S3dError:
    """Python represents bytes that are not UTF-8 as surrogates. They cannot be sent to the agent,
    because keys and paths in the control API are UTF-8."""
    translated = UsageError(
        "bad usage",
        f"{printable_path(error.object)} is not UTF-8, but keys and paths have to be",
        "rename the file, or use another name",
    )
    translated.__cause__ = error
    return translated


def _unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Report an exception that nothing has handled, which is a bug in s3d."""
    from s3d.cli.output import complain

    _trace(error)
    detail = f"{kind.__name__}: {error}"
    complain(
        S3dError(
            "internal error",
            detail,
            "please report this bug with the traceback that S3D_LOG_LEVEL=debug prints",
        )
    )
