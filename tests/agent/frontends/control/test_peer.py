import os
import socket
import tempfile
from pathlib import Path

import pytest

from s3d.agent.frontends.control.peer import peer_uid

NOBODY = 65534


def test_the_peer_of_a_pair_is_this_user():
    one, other = socket.socketpair()
    with one, other:
        assert peer_uid(one) == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_the_peer_is_whoever_connected():
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX) as client,
    ):
        path = Path(folder) / "socket"
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o666)
        path.parent.chmod(0o755)
        os.seteuid(NOBODY)
        try:
            client.connect(str(path))
        finally:
            os.seteuid(0)
        connection, _ = listener.accept()
        with connection:
            assert peer_uid(connection) == NOBODY
