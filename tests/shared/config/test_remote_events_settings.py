"""The settings of remote events, as a user writes them."""

import pytest

from s3d.shared.config.load import load_config
from s3d.shared.config.remote_events_settings import parse_source
from s3d.shared.errors import UsageError

QUEUE = "sqs:https://sqs.eu-west-1.amazonaws.com/111122223333/s3d-laptop"


def test_the_environment_has_the_names_of_the_guide():
    env = {
        "S3D_REMOTE_EVENTS": QUEUE,
        "S3D_REMOTE_EVENTS_PROFILE": "events",
        "S3D_REMOTE_EVENTS_REGION": "eu-west-1",
        "S3D_REMOTE_EVENTS_ENDPOINT": "http://127.0.0.1:9324",
        "S3D_REMOTE_EVENTS_TOKEN": "t" * 20,
        "S3D_REMOTE_EVENTS_COST_LIMIT": "0.5",
    }
    events = load_config(None, env, {}).remote_events
    assert (events.source, events.profile, events.region) == (QUEUE, "events", "eu-west-1")
    assert (events.endpoint, events.cost_limit) == ("http://127.0.0.1:9324", 0.5)
    assert events.token is not None
    assert "t" * 20 not in repr(events)


@pytest.mark.parametrize("text", ["marker", "off", QUEUE, "sqs:http://127.0.0.1:9324/1/q"])
def test_a_source_is_accepted(text):
    assert parse_source(text) == text


@pytest.mark.parametrize("text", ["", "sqs", "sqs:", "sqs:queue", "sqs:ftp://h/q", "https://h/q"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="http"):
        parse_source(text)


def test_the_error_names_the_variable():
    with pytest.raises(UsageError, match="S3D_REMOTE_EVENTS"):
        load_config(None, {"S3D_REMOTE_EVENTS": "nonsense"}, {})


def test_a_url_has_no_credentials():
    with pytest.raises(ValueError, match="credentials"):
        parse_source("sqs:https://a:b@h/q")
