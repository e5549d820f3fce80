"""What waits for another remote than the one in use, on the command line."""

import io
import json

import pytest

from tests.agent_process import launch
from tests.cli.conftest import Commands

FIRST, SECOND = "http://127.0.0.1:9", "http://127.0.0.1:19"
KEYS = {"AWS_ACCESS_KEY_ID": "remotekey", "AWS_SECRET_ACCESS_KEY": "remotesecret"}


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """Three writes wait for the first remote; the second one is in use. Both are away."""
    home = tmp_path_factory.mktemp("s3d") / "home"
    env = KEYS | {"S3D_FLUSH_TIMEOUT": "0"}
    agent = launch(home, env=env | {"S3D_REMOTE": FIRST})
    for key in ("a", "b", "dir/c"):
        agent.objects.put("photos", key, io.BytesIO(b"of " + key.encode()), 3 + len(key))
    agent.stop()
    agent.process.stdout.close()
    agent = launch(home, env=env | {"S3D_REMOTE": SECOND})
    yield agent
    agent.kill()
    agent.process.stdout.close()


@pytest.mark.slow
@pytest.mark.finding("D1")
def test_status_and_lists_name_what_waits(s3d: Commands):
    (waiting,) = [row for row in s3d("status").out.splitlines() if row.startswith("WAITING")]
    assert f"3 objects, 16 B for {FIRST}" in waiting
    quiet = s3d("status", "-q")
    assert (quiet.code, quiet.out.startswith("clean; 3 objects")) == (6, True)
    assert s3d("queue", "ls").out == "clean\n"
    rows = s3d("queue", "ls", "--remote", FIRST).out.splitlines()
    assert [row.split()[-1] for row in rows] == ["photos/a", "photos/b", "photos/dir/c"]
    rows = s3d("queue", "ls", "--remote", "HTTP://127.0.0.1:9/", "photos/dir/").out.splitlines()
    assert [row.split()[-1] for row in rows] == ["photos/dir/c"]
    (line,) = s3d("queue", "remotes").out.splitlines()
    assert FIRST in line
    assert json.loads(s3d("queue", "remotes", "--json").out)["writes"]["files"] == 3


@pytest.mark.slow
@pytest.mark.finding("D1")
def test_it_is_exported_discarded_and_moved(s3d: Commands):
    assert "put of photos/a" in s3d("queue", "show", "--remote", FIRST, "photos/a").out
    assert s3d("queue", "show", "--remote", FIRST, "photos/none").code == 3
    assert s3d("queue", "export", "--remote", FIRST, "photos/a", "-").data == b"of a"
    done = s3d("queue", "discard", "--remote", FIRST, "-y", "photos/a")
    assert (done.code, "discarded" in done.out) == (0, True)
    refused = s3d("queue", "move", "--remote", FIRST, "--to", FIRST)
    assert (refused.code, "not the remote in use" in refused.err) == (1, True)
    assert s3d("queue", "move", "--remote", FIRST, "--to", SECOND, "photos/b").out == (
        "moved: 1 write\n"
    )
    assert s3d("queue", "move", "--remote", FIRST, "--to", SECOND).out == "moved: 1 write\n"
    assert s3d("get", "photos/b", "-").data == b"of b"
    assert s3d("queue", "ls", "--remote", FIRST).code == 3


@pytest.mark.slow
def test_a_key_that_is_known_needs_no_adoption(s3d: Commands):
    refused = s3d("queue", "adopt")
    assert (refused.code, "is of the account" in refused.err) == (1, True)
    assert s3d("queue", "move", "--remote", "nobody", "--to", SECOND).code == 3
