import pytest

from s3d.agent.core.failures import Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.owner import owner_of
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.peers.proxy import Fault, Partition
from tests.peers.servers import OTHER, ROTATED


async def ask(peer, key=None):
    key = key or (peer.access_key, peer.secret_key)
    return await owner_of(Settings(peer.endpoint), RemoteKey(*key), peer.region)


@pytest.mark.finding("D1")
async def test_two_keys_of_an_account_have_the_same_owner_and_others_another(seaweedfs):
    assert await ask(seaweedfs) == await ask(seaweedfs, ROTATED) != await ask(seaweedfs, OTHER)


async def test_a_refusal_to_list_buckets_is_no_owner(faulty_seaweedfs):
    faulty_seaweedfs.inject(Fault(status=403, code="AccessDenied"))
    assert await ask(faulty_seaweedfs.peer) == ""


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SlowDown"])
async def test_a_refusal_that_says_nothing_of_the_account_is_an_error(faulty_seaweedfs, code):
    faulty_seaweedfs.inject(Fault(status=403 if code[0] == "I" else 503, code=code), times=9)
    with pytest.raises(S3Error):
        await ask(faulty_seaweedfs.peer)


async def test_a_remote_that_is_away_is_an_error(faulty_seaweedfs):
    faulty_seaweedfs.cut(Partition.REFUSED)
    with pytest.raises(S3Error) as caught:
        await ask(faulty_seaweedfs.peer)
    assert isinstance(caught.value.failure, Unreachable)


@pytest.mark.parametrize(
    "page",
    [
        b"<html><body>Sign in to the network</body></html>",
        b"<ListBucketResult><Owner><ID>forged</ID></Owner></ListBucketResult>",
        b"",
        b"<ListAllMyBucketsResult><Owner><ID>cut off",
    ],
)
async def test_an_answer_of_something_else_is_no_owner(page, aiohttp_page):
    with pytest.raises(S3Error) as caught:
        await ask(aiohttp_page(page))
    assert isinstance(caught.value.failure, Unreachable)


@pytest.fixture
async def aiohttp_page():
    """A server that answers everything with one page and 200."""
    from contextlib import AsyncExitStack

    from aiohttp import web

    from tests.peers.servers import Peer, free_ports

    async with AsyncExitStack() as closing:
        (port,) = free_ports(1)
        pages = []

        async def answer(request):
            return web.Response(body=pages[0], content_type="text/html")

        server = web.ServerRunner(web.Server(answer))
        await server.setup()
        closing.push_async_callback(server.cleanup)
        await web.TCPSite(server, "127.0.0.1", port).start()

        def serve(page):
            pages.append(page)
            return Peer("page", f"http://127.0.0.1:{port}", "key", "secret")

        yield serve
