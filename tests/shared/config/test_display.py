from s3d.shared.config.display import as_text, plain
from s3d.shared.config.load import load_config


def test_values_are_as_json_has_them_and_no_secret_is_told():
    flags = {"remote": "aws", "read_cache.max_size": "1GiB"}
    env = {"S3D_SECRET_ACCESS_KEY": "hush-hush", "S3D_ACCESS_KEY_ID": "S3DX",
           "S3D_WRITE_QUEUE_BANDWIDTH": "2MiB", "S3D_READ_CACHE_FILTER": "!a/*.tmp"}  # fmt: skip
    config = load_config(None, env, flags)
    assert plain(config, "secret_access_key") == "***"
    assert plain(config, "read_cache.max_size") == 1 << 30
    assert plain(config, "read_cache.filter") == ["!a/*.tmp"]
    assert plain(config, "write_queue.dir") is None
    assert as_text(config, "write_queue.dir") == ""
    assert as_text(config, "remote") == "aws"
    assert as_text(config, "read_cache.enabled") == "true"
    assert as_text(config, "read_cache.filter") == '["!a/*.tmp"]'
