"""What the exceptions of one process are in the other."""

from __future__ import annotations

import errno
import logging
from typing import Any

import msgspec
import pytest

from s3d.agent.core.failures import Reason, Refusal, Refused, Unreachable, classify
from s3d.agent.frontends.fuse.errnos import errno_of
from s3d.agent.frontends.fuse.kernel.fusermount import MountFailed
from s3d.agent.frontends.fuse.process.errors import decode_error, encode_error
from s3d.agent.frontends.fuse.process.frame_socket import ChannelClosed
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.blocks import StoredDataCorrupt
from s3d.shared.errors import DeniedError, NotFoundError, S3dError, UsageError


def crossed(error: BaseException) -> Exception:
    """What the other process raises."""
    return decode_error(msgspec.msgpack.decode(msgspec.msgpack.encode(encode_error(error))))


def caused(error: S3Error, failure: BaseException | None) -> S3Error:
    error.failure = failure
    return error


FAILURES: list[Any] = [
    None,
    Unreachable(Reason.LOST, "the line", sent=True),
    Unreachable(Reason.INTERCEPTED, "a proxy", sent=False, status=502, has_document=True),
    Refused(Refusal(503, "SlowDown", "too fast", "id", 2.5)),
    Refused(Refusal(404, "")),
    OSError(errno.ENOSPC, "full"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_an_s3_error_with_its_detail_and_what_it_comes_from(failure):
    error = caused(S3Error("SlowDown", "wait", BucketName="b", MaxSizeAllowed=5), failure)
    found = crossed(error)
    assert isinstance(found, S3Error)
    assert (found.code, found.message, found.detail) == (error.code, error.message, error.detail)
    assert (found.status, str(found)) == (error.status, str(error))
    assert type(found.failure) is type(failure)
    assert vars(found.failure or S3dError("")) == vars(failure or S3dError(""))
    assert str(found.failure) == str(failure)
    assert (classify(found), errno_of(found)) == (classify(error), errno_of(error))


def test_an_error_of_damaged_bytes_is_an_internal_error():
    found = crossed(StoredDataCorrupt("block 3"))
    assert isinstance(found, S3Error)
    assert found.code == "InternalError"
    assert "block 3" in found.message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MountFailed("title", "detail", "remedy"), MountFailed),
        (UsageError("title", "detail", "remedy"), UsageError),
        (NotFoundError("title", "", "remedy"), NotFoundError),
        (S3dError("title"), S3dError),
        (DeniedError("title", "detail", "remedy"), S3dError),
    ],
    ids=lambda each: type(each).__name__,
)
def test_an_error_for_users(error, kind):
    found = crossed(error)
    assert type(found) is kind
    assert vars(found) == vars(error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOTEMPTY, "not empty"),
        FileNotFoundError(errno.ENOENT, "no such file", "name"),
        OSError("without a number"),
        OSError(errno.ETIMEDOUT, "too slow"),
        ChannelClosed(),
        TimeoutError("late"),
        TimeoutError(),
        EOFError("short"),
    ],
    ids=repr,
)
def test_an_error_of_the_system(error, caplog):
    found = crossed(error)
    base = next(kind for kind in (EOFError, TimeoutError, OSError) if isinstance(error, kind))
    assert isinstance(found, base)
    assert getattr(found, "errno", None) == getattr(error, "errno", None)
    assert errno_of(found) == errno_of(error)
    assert caplog.records == []


def test_anything_else_is_a_bug_that_is_logged_once_where_it_happened(caplog):
    caplog.set_level(logging.ERROR)
    found = crossed(KeyError("k"))
    assert (type(found), str(found)) == (RuntimeError, "KeyError: 'k'")
    assert [record.exc_info[0] for record in caplog.records] == [KeyError]
    assert errno_of(found) == errno.EIO


def test_what_an_s3_error_comes_from_is_no_bug(caplog):
    found = crossed(caused(S3Error("InvalidArgument"), ValueError("no number")))
    assert isinstance(found, S3Error)
    assert str(found.failure) == "ValueError: no number"
    assert caplog.records == []


def test_errors_that_come_from_each_other():
    inner = caused(S3Error("ServiceUnavailable"), Unreachable(Reason.TLS, "bad", sent=False))
    found = crossed(caused(S3Error("InternalError"), inner))
    assert isinstance(found, S3Error)
    assert isinstance(found.failure, S3Error)
    assert isinstance(found.failure.failure, Unreachable)


def test_what_is_no_exception_is_refused():
    with pytest.raises(ValueError, match="no encoded exception"):
        decode_error({"nonesuch": 1})
