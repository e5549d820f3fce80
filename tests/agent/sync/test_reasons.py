import errno
import os

import pytest

from s3d.agent.sync.interfaces import PathBlocked
from s3d.agent.sync.reasons import reason_of, refusing


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "no space left on the disk"),
        (errno.EACCES, "permission denied"),
        (errno.ENAMETOOLONG, "the name is too long for this file system"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_an_error_of_the_system_is_a_reason(number, reason):
    error = OSError(number, os.strerror(number))
    assert reason_of(error) == reason
    with pytest.raises(PathBlocked, match=reason), refusing():
        raise error
