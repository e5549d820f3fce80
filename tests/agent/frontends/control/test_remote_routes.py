"""Routes of what waits for other remotes, over real queues in files."""

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.app.remote_folders import claim
from s3d.agent.app.waiting_writes import WaitingWrites
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.frontends.control.remote_routes import FleetRoutes, RemoteRoutes
from s3d.agent.stores.write_queue.move_writes import Target
from s3d.shared.control import Problem, decode, encode
from s3d.shared.transfers import (
    AdoptRequest,
    MoveRequest,
    MoveResult,
    QueueStatus,
    RemoteList,
    TransferList,
)
from tests.agent.app.test_waiting_writes import FIRST, SECOND, park, stage
from tests.agent.frontends.control.served import served
from tests.contract.client import Client


class InUse:
    """The remote in use, and a person's word on whose its key is."""

    names = ("second", "http://second")

    def __init__(self):
        self.account = self
        self.is_confirmed = True
        self.done = []

    async def adopt(self):
        self.done.append("adopt")

    async def separate(self):
        self.done.append("separate")


async def ask(client, method, path, body=None):
    data = None if body is None else encode(body)
    async with client.request(method, path, data=data) as response:
        return response.status, await response.read()


@pytest.fixture
async def waiting(places, tmp_path):
    base = tmp_path / "write_queue"
    claim(base, FIRST)
    claim(base, SECOND)
    await stage(base, "a", "b", "c")
    store = open_embedded(tmp_path / "store")
    await Client(store.local)("CreateBucket", Bucket="bbb")
    yield WaitingWrites(base, base / "remotes" / "second", Target(store.local))
    store.close()


@pytest.mark.finding("D1")
async def test_what_waits_is_listed_exported_discarded_and_moved(places, waiting):
    async with served(places.socket, RemoteRoutes(waiting, InUse(), None).routes()) as client:
        listed = decode((await ask(client, "GET", "/v1/remotes"))[1], RemoteList)
        assert [each.id for each in listed.remotes] == ["first"]
        path = "/v1/remotes/first/writes"
        page = decode((await ask(client, "GET", f"{path}?limit=2"))[1], TransferList)
        assert ([write.key for write in page.transfers], page.cursor) == (["a", "b"], "2")
        rest = decode((await ask(client, "GET", f"{path}?cursor=2"))[1], TransferList)
        assert ([write.key for write in rest.transfers], rest.cursor) == (["c"], "")
        assert await ask(client, "POST", f"{path}/1:export") == (200, b"12345")
        assert (await ask(client, "POST", f"{path}/1:discard"))[0] == 204
        assert (await ask(client, "POST", f"{path}/1:export"))[0] == 404
        body = MoveRequest("http://second", ["3"])
        moved = await ask(client, "POST", "/v1/remotes/first:move", body)
        assert decode(moved[1], MoveResult) == MoveResult(1)
        body = MoveRequest("second")
        moved = await ask(client, "POST", "/v1/remotes/first:move", body)
        assert decode(moved[1], MoveResult) == MoveResult(1)
        assert waiting.status() == []


@pytest.mark.finding("B6")
async def test_a_url_names_a_remote_however_it_is_written(places, waiting):
    async with served(places.socket, RemoteRoutes(waiting, InUse(), None).routes()) as client:
        for name, ids in (("HTTP%3A%2F%2FFirst%3A80%2F", ["first"]), ("first", ["first"]),
                          ("http%3A%2F%2Fother", []), ("nothing", [])):  # fmt: skip
            _, body = await ask(client, "GET", f"/v1/remotes?name={name}")
            assert [each.id for each in decode(body, RemoteList).remotes] == ids
        moved = await ask(client, "POST", "/v1/remotes/first:move", MoveRequest("HTTP://Second/"))
        assert decode(moved[1], MoveResult) == MoveResult(3)


@pytest.mark.finding("A4")
async def test_a_conflict_that_is_parked_there_is_listed_exported_and_discarded(
    places, waiting, tmp_path
):
    await park(tmp_path / "write_queue")
    async with served(places.socket, RemoteRoutes(waiting, InUse(), None).routes()) as client:
        path = "/v1/remotes/first/writes"
        page = decode((await ask(client, "GET", path))[1], TransferList).transfers
        assert [(write.key, write.state) for write in page] == [
            ("a", "conflict"), ("b", "waiting"), ("c", "waiting")]  # fmt: skip
        assert page[0].remote_etag == '"theirs"'
        assert await ask(client, "POST", f"{path}/1:export") == (200, b"12345")
        assert (await ask(client, "POST", f"{path}/1:discard"))[0] == 204
        assert (await ask(client, "POST", f"{path}/1:export"))[0] == 404
        assert waiting.status()[0].writes.files == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/remotes/first:move", MoveRequest("http://elsewhere"), 409, "WrongState"),
        ("/v1/remotes/nobody:move", MoveRequest("second"), 404, "NoSuchRemote"),
        ("/v1/remotes/first:move", MoveRequest("second", ["x"]), 400, "InvalidArgument"),
        ("/v1/remotes/nobody/writes/1:discard", None, 404, "NoSuchRemote"),
        ("/v1/remotes/first/writes/99:discard", None, 404, "NoSuchTransfer"),
        ("/v1/remotes/first/writes/x:discard", None, 400, "InvalidArgument"),
        ("/v1/queue:adopt", AdoptRequest(), 409, "NoRemote"),
    ],
)
async def test_what_is_refused(places, waiting, path, body, status, code):
    async with served(places.socket, RemoteRoutes(waiting, InUse(), None).routes()) as client:
        found, problem = await ask(client, "POST", path, body)
        assert (found, decode(problem, Problem).code) == (status, code)


async def test_a_move_that_the_target_refuses_names_the_writes(places, waiting):
    await Client(waiting._target.store)("DeleteBucket", Bucket="bbb")
    async with served(places.socket, RemoteRoutes(waiting, InUse(), None).routes()) as client:
        _, answer = await ask(client, "POST", "/v1/remotes/first:move", MoveRequest("second"))
        result = decode(answer, MoveResult)
        assert (result.moved, [each.code for each in result.failures]) == (0, ["NoSuchBucket"] * 3)
        assert waiting.status()[0].writes.files == 3


async def test_a_person_says_whose_the_key_is(places, gate):
    in_use = InUse()
    (gate.rig.journal.totals().files, gate.rig.start())
    routes = RemoteRoutes(None, in_use, gate.queue).routes()
    async with served(places.socket.parent / "other.sock", routes) as client:
        assert (await ask(client, "POST", "/v1/queue:adopt", AdoptRequest()))[0] == 409
        in_use.is_confirmed = False
        for separate in (False, True):
            status, body = await ask(client, "POST", "/v1/queue:adopt", AdoptRequest(separate))
            assert (status, decode(body, QueueStatus).left.files) == (200, 0)
        assert in_use.done == ["adopt", "separate"]
        assert decode((await ask(client, "GET", "/v1/remotes"))[1], RemoteList).remotes == []
        assert (await ask(client, "GET", "/v1/remotes/first/writes"))[0] == 409


async def test_a_device_without_the_setting_is_in_no_fleet():
    with pytest.raises(ControlError, match="in no fleet"):
        await FleetRoutes(None).show(None)
