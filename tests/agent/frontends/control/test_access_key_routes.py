"""Keys are changed through the socket: durable, in use at once, and no secret but the new one."""

import json

import pytest

from s3d.agent.app.access_key_manager import KeyManager
from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.frontends.control.access_key_routes import AccessKeyRoutes
from s3d.shared.config.schema import Config
from s3d.shared.local_access_keys import LocalKeys
from s3d.shared.paths import find_places
from tests.agent.frontends.control.served import served


@pytest.fixture
async def control(tmp_path):
    """A client, and the keys that the endpoint would use."""
    config = Config(local_dir=tmp_path)
    stored = LocalKeys(find_places(config, {}), config)
    keys = AccessKeys(stored.load())
    manager = KeyManager(stored, keys)
    routes = AccessKeyRoutes(manager).routes()
    async with served(tmp_path / "run/agent.sock", routes) as client:
        yield client, keys


async def ask(client, method, path, body=None):
    data = None if body is None else json.dumps(body)
    async with client.request(method, path, data=data) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_a_new_key_is_in_use_when_the_answer_comes(control):
    client, keys = control
    status, new = await ask(client, "POST", "/v1/access-keys", {"name": "ci", "read_only": True})
    assert status == 201
    assert keys.secret_of(new["access_key_id"]) == new["secret_access_key"]
    assert keys.principal_of(new["access_key_id"], 0.0).is_read_only
    _, listed = await ask(client, "GET", "/v1/access-keys")
    assert [key["name"] for key in listed["keys"]] == ["default", "ci"]
    assert new["secret_access_key"] not in json.dumps(listed)
    status, gone = await ask(client, "POST", "/v1/access-keys/ci:revoke")
    assert (status, gone["keys"][0]["name"]) == (200, "ci")
    assert keys.secret_of(new["access_key_id"]) is None


async def test_a_rotation_of_the_default_key_is_what_presigns_next(control):
    client, keys = control
    before = keys.default.access_key_id
    status, new = await ask(client, "POST", "/v1/access-keys/default:rotate", {"grace": 0})
    assert status == 201
    assert keys.default.access_key_id == new["access_key_id"]
    assert keys.secret_of(before) is None


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/access-keys", {"name": "a/b"}, 400, "InvalidRequest"),
        ("/v1/access-keys", {"bucket": "photos", "prefix": "../x"}, 400, "InvalidRequest"),
        ("/v1/access-keys", {"prefix": "x"}, 400, "InvalidRequest"),
        ("/v1/access-keys", {"lifetime": -1}, 400, "InvalidRequest"),
        ("/v1/access-keys", {"lifetime": "1d"}, 400, "InvalidRequest"),
        ("/v1/access-keys", {"secret": "mine"}, 400, "InvalidRequest"),
        ("/v1/access-keys", {"name": "default"}, 400, "InvalidRequest"),
        ("/v1/access-keys/nobody:rotate", {}, 404, "NoSuchAccessKey"),
        ("/v1/access-keys/nobody:revoke", None, 404, "NoSuchAccessKey"),
        ("/v1/access-keys/default:rotate", {"grace": -1}, 400, "InvalidRequest"),
        ("/v1/access-keys/default:revoke", None, 400, "InvalidRequest"),
    ],
)
async def test_bad_requests_change_nothing(control, path, body, status, code):
    client, keys = control
    before = keys.default
    found, problem = await ask(client, "POST", path, body)
    assert (found, problem["code"]) == (status, code)
    assert keys.default == before
    assert len((await ask(client, "GET", "/v1/access-keys"))[1]["keys"]) == 1
