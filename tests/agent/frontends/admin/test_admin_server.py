import json
import socket

import pytest

from s3d.shared.control import Problem, decode
from s3d.shared.diagnostics import (
    OTHER_ACCOUNT,
    STARTING,
    Readiness,
    ReadinessCheck,
    readiness_of,
)
from tests.agent.frontends.admin.conftest import TOKEN, answer_of

FOLDER = ReadinessCheck("sync folder secret-plans", True, "/home/me/secret-plans is offline")


async def test_metrics_are_those_that_the_client_accepts(wire):
    answer = await wire("/metrics?debug=1")
    assert (answer.status, answer.body) == (200, b'# HELP accept "mine"\n')
    assert answer.headers["content-type"] == "text/plain; version=0.0.4"


async def test_a_head_has_the_headers_of_the_get_and_no_body(wire):
    answer = await wire("/metrics", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len('# HELP accept "mine"\n'))


async def test_it_is_healthy_before_there_is_a_session_but_not_ready(wire):
    assert (await wire("/healthz")).body == b"ok\n"
    answer = await wire("/readyz")
    assert answer.status == 503
    assert decode(answer.body, Readiness).checks == [ReadinessCheck("stores", False, STARTING)]


async def test_a_session_shows_its_readiness_until_it_ends(server, wire):
    checks = [FOLDER]
    server.attach(lambda: readiness_of(checks))
    answer = await wire("/readyz")
    assert (answer.status, decode(answer.body, Readiness).checks) == (200, [FOLDER])
    checks.append(ReadinessCheck("endpoint", False, "the agent is stopping"))
    answer = await wire("/readyz")
    assert (answer.status, decode(answer.body, Readiness).status) == (503, "not ready")
    server.detach(OTHER_ACCOUNT)
    assert OTHER_ACCOUNT.encode() in (await wire("/readyz")).body
    assert (await wire("/healthz")).status == (await wire("/metrics")).status == 200


async def test_without_the_token_there_are_no_names_and_no_metrics(guarded, guarded_wire):
    guarded.attach(lambda: readiness_of([FOLDER]))
    assert (await guarded_wire("/healthz")).body == b"ok\n"
    assert json.loads((await guarded_wire("/readyz")).body) == {"status": "ready"}
    refused = await guarded_wire("/metrics")
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="s3d"')
    guarded.detach(STARTING)
    assert json.loads((await guarded_wire("/readyz")).body) == {"status": "not ready"}


async def test_with_the_token_there_is_everything(guarded, guarded_wire):
    guarded.attach(lambda: readiness_of([FOLDER]))
    assert (await guarded_wire("/metrics", token=TOKEN)).status == 200
    answer = await guarded_wire("/readyz", token=TOKEN)
    assert decode(answer.body, Readiness).checks == [FOLDER]


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/healthz"])
async def test_a_wrong_token_is_refused_everywhere_and_not_repeated(guarded_wire, path):
    answer = await guarded_wire(path, token="0123456789abcdef-wrong")
    assert answer.status == 401
    assert b"wrong" in answer.body
    assert b"0123456789" not in answer.body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:33334", "localhost.evil.example"])
@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/healthz", "/"])
async def test_a_page_of_another_site_reaches_nothing(wire, host, path):
    answer = await wire(path, host=host)
    assert answer.status == 403
    assert decode(answer.body, Problem).hint == "add it to S3D_HOSTS"


async def test_a_target_with_a_host_of_its_own_is_refused(wire):
    request = b"GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert answer_of(await wire.raw(request)).status == 403


@pytest.mark.parametrize("line", [b"GET /metrics HTTP/1.0", b"GET /metrics"])
async def test_a_request_without_a_host_is_refused(wire, line):
    assert answer_of(await wire.raw(line + b"\r\n\r\n")).status == 403


async def test_no_response_may_be_read_by_another_site(wire):
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n"
    answers = [answer_of(await wire.raw(request)), await wire("/none"), await wire("/", host="x")]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["server"] == "s3d"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
async def test_only_get_and_head(wire, method):
    answer = await wire("/metrics", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/v1/status", "/metrics/", "//metrics", "/%6detrics"])
async def test_nothing_else_is_served(wire, path):
    assert (await wire(path)).status == 404


async def test_a_page_that_fails_is_a_500_without_its_reason(server, wire, caplog):
    def fails():
        raise RuntimeError("secret reason")

    server.attach(fails)
    answer = await wire("/readyz")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert "secret reason" in caplog.text


async def test_localhost_is_both_loopback_addresses(server):
    port = await server.start("localhost", 0)
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as client:
            if client.connect_ex((address, port)):
                assert family == socket.AF_INET6
                pytest.skip("no IPv6 here")
