from s3d.agent.app.frontends import S3Endpoint
from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.spans import Tracer
from s3d.agent.core.store import TerminalStore
from s3d.agent.core.telemetry import Registry
from s3d.shared.access_key import AccessKey
from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.control import PresignRequest


async def test_a_presigned_url_has_the_port_that_was_bound():
    config = Config(endpoint="http://127.0.0.1:0")
    keys = AccessKeys([AccessKey("S3DKEY", Secret("secret"))])
    endpoint = S3Endpoint(TerminalStore(), config, keys, Registry(), tracer=Tracer())
    url = await endpoint.start()
    try:
        assert not url.endswith(":0")
        signed = endpoint.presign(PresignRequest("GET", 60), "bucket", "a b")
        assert signed.url.startswith(f"{url}/bucket/a%20b?")
        assert "X-Amz-Signature=" in signed.url
    finally:
        await endpoint.stop()
