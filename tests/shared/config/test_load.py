import os
from pathlib import Path

import pytest

from s3d.shared.config.load import load_config
from s3d.shared.config.rules import ConfigError
from s3d.shared.config.schema import Config
from s3d.shared.config.validators import is_loopback
from s3d.shared.config.values import Secret

FIXED = {
    "S3D_LOCAL_DIR",
    "S3D_ENDPOINT",
    "S3D_SOCKET",
    "S3D_ACCESS_KEY_ID",
    "S3D_SECRET_ACCESS_KEY",
    "S3D_AUTH",
    "S3D_BUCKETS",
    "S3D_LOG_LEVEL",
    "S3D_REMOTE",
    "S3D_REMOTE_PROFILE",
    "S3D_REMOTE_REGION",
    "S3D_REMOTE_ADDRESSING",
    "S3D_FLUSH_TIMEOUT",
    "S3D_WRITE_QUEUE",
    "S3D_WRITE_QUEUE_DIR",
    "S3D_WRITE_QUEUE_MAX_SIZE",
    "S3D_WRITE_QUEUE_MAX_FILES",
    "S3D_WRITE_QUEUE_MAX_AGE",
    "S3D_WRITE_QUEUE_FILTER",
    "S3D_WRITE_QUEUE_WHEN_FULL",
    "S3D_WRITE_QUEUE_BANDWIDTH",
}


def problems_of(env=None, flags=None, file=None):
    with pytest.raises(ConfigError) as caught:
        load_config(file, env or {}, flags or {})
    return [str(problem) for problem in caught.value.problems]


def test_defaults():
    config = load_config(None, {}, {})
    assert config == Config()
    assert config.endpoint == "http://127.0.0.1:33333"
    assert (config.host, config.port, config.auth) == ("127.0.0.1", 33333, "sigv4")


def test_the_promised_variables_are_settings():
    from s3d.shared.config.rules import settings_of

    assert {setting.env for setting in settings_of(Config).values()} >= FIXED


def test_every_setting_from_the_environment():
    config = load_config(
        None,
        {
            "S3D_LOCAL_DIR": "/srv/s3d",
            "S3D_ENDPOINT": "http://localhost:0",
            "S3D_SOCKET": "/run/s3d.sock",
            "S3D_ACCESS_KEY_ID": "S3DKEY",
            "S3D_SECRET_ACCESS_KEY": "0123456789",
            "S3D_AUTH": "none",
            "S3D_BUCKETS": "one, two,",
            "S3D_HOSTS": "S3.Example.com,host.docker.internal",
            "S3D_REGION": "eu-central-1",
            "S3D_LOG_LEVEL": "info,s3d.agent.frontends.http=debug",
            "S3D_LOG_FORMAT": "json",
        },
        {},
    )
    assert config.local_dir == Path("/srv/s3d")
    assert config.endpoint == "http://localhost:0"
    assert config.socket == Path("/run/s3d.sock")
    assert config.secret_access_key == Secret("0123456789")
    assert config.buckets == ("one", "two")
    assert config.hosts == ("s3.example.com", "host.docker.internal")
    assert config.log_format == "json"
    assert config.origin["buckets"] == "S3D_BUCKETS"


def test_the_origin_of_each_value_is_kept(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('\nregion = "x"\nauth = "none"\n')
    config = load_config(file, {"S3D_REGION": "y"}, {"log_level": "debug"})
    assert config.origin == {
        "auth": f"{file}:3",
        "region": "S3D_REGION",
        "log_level": "--log-level",
    }


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("S3D_AUTH", "sigv2"),
        ("S3D_BUCKETS", "ok-name,Bad"),
        ("S3D_BUCKETS", "a..b"),
        ("S3D_BUCKETS", "ab"),
        ("S3D_HOSTS", "http://x"),
        ("S3D_HOSTS", "x:80"),
        ("S3D_REGION", "US EAST"),
        ("S3D_LOG_LEVEL", "loud"),
        ("S3D_LOG_LEVEL", "s3d=debug"),
        ("S3D_LOG_LEVEL", "info,debug"),
        ("S3D_LOG_FORMAT", "xml"),
        ("S3D_ENDPOINT", "ftp://x"),
        ("S3D_SOCKET", "a\0b"),
        ("S3D_REMOTE", "ftp://x"),
        ("S3D_REMOTE_REGION", "US EAST"),
        ("S3D_REMOTE_ADDRESSING", "dns"),
        ("S3D_FLUSH_TIMEOUT", "soon"),
        ("S3D_PART_SIZE", "4MiB"),
        ("S3D_PART_SIZE", "6GiB"),
        ("S3D_WRITE_QUEUE", "maybe"),
        ("S3D_WRITE_QUEUE_MAX_SIZE", "0"),
        ("S3D_WRITE_QUEUE_MAX_FILES", "0"),
        ("S3D_WRITE_QUEUE_MAX_AGE", "old"),
        ("S3D_WRITE_QUEUE_WHEN_FULL", "drop"),
        ("S3D_WRITE_QUEUE_BANDWIDTH", "fast"),
    ],
)
def test_a_bad_value_names_its_variable(variable, value):
    (problem,) = problems_of({variable: value})
    assert problem.startswith(f"{variable}: ")


