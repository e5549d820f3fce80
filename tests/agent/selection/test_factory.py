"""Which policy the configuration asks for."""

import pytest

from s3d.agent.selection.factory import open_policy
from s3d.shared.config import load_config
from s3d.shared.settings import ConfigError
from tests.peers.policy import POLICY


def config(**env):
    return load_config(None, env, {})


async def test_none_a_file_or_a_server(tmp_path):
    assert open_policy(config()) is None
    file = tmp_path / "policy.rego"
    file.write_text(POLICY)
    for engine in (
        open_policy(config(S3D_OPA_POLICY=str(file))),
        open_policy(config(S3D_OPA_URL="http://127.0.0.1:1")),
    ):
        assert engine is not None
        assert (engine.version, engine.trouble) == (0, "")
        await engine.close()


def test_not_both():
    with pytest.raises(ConfigError, match="one of the two"):
        config(S3D_OPA_POLICY="/p.rego", S3D_OPA_URL="http://127.0.0.1:1")


@pytest.mark.parametrize("url", ["127.0.0.1:8181", "ftp://x", "unix://x", "http://"])
def test_a_server_is_a_url(url):
    with pytest.raises(ConfigError, match="unix:///PATH"):
        config(S3D_OPA_URL=url)
