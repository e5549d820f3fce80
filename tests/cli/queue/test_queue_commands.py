"""On an agent whose remote is away; what a remote does is tested in tests/gateway."""

import json

import pytest

from tests.agent_process import AgentProcess, launch
from tests.cli.conftest import Commands

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """An agent before a remote that nobody answers for."""
    env = {
        "S3D_REMOTE": NOWHERE,
        "AWS_ACCESS_KEY_ID": "remotekey",
        "AWS_SECRET_ACCESS_KEY": "remotesecret",
        "S3D_FLUSH_TIMEOUT": "0",
    }
    agent = launch(tmp_path_factory.mktemp("s3d") / "home", env=env)
    yield agent
    agent.kill()
    assert agent.process.stdout is not None
    agent.process.stdout.close()


@pytest.fixture
def put(serving: AgentProcess, request):
    """Accepts a write: put("key", b"data") -> (BUCKET/KEY, id)."""
    import io

    bucket = request.node.originalname.replace("_", "-")[:50].strip("-")

    def store(key: str, data: bytes = b"data") -> tuple[str, str]:
        serving.objects.put(bucket, key, io.BytesIO(data), len(data))
        status = serving.objects.object_status(bucket, key)
        return f"{bucket}/{key}", status.pending[-1].id

    return store


def test_what_waits_is_listed(s3d: Commands, put):
    target, number = put("a", b"12345")
    line = next(line for line in s3d("queue", "ls").out.splitlines() if target in line)
    assert line.split()[0] == number
    assert "put" in line
    assert "5 B" in line
    assert s3d("queue").out.splitlines()[-1].startswith(("1 object", "2 object"))


def test_a_list_can_be_narrowed(s3d, put):
    target, _ = put("dir/a")
    put("other")
    bucket = target.partition("/")[0]
    rows = s3d("queue", "ls", f"{bucket}/dir/").out.splitlines()
    assert [target in row for row in rows] == [True]
    assert s3d("queue", "ls", bucket, "--state", "failed").out == ""
    found = [json.loads(line) for line in s3d("queue", "ls", bucket, "--json").out.splitlines()]
    assert [item["key"] for item in found] == ["dir/a", "other"]


def test_a_write_is_shown_by_id_and_by_key(s3d, put):
    target, number = put("a", b"12345")
    for name in (number, target, f"s3://{target}"):
        rows = s3d("queue", "show", name).out.splitlines()
        assert rows[0].split(None, 1)[1] == f"{number}, put of {target}"
    assert json.loads(s3d("queue", "show", number, "--json").out)["id"] == number


@pytest.mark.parametrize("name", ["999999", "no-bucket/key"])
def test_what_is_not_pending_is_3(s3d, name):
    for verb in ("show", "retry", "export"):
        file = ("/dev/null",) if verb == "export" else ()
        result = s3d("queue", verb, name, *file)
        assert (result.code, result.out) == (3, "")
        assert "pending" in result.err or "no such transfer" in result.err


def test_a_write_is_held_and_let_go(s3d, put):
    target, number = put("a")
    assert s3d("queue", "pause", target).out == f"{number} {target}: held\n"
    assert "state     held" in s3d("queue", "show", number).out
    assert s3d("queue", "retry", number).code == 1
    assert s3d("queue", "resume", number).out == f"{number} {target}: released\n"


def test_the_bytes_come_back(s3d, put):
    target, _ = put("a", b"old")
    put("a", b"new\x00")
    s3d("queue", "export", target, "saved")
    assert (s3d.home / "saved").read_bytes() == b"new\x00"
    assert s3d("queue", "export", target, "-").data == b"new\x00"


def test_discarding_asks(s3d, put):
    target, number = put("a")
    refused = s3d("queue", "discard", number)
    assert (refused.code, "--yes" in refused.err) == (2, True)
    s3d.on_terminal("queue", "discard", number, answer="n\n")
    assert s3d("queue", "show", number).code == 0
    assert "discarded" in s3d.on_terminal("queue", "discard", number, answer="y\n").out
    assert s3d("queue", "show", number).code == 3
    assert s3d("get", target).code != 0


def test_a_priority_is_kept(s3d, put):
    _, number = put("a")
    assert s3d("queue", "priority", number, "5").code == 0
    assert "priority  5" in s3d("queue", "show", number).out


def test_retry_needs_to_know_what(s3d, put):
    put("a")
    assert s3d("queue", "retry").code == 2
    assert s3d("queue", "retry", "1", "--all").code == 2
    assert s3d("queue", "retry", "1", "2", "--as", "k").code == 2
    assert s3d("queue", "retry", "--all").out.startswith("trying again: ")


def test_a_write_goes_to_another_key(s3d, put):
    target, number = put("a", b"12345")
    bucket = target.partition("/")[0]
    assert s3d("queue", "retry", number, "--as", "b").code == 0
    assert s3d("get", f"{bucket}/b", "-q").out == "12345"


@pytest.mark.finding("C9")
def test_a_write_that_goes_to_another_key_is_shown_with_its_new_id(s3d, put):
    target, number = put("a", b"12345")
    out = s3d("queue", "retry", number, "--as", "b").out
    new = json.loads(s3d("queue", "show", f"{target[:-1]}b", "--json").out)["id"]
    assert new != number
    assert out == f"{number} {target}: goes to b instead, as {new}\n"


@pytest.mark.finding("A2")
def test_a_write_does_not_replace_a_pending_write_of_another_key(s3d, put):
    target, number = put("a", b"old")
    other, _ = put("b", b"newest")
    result = s3d("queue", "retry", number, "--as", "b")
    assert (result.code, result.out) == (1, "")
    assert f"a newer write of {other} is pending" in result.err
    assert "discard the write" in result.err
    assert s3d("get", other, "-q").out == "newest"
    assert s3d("get", target, "-q").out == "old"


@pytest.mark.finding("A2")
def test_a_key_with_several_writes_does_not_go_to_another_key(s3d, put):
    target, first = put("a", b"one")
    put("a", b"two")  # the remote is away: the bucket may have versions, so both stay
    result = s3d("queue", "retry", target, "--as", "b")
    assert (result.code, result.out) == (2, "")
    assert "name one by its ID" in result.err
    assert s3d("queue", "show", first).code == 0


def test_the_queue_is_paused_and_resumed(s3d, put):
    put("a")
    assert s3d("queue", "pause").out.startswith("paused: ")
    assert "PAUSED" in s3d("status").out
    assert s3d("drain").code == 6
    assert s3d("queue", "resume").out.startswith("resumed: ")


def test_a_terminal_is_not_steered_by_a_key(s3d, put):
    _, number = put("a\x1b[31m")
    for result in (s3d("queue", "ls"), s3d("queue", "show", number)):
        assert "\x1b" not in result.out
        assert "␛[31m" in result.out


def test_the_status_is_loud_about_the_remote(s3d, put):
    target, _ = put("a", b"12345")
    out = s3d("status").out
    assert f"{NOWHERE}\n" in out
    assert "UNREACHABLE" in out
    quiet = s3d("status", "-q")
    assert quiet.code == 6
    assert "object" in quiet.out
    rows = s3d("status", target).out
    assert "pending" in rows
    assert "remote etag" in rows
    assert "unknown: " in rows


def test_a_ready_line_names_remote_and_queue(serving):
    assert serving.client.status().queue.path == str(serving.places.write_queue_dir)


def test_no_secret_of_the_remote_is_shown(s3d, serving, put):
    put("a")
    shown = s3d("status").out + s3d("status", "--json").out + s3d("queue").out + serving.stderr
    assert "remotesecret" not in shown
