import asyncio
from itertools import count, pairwise

from s3d.agent.core.store import Completed
from s3d.agent.s3.messages import BytesBody, S3Request, S3Response
from s3d.agent.s3.model import operations
from s3d.agent.stores.access.delete_objects import delete_permitted


class Inner:
    """Notes what arrives, and reports one error of its own."""

    def __init__(self):
        self.request = None

    def call(self, request):
        self.request = request
        return Completed(S3Response({"Deleted": [], "Errors": [{"Key": "own"}]}))


def request(*objects):
    members = {"Bucket": "b", "Delete": {"Objects": list(objects)}, "ContentMD5": "x"}
    return S3Request(operations()["DeleteObjects"], members, BytesBody(b"<Delete/>"))


async def test_what_is_permitted_is_passed_on_and_the_rest_reported():
    inner = Inner()
    asked = request({"Key": "a"}, {"Key": "b", "VersionId": "1"})
    response = await delete_permitted(inner, asked, lambda need: need.key == "a")
    assert inner.request.input == {"Bucket": "b", "Delete": {"Objects": [{"Key": "a"}]}}
    assert inner.request.body is None
    refused = {"Key": "b", "Code": "AccessDenied", "Message": "Access Denied", "VersionId": "1"}
    assert response.output["Errors"] == [{"Key": "own"}, refused]


async def test_a_request_that_is_permitted_whole_is_passed_on_as_it_came():
    inner, asked = Inner(), request({"Key": "a"})
    await delete_permitted(inner, asked, lambda need: True)
    assert inner.request is asked


async def test_nothing_is_passed_on_when_nothing_is_permitted():
    inner = Inner()
    response = await delete_permitted(inner, request({"Key": "a"}), lambda need: False)
    assert inner.request is None
    assert [row["Code"] for row in response.output["Errors"]] == ["AccessDenied"]


async def test_a_version_and_a_bypass_have_actions_of_their_own():
    asked = request({"Key": "a", "VersionId": "1"})
    asked.input["BypassGovernanceRetention"] = True
    actions = []
    await delete_permitted(Inner(), asked, lambda need: actions.append(need.action) or True)
    assert actions == ["s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"]


async def gaps_of(number_of_keys, **options):
    """How many keys are decided between two turns of another task."""
    keys = [{"Key": f"k{number}"} for number in range(number_of_keys)]
    decided, seen = [], []

    async def other():
        while len(decided) < len(keys):
            seen.append(len(decided))
            await asyncio.sleep(0)

    def decide(need):
        decided.append(need)
        return True

    async with asyncio.TaskGroup() as group:
        group.create_task(other())
        group.create_task(delete_permitted(Inner(), request(*keys), decide, **options))
    assert len(decided) == number_of_keys
    return [after - before for before, after in pairwise(seen)]


async def test_other_requests_get_their_turn_while_a_long_list_is_decided():
    assert max(await gaps_of(1_000)) <= 64


async def test_other_requests_get_their_turn_while_a_policy_is_slow():
    """Each decision takes longer than a slice of time."""
    assert max(await gaps_of(20, clock=count(0.0, 0.01).__next__)) <= 1
