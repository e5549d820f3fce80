"""A client of the admin address, as simple as a probe."""

from __future__ import annotations

import http.client
from typing import NamedTuple
from urllib.parse import urlsplit

from s3d.cli.client.unix_http import exchange
from s3d.shared.control import decode
from s3d.shared.diagnostics import Readiness
from tests.agent_process import AgentProcess

ANY_PORT = "http://127.0.0.1:0"


class Page(NamedTuple):
    """A response."""

    status: int
    body: bytes

    @property
    def readiness(self) -> Readiness:
        return decode(self.body, Readiness)


def admin_url(agent: AgentProcess) -> str:
    admin = agent.client.status().admin
    assert admin is not None
    return admin.url


def socket_page(agent: AgentProcess, path: str) -> Page:
    """GET a page of the control socket."""
    with exchange(agent.places.socket, ("GET", path), {"Host": "s3d"}, timeout=10) as answer:
        return Page(answer.status, answer.read())


def page(url: str, path: str, **headers: str) -> Page:
    """GET a page. headers: with _ in place of -. Raises OSError when nobody listens."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers=named)
        response = connection.getresponse()
        return Page(response.status, response.read())
    finally:
        connection.close()
