import pytest

from s3d.agent.frontends.control import check_routes
from s3d.agent.frontends.control.check_routes import CheckRoutes
from s3d.shared.control import Problem, decode
from s3d.shared.diagnostics import CheckLine, CheckPage, Damage
from s3d.shared.transfers import Totals
from tests.agent.frontends.control.served import served

WRONG = Damage("store", "bucket/key", "gone", remedy="restore it")


class Checks:
    """Three steps, the second with damage; how each run was asked for, and how many have ended."""

    def __init__(self):
        self.asked = []
        self.ended = 0

    async def run(self, *, repair):
        self.asked.append(repair)
        try:
            yield CheckLine(Totals(1, 10))
            yield CheckLine(Totals(2, 20), WRONG)
            yield CheckLine(Totals(2, 20), done=True)
        finally:
            self.ended += 1


@pytest.fixture
async def checks(tmp_path):
    """A client, and what it checks; each step is a page of its own."""
    found = Checks()
    async with served(tmp_path / "run/agent.sock", CheckRoutes(found).routes()) as client:
        yield client, found


async def ask(client, **words):
    async with client.post("/v1/check", params=words) as response:
        data = await response.read()
        kind = CheckPage if response.status == 200 else Problem
        return decode(data, kind)


async def test_all_is_one_page_when_it_takes_no_time(checks):
    client, found = checks
    assert await ask(client) == CheckPage(Totals(2, 20), [WRONG])
    assert found.asked == [False]


async def test_a_check_goes_on_by_its_cursor(checks, monkeypatch):
    client, found = checks
    monkeypatch.setattr(check_routes, "PAGE", 0.0)
    first = await ask(client, repair="true")
    assert (first.checked, first.damage) == (Totals(1, 10), [])
    second = await ask(client, cursor=first.cursor)
    assert second.damage == [WRONG]
    last = await ask(client, cursor=first.cursor)
    assert (last.damage, last.cursor) == ([], "")
    assert (found.asked, found.ended) == ([True], 1)
    assert (await ask(client, cursor=first.cursor)).code == "WrongState"


async def test_a_new_check_ends_one_that_was_left(checks, monkeypatch):
    client, found = checks
    monkeypatch.setattr(check_routes, "PAGE", 0.0)
    left = await ask(client)
    new = await ask(client)
    assert found.ended == 1
    assert (await ask(client, cursor=left.cursor)).code == "WrongState"
    assert (await ask(client, cursor=new.cursor)).damage == [WRONG]


async def test_repair_is_true_or_false(checks):
    client, _ = checks
    assert (await ask(client, repair="yes")).code == "InvalidArgument"