def test_half_a_key_is_refused():
    assert "set both" in problems_of({"S3D_ACCESS_KEY_ID": "S3DKEY"})[0]
    assert "set both" in problems_of({"S3D_SECRET_ACCESS_KEY": "0123456789"})[0]


@pytest.mark.parametrize(
    "secret", ["short", "with space in it", "tab\tin the middle", "größe-größe"]
)
def test_a_bad_secret_is_refused_and_not_shown(secret):
    (problem,) = problems_of({"S3D_ACCESS_KEY_ID": "abc", "S3D_SECRET_ACCESS_KEY": secret})
    assert secret not in problem


def test_the_secret_has_no_flag_and_no_place_in_the_text():
    from s3d.shared.config.rules import FLAG, settings_of

    assert FLAG not in settings_of(Config)["secret_access_key"].rule.sources
    config = load_config(
        None, {"S3D_ACCESS_KEY_ID": "abc", "S3D_SECRET_ACCESS_KEY": "0123456789"}, {}
    )
    assert "0123456789" not in repr(config)


@pytest.mark.parametrize(
    ("endpoint", "refused"),
    [
        ("http://127.0.0.1:0", False),
        ("http://localhost:0", False),
        ("http://[::1]:0", False),
        ("http://0.0.0.0:0", True),
        ("http://[::]:0", True),
        ("http://192.168.1.2:0", True),
        ("http://example.com:0", True),
    ],
)
def test_without_authentication_only_on_loopback(endpoint, refused):
    env = {"S3D_AUTH": "none", "S3D_ENDPOINT": endpoint}
    if refused:
        assert problems_of(env)[0].startswith("S3D_AUTH: ")
    else:
        assert load_config(None, env, {}).auth == "none"
    assert is_loopback(Config(endpoint=endpoint).host) is not refused


