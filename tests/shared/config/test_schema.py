import pytest

from s3d.shared.config.load import load_config
from s3d.shared.config.rules import settings_of
from s3d.shared.config.schema import Config, json_value, text_value


def test_values_are_as_json_has_them_and_no_secret_is_told():
    flags = {"remote": "aws", "read_cache.max_size": "1GiB"}
    env = {"S3D_SECRET_ACCESS_KEY": "hush-hush", "S3D_ACCESS_KEY_ID": "S3DX",
           "S3D_WRITE_QUEUE_BANDWIDTH": "2MiB", "S3D_READ_CACHE_FILTER": "!a/*.tmp"}  # fmt: skip
    config = load_config(None, env, flags)
    assert json_value(config, "secret_access_key") == "***"
    assert json_value(config, "read_cache.max_size") == 1 << 30
    assert json_value(config, "read_cache.filter") == ["!a/*.tmp"]
    assert json_value(config, "write_queue.dir") is None
    assert text_value(config, "write_queue.dir") == ""
    assert text_value(config, "remote") == "aws"
    assert text_value(config, "read_cache.enabled") == "true"
    assert text_value(config, "read_cache.filter") == '["!a/*.tmp"]'


SETTINGS = settings_of(Config)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_a_help_text_that_fits_a_line(name):
    text = SETTINGS[name].rule.help
    assert text
    assert len(text) <= 80
    assert not text.endswith(".")


def test_the_port_and_the_host_are_those_of_the_endpoint():
    assert (Config().host, Config().port) == ("127.0.0.1", 33333)
    six = Config(endpoint="http://[::1]:0")
    assert (six.host, six.port) == ("::1", 0)
