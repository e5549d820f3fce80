"""A running gateway changes its settings, reports itself, and survives a broken document."""

from contextlib import closing

import pytest

from s3d.agent.app.fleet_member import SettingsApplier
from s3d.agent.app.gateway import open_gateway
from s3d.agent.core.events import Events
from s3d.shared.config.fleet_document import parse_document, with_document
from s3d.shared.config.values import parse_timetable
from s3d.shared.fleet import FleetList
from tests.agent.app.test_gateway import settings
from tests.gateway.conftest import peer_client, remote_settings
from tests.known_load import wait_until

URL = "s3://fleet/s3d.toml"


class NoFolders:
    """No sync folders; woken: how often they were informed of changed rules."""

    woken = 0

    def rules_changed(self) -> None:
        self.woken += 1


@pytest.fixture
async def gateway(tmp_path):
    config, places = settings(tmp_path)
    opened = await open_gateway(config, places, Events())
    yield opened, config
    await opened.close()


async def test_each_setting_changes_the_running_gateway(gateway):
    running, config = gateway
    folders = NoFolders()
    applier = SettingsApplier(config, running, folders)
    text = (
        'after_upload = "evict when verified"\nbandwidth_timetable = "1M:2M"\n'
        '[bandwidth]\nsync = "1M"\n'
        '[write_queue]\nmax_files = 7\nfilter = "b/only/"\n'
        'bandwidth = "1MiB"\npriorities = "b/=7"\nwhen_full = "reject"\n'
        '[read_cache]\nmax_files = 5\nmax_age = "5m"\nfilter = "b/cached/"\n'
    )
    await applier.apply(with_document(config, parse_document(text, URL)))
    queue, cache = running.queue, running.cache.layer
    assert (queue.admission.limits.max_files, queue.admission.limits.wait) == (7, 0.0)
    assert queue.throttle.rate == 1 << 20
    assert str(running.push_policy.filter) == "b/only/"
    assert (cache.catalog.room.limits.files, cache.freshness.max_age) == (5, 300.0)
    assert str(cache.eligibility.rules.filter) == "b/cached/"
    assert running.uploads.rules.after_upload.evicts
    assert queue.journal.recorder.priorities.of("b", "k") == 7
    assert folders.woken == 1
    assert running.remote.traffic.is_active
    await applier.apply(with_document(config, parse_document('[bandwidth]\nsync = "1M"\n', URL)))
    assert running.remote.traffic.is_active  # by the limit of sync folders alone
    await applier.apply(config)
    assert not running.remote.traffic.is_active


async def test_what_the_document_does_not_change_stays_as_the_user_has_set_it(gateway):
    running, config = gateway
    applier = SettingsApplier(config, running, NoFolders())
    text = "[write_queue]\nmax_files = 7\n"
    await applier.apply(with_document(config, parse_document(text, URL)))
    of_the_user = running.queue.throttle.timetable = parse_timetable("3MiB")
    await applier.apply(with_document(config, parse_document(text + "max_age = '1h'\n", URL)))
    assert running.queue.throttle.timetable == of_the_user
    await applier.apply(config)  # the document is empty again
    assert running.queue.admission.limits.max_files == config.write_queue.max_files


@pytest.mark.slow
def test_a_real_agent_takes_the_settings_of_its_fleet_and_is_listed(
    start_agent, seaweedfs, new_bucket
):
    with closing(peer_client(seaweedfs)) as remote:
        document = {"Bucket": new_bucket, "Key": "conf/s3d.toml"}
        remote.put_object(**document, Body=b"[write_queue]\nmax_files = 7\n")
        env = {"S3D_CONFIG_URL": f"s3://{new_bucket}/conf/s3d.toml", "S3D_DEVICE": "camera"}
        agent = start_agent(env={**remote_settings(seaweedfs), **env})
        wait_until(lambda: agent.client.status().queue.limits.max_files == 7)
        wait_until(lambda: fleet_of(agent).devices)
        (device,) = fleet_of(agent).devices
        assert (device.name, device.heartbeat.device) == ("camera", "camera")
        remote.put_object(**document, Body=b'endpoint = "http://0.0.0.0:1"\n')
        agent.stop()
        agent = start_agent(env={**remote_settings(seaweedfs), **env})
        assert agent.client.status().queue.limits.max_files == 7  # the last good one
        wait_until(lambda: any("endpoint" in each for each in agent.client.status().warnings))


def fleet_of(agent) -> FleetList:
    return agent.client.request("GET", "/v1/fleet", FleetList)
