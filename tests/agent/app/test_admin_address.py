import socket

import aiohttp
import pytest

from s3d.agent.app.admin_address import AdminAddress, scrape
from s3d.agent.core.metric_table import CACHE_HITS, TABLE
from s3d.agent.core.telemetry import Registry
from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.errors import S3dError
from tests.scrape import parse


@pytest.fixture
def registry():
    registry = Registry()
    registry.counter(CACHE_HITS).add(3)
    return registry


def test_a_scrape_is_the_whole_registry(registry):
    text, content_type = scrape(registry, "")
    assert content_type.startswith("text/plain; version=0.0.4")
    assert parse(text.decode()).value(CACHE_HITS) == 3
    text, content_type = scrape(registry, "application/openmetrics-text;version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert parse(text.decode()).value(CACHE_HITS) == 3
    assert CACHE_HITS in TABLE


async def test_it_has_the_real_port_and_serves_the_metrics(registry):
    address = AdminAddress(Config(admin="http://127.0.0.1:0"), None, registry)
    await address.start()
    try:
        assert not address.url.endswith(":0")
        async with aiohttp.ClientSession() as http, http.get(f"{address.url}/metrics") as response:
            assert parse(await response.text()).value(CACHE_HITS) == 3
    finally:
        await address.stop()


async def test_its_own_name_and_those_of_the_setting_hosts_are_allowed(registry):
    own = socket.gethostname().lower()
    address = AdminAddress(Config(admin=f"http://{own}:0", hosts=("nas.home",)), None, registry)
    try:
        await address.start()
    except S3dError:
        pytest.skip("this machine does not know its own name")
    expected = {own: 200, "nas.home": 200, "evil.example": 403}
    try:
        async with aiohttp.ClientSession() as http:
            for host, status in expected.items():
                url = f"{address.url}/healthz"
                async with http.get(url, headers={"Host": host}) as response:
                    assert (host, response.status) == (host, status)
    finally:
        await address.stop()


async def test_a_name_that_no_machine_has_is_an_error(registry):
    address = AdminAddress(Config(admin="http://nobody.invalid:33334"), None, registry)
    with pytest.raises(S3dError, match=r"cannot listen on http://nobody\.invalid:33334") as caught:
        await address.start()
    assert "S3D_ADMIN" in caught.value.remedy


async def test_without_the_setting_nothing_listens(registry):
    address = AdminAddress(Config(), Secret("0123456789abcdef"), registry)
    await address.start()
    assert address.url == ""
    await address.stop()


async def test_a_taken_port_is_an_error_that_names_the_setting(registry):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        address = AdminAddress(Config(admin=url), None, registry)
        with pytest.raises(S3dError) as caught:
            await address.start()
        await address.stop()
    assert str(caught.value) == f"cannot listen on {url}: another program is listening on this port"
    assert "S3D_ADMIN" in caught.value.remedy


async def test_an_address_of_another_machine_is_an_error(registry):
    address = AdminAddress(Config(admin="http://192.0.2.1:33334"), None, registry)
    with pytest.raises(S3dError, match=r"cannot listen on http://192\.0\.2\.1:33334"):
        await address.start()
    await address.stop()
