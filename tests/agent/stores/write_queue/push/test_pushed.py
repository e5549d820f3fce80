import pytest

from s3d.agent.stores.write_queue.push.pushed import Pushed


@pytest.mark.parametrize(
    ("remote", "acknowledged", "client"),
    [
        ("e", "e", ""),
        ('"e"', "e", ""),
        ("other", "e", "e"),
        ("other", "", ""),
        ("", "e", "e"),
    ],
)
def test_the_client_s_etag_is_told_when_the_remote_has_another(remote, acknowledged, client):
    assert Pushed(remote, acknowledged).client_etag == client
