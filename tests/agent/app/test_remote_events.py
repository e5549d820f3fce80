"""remote_events: what the configuration makes. Whole agents with it: tests/e2e."""

import pytest

from s3d.agent.app.remote_events import region_of


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/111122223333/q", "eu-west-1"),
        ("https://eu-central-1.queue.amazonaws.com/111122223333/q", "eu-central-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q", "cn-north-1"),
        ("http://127.0.0.1:9324/000000000000/q", ""),
        ("https://sqs.eu-west-1.example.com/1/q", ""),
    ],
)
def test_the_region_of_a_queue_is_in_its_url(url, region):
    assert region_of(url) == region
