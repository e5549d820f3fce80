"""notification_rules: what S3 refuses in a configuration, and what a rule selects."""

from __future__ import annotations

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.event_names import CREATED_PUT, REMOVED
from s3d.agent.s3.notification_rules import check, probed_targets, rules_of, target_arn

ARNS = {target_arn("sqs", "jobs"), target_arn("webhook", "hook")}


def queue(*events: str, arn: str = "arn:s3d:sqs:::jobs", **filters: str):
    one = {"Id": "one", "QueueArn": arn, "Events": list(events or ["s3:ObjectCreated:*"])}
    rules = [{"Name": name, "Value": value} for name, value in filters.items()]
    return one | ({"Filter": {"Key": {"FilterRules": rules}}} if rules else {})


def refused(*queues) -> S3Error:
    with pytest.raises(S3Error) as caught:
        check({"QueueConfigurations": list(queues)}, ARNS)
    assert caught.value.code == "InvalidArgument"
    return caught.value


def test_a_rule_selects_by_type_prefix_and_suffix():
    (rule,) = rules_of({"QueueConfigurations": [queue(prefix="in/", suffix=".jpg")]})
    assert (rule.id, rule.target) == ("one", "jobs")
    assert rule.selects(CREATED_PUT, "in/a.jpg")
    assert not rule.selects(REMOVED, "in/a.jpg")
    assert not rule.selects(CREATED_PUT, "out/a.jpg")
    assert not rule.selects(CREATED_PUT, "in/a.png")


def test_each_kind_of_configuration_names_targets():
    hook = target_arn("webhook", "hook")
    configuration = {
        "QueueConfigurations": [queue()],
        "TopicConfigurations": [{"TopicArn": hook, "Events": ["s3:ObjectAcl:Put"]}],
        "LambdaFunctionConfigurations": [
            {"LambdaFunctionArn": hook, "Events": ["s3:ObjectRemoved:*"]}
        ],
        "EventBridgeConfiguration": {},
    }
    check(configuration, ARNS)
    assert [rule.target for rule in rules_of(configuration)] == ["jobs", "hook", "hook"]
    assert probed_targets(configuration) == ["jobs", "hook"]
    del configuration["TopicConfigurations"]
    assert probed_targets(configuration) == ["jobs"], "a Lambda function gets no test message"


@pytest.mark.parametrize("arn", ["arn:aws:sqs:us-east-1:1:jobs", "arn:s3d:sqs:::nobody", ""])
def test_a_target_that_does_not_exist_is_refused(arn):
    error = refused(queue(arn=arn))
    assert error.message == "Unable to validate the following destination configurations"
    assert error.detail["ArgumentName1"] == arn
    assert "arn:s3d:sqs:::jobs" in error.detail["ArgumentValue1"]


def test_an_unknown_event_is_refused():
    assert "not supported" in refused(queue("s3:ObjectEaten:*")).message


def test_a_bad_filter_is_refused():
    assert "prefix or suffix" in refused(queue(infix="a")).message
    assert "more than one prefix" in refused(queue(prefix="a", Prefix="b")).message
    assert "1024 bytes" in refused(queue(prefix="é" * 513)).message


def test_rules_that_overlap_are_refused():
    assert refused(queue(), queue()).message.startswith("Configurations overlap")
    ambiguous = refused(queue(prefix="a"), queue(prefix="ab", suffix=".x"))
    assert "ambiguously" in ambiguous.message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (queue(prefix="a/"), queue(prefix="b/")),
        (queue(suffix=".jpg"), queue(suffix=".png")),
        (queue("s3:ObjectCreated:Put"), queue("s3:ObjectCreated:Copy")),
    ],
)
def test_rules_that_do_not_overlap_are_taken(one, other):
    check({"QueueConfigurations": [one, other]}, ARNS)