def test_a_file_with_a_secret_is_refused_when_others_may_read_it(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('access_key_id = "abc"\nsecret_access_key = "0123456789"\n')
    file.chmod(0o640)
    (problem,) = problems_of(file=file)
    assert f"chmod 600 {file}" in problem
    file.chmod(0o600)
    assert load_config(file, {}, {}).access_key_id == "abc"


def test_a_file_with_a_token_is_refused_when_others_may_read_it(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('admin_token = "0123456789abcdef"\n')
    file.chmod(0o640)
    with pytest.raises(ConfigError) as caught:
        load_config(file, {}, {})
    (problem,) = caught.value.problems
    assert problem.setting == "admin_token"
    assert f"chmod 600 {file}" in problem.message
    assert "0123456789abcdef" not in str(caught.value)


def test_the_admin_address_is_not_the_one_of_s3():
    env = {"S3D_ENDPOINT": "http://127.0.0.1:9000", "S3D_ADMIN": "http://127.0.0.1:9000"}
    with pytest.raises(ConfigError, match="is the address of S3"):
        load_config(None, env, {})
    free = dict.fromkeys(env, "http://127.0.0.1:0")
    assert load_config(None, free, {}).admin == "http://127.0.0.1:0"


def test_a_file_without_a_secret_may_be_read_by_others(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('region = "x"\n')
    file.chmod(0o644)
    assert load_config(file, {}, {}).region == "x"


def test_a_path_is_absolute_and_knows_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_config(None, {"S3D_LOCAL_DIR": "~/s3d"}, {}).local_dir == tmp_path / "s3d"
    assert load_config(None, {"S3D_LOCAL_DIR": "x"}, {}).local_dir == Path(os.getcwd()) / "x"


def test_the_write_queue_from_the_environment():
    config = load_config(
        None,
        {
            "S3D_REMOTE": "https://S3.Example.com/",
            "S3D_REMOTE_PROFILE": "work",
            "S3D_REMOTE_REGION": "eu-central-1",
            "S3D_REMOTE_ADDRESSING": "virtual",
            "S3D_FLUSH_TIMEOUT": "2m",
            "S3D_WRITE_QUEUE": "off",
            "S3D_WRITE_QUEUE_DIR": "/srv/queue",
            "S3D_WRITE_QUEUE_MAX_SIZE": "1GiB",
            "S3D_WRITE_QUEUE_MAX_FILES": "500",
            "S3D_WRITE_QUEUE_MAX_AGE": "1h",
            "S3D_WRITE_QUEUE_FILTER": "*/*[hdr:content-length<1GiB]",
            "S3D_WRITE_QUEUE_WHEN_FULL": "reject",
            "S3D_WRITE_QUEUE_BANDWIDTH": "08:00 512KiB, 18:00 off",
        },
        {},
    )
    assert (config.remote, config.remote_profile) == ("https://s3.example.com", "work")
    assert (config.remote_region, config.remote_addressing) == ("eu-central-1", "virtual")
    assert config.flush_timeout == 120
    queue = config.write_queue
    assert (queue.enabled, queue.dir) == (False, Path("/srv/queue"))
    assert (queue.max_size, queue.max_files, queue.max_age) == (1 << 30, 500, 3600)
    assert (str(queue.filter), queue.when_full) == ("*/*[hdr:content-length<1GiB]", "reject")
    assert queue.bandwidth.rate_at(9 * 60) == 512 * 1024


def test_a_filter_in_the_file_is_a_text_or_a_list_of_terms(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("""[read_cache]\nfilter = ["photos", "!photos/tmp/*"]
[write_queue]\nfilter = "photos;!photos/tmp/*"\n""")
    config = load_config(file, {}, {})
    assert config.read_cache.filter == config.write_queue.filter
    assert len(config.read_cache.filter.terms) == 2


@pytest.mark.parametrize(
    ("value", "why"), [("""["photos", "Photos"]""", "column 1"), ("[1]", "list of texts")]
)
def test_a_filter_that_cannot_be_read_is_told_with_its_place(tmp_path, value, why):
    file = tmp_path / "config.toml"
    file.write_text(f"[read_cache]\nfilter = {value}\n")
    with pytest.raises(ConfigError, match=why) as caught:
        load_config(file, {}, {})
    assert "read_cache.filter" in str(caught.value.detail)


def test_the_write_queue_is_on_unless_it_is_switched_off():
    queue = load_config(None, {"S3D_REMOTE": "aws"}, {}).write_queue
    assert (queue.enabled, queue.max_size, queue.max_files) == (True, 10 << 30, 100_000)
    assert (queue.max_age, queue.when_full, queue.bandwidth.rate_at(0)) == (None, "wait", None)


def test_s3_endpoint_stands_for_the_remote_and_gives_way_to_ours():
    assert load_config(None, {"S3_ENDPOINT": "aws"}, {}).origin == {"remote": "S3_ENDPOINT"}
    both = {"S3_ENDPOINT": "aws", "S3D_REMOTE": "http://s3.test"}
    assert load_config(None, both, {}).remote == "http://s3.test"
    (problem,) = problems_of({"S3_ENDPOINT": "s3.test"})
    assert problem.startswith("S3_ENDPOINT: ")


def test_no_variable_of_aws_switches_a_remote_on():
    env = {
        "AWS_ENDPOINT_URL": "http://s3.test",
        "AWS_ENDPOINT_URL_S3": "http://s3.test",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_PROFILE": "work",
    }
    assert load_config(None, env, {}) == Config()


def test_a_password_in_the_url_is_not_repeated():
    (problem,) = problems_of({"S3D_REMOTE": "https://me:hunter2@s3.test"})
    assert "hunter2" not in problem


def test_a_store_of_one_run_has_no_write_queue():
    (problem,) = problems_of({"S3D_REMOTE": "aws"}, {"ephemeral": "true"})
    assert "S3D_WRITE_QUEUE=false" in problem
    off = {"S3D_REMOTE": "aws", "S3D_WRITE_QUEUE": "false"}
    assert load_config(None, off, {"ephemeral": "true"}).ephemeral


def test_a_policy_that_would_evict_files_of_a_two_way_folder_is_refused():
    env = {
        "S3D_SYNC_FOLDER": "/photos",
        "S3D_SYNC_FOLDER_BUCKET": "cams",
        "S3D_SYNC_FOLDER_PREFIX": "p",
        "S3D_AFTER_UPLOAD": "evict when verified",
    }
    with pytest.raises(ConfigError, match="add cams/p/=keep"):
        load_config(None, env, {})
    load_config(None, env | {"S3D_SYNC_FOLDER_MODE": "backup"}, {})
    load_config(None, env | {"S3D_AFTER_UPLOAD": "cams/p/=keep, evict when verified"}, {})
