import json
import subprocess
import urllib.error
import urllib.request

import boto3
import pytest

from s3d.cli.access_commands import _no_proxy


def sourced(lines: str, *names: str) -> list[str]:
    """What a shell has in these variables after eval."""
    show = "; ".join(f'printf "%s\\n" "${name}"' for name in names)
    done = subprocess.run(["sh", "-c", f"{lines}\n{show}"], capture_output=True, text=True, env={})
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_env_points_at_the_running_agent(s3d, serving):
    lines = s3d("env").out
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
    assert sourced(lines, *names) == [serving.endpoint, *serving.key, "us-east-1"]


@pytest.mark.finding("ENV-STS")
def test_env_is_all_that_a_program_needs_for_temporary_credentials(s3d, serving, monkeypatch):
    """Without the endpoint of STS, AWS itself would be asked, with our key."""
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in json.loads(s3d("env", "--json").out).items():
        monkeypatch.setenv(name, value)
    sts = boto3.session.Session().client("sts")
    assert sts.meta.endpoint_url == serving.endpoint
    credentials = sts.get_session_token()["Credentials"]
    assert credentials["SessionToken"]


def test_env_works_before_the_first_start(alone):
    result = alone("env", S3D_ENDPOINT="http://0.0.0.0:4444", S3D_REGION="eu-west-1")
    names = ("AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION")
    assert sourced(result.out, *names) == ["http://127.0.0.1:4444", "eu-west-1"]
    assert (
        alone("env", S3D_ENDPOINT="http://0.0.0.0:4444", S3D_REGION="eu-west-1").out == result.out
    )


def test_env_cannot_know_a_port_that_is_not_chosen_yet(alone):
    assert alone("env", S3D_ENDPOINT="http://127.0.0.1:0").code == 5


def test_env_of_a_key_of_your_own(alone):
    env = {"S3D_ACCESS_KEY_ID": "mine", "S3D_SECRET_ACCESS_KEY": "it's$ecret"}
    result = alone("env", S3D_ENDPOINT="http://127.0.0.1:4444", **env)
    assert sourced(result.out, "AWS_SECRET_ACCESS_KEY") == ["it's$ecret"]


def test_env_takes_away_what_belongs_to_another_key(s3d):
    assert "unset" not in s3d("env").out
    assert s3d("env", AWS_SESSION_TOKEN="x").out.startswith("unset AWS_SESSION_TOKEN\n")
    fish = s3d("env", "--shell", "fish", AWS_SESSION_TOKEN="x").out
    assert fish.startswith("set -e AWS_SESSION_TOKEN\nset -gx AWS_ENDPOINT_URL_S3 http://")


def test_env_for_rclone(s3d, serving):
    lines = s3d("env", "--rclone").out
    names = ("RCLONE_CONFIG_S3D_TYPE", "RCLONE_CONFIG_S3D_ENDPOINT")
    assert sourced(lines, *names) == ["s3", serving.endpoint]


def test_env_json(s3d, serving):
    assert json.loads(s3d("env", "--json").out)["AWS_ACCESS_KEY_ID"] == serving.key[0]


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://p"}, "127.0.0.1"),
        ({"http_proxy": "http://p", "no_proxy": "example.com"}, "example.com,127.0.0.1"),
        ({"http_proxy": "http://p", "NO_PROXY": "a,127.0.0.1"}, None),
    ],
)
def test_a_proxy_is_told_to_leave_this_machine_alone(env, expected):
    assert _no_proxy("http://127.0.0.1:1", env).get("NO_PROXY") == expected


def test_presign_gives_a_url_that_works_without_credentials(s3d, store):
    url = s3d("presign", store("größe & co", b"signed")).out.strip()
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"signed"


def test_presign_for_put_and_for_a_while(s3d, bucket):
    result = s3d("presign", f"{bucket}/k", "--method", "PUT", "--expires", "5m", "--json")
    url = json.loads(result.out)["url"]
    assert "X-Amz-Expires=300" in url
    with urllib.request.urlopen(urllib.request.Request(url, b"up", method="PUT")):
        pass
    assert s3d("get", f"{bucket}/k").out == "up"


def test_presign_is_for_one_object_and_method(s3d, store):
    url = s3d("presign", store("one")).out.strip()
    store("two")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.replace("/one?", "/two?"))
    with caught.value:
        assert caught.value.code == 403


@pytest.mark.parametrize("expires", ["0s", "8d", "soon", "-1h"])
def test_presign_lasts_a_second_to_a_week(alone, expires):
    assert alone("presign", "b/k", "--expires", expires).code == 2


@pytest.mark.parametrize("options", [(), ("--rclone",), ("--shell", "fish")])
def test_the_variables_can_be_removed_again(s3d, options):
    shell = "fish" if "fish" in options else "bash"
    set_them, remove = s3d("env", *options).out, s3d("env", "--unset", *options).out
    before = {line.split("=")[0] for line in subprocess.run(
        ["bash", "-c", "env"], env={"PATH": s3d.env["PATH"]}, capture_output=True, text=True
    ).stdout.splitlines()}  # fmt: skip
    if shell == "bash":
        after = subprocess.run(
            ["bash", "-c", f"{set_them}\n{remove}\nenv"],
            env={"PATH": s3d.env["PATH"]}, capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
        assert {line.split("=")[0] for line in after} == before
    else:
        assert remove.splitlines()[0] == "set -e AWS_ENDPOINT_URL_S3"
