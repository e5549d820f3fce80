"""The route asks what would decide; tests/cli/test_explain has the reasons themselves."""

from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.frontends.control.access_decision_routes import AccessDecisionRoutes
from s3d.agent.s3.access_decision import Decision
from s3d.agent.s3.actions import Need
from s3d.shared.access_key import AccessKey
from s3d.shared.config.values import Secret
from s3d.shared.control import Explanation, decode


class Call:
    """The query of a request."""

    def __init__(self, **query):
        self.query = query

    def required(self, name):
        return self.query[name]


async def test_what_is_asked_and_answered():
    asked = []

    def explain(need, caller, prefix):
        asked.append((need, caller.access_key_id, prefix))
        return Decision(True, "because")

    keys = AccessKeys([AccessKey("ID", Secret("secret")), AccessKey("CI", Secret("s"), name="ci")])
    routes = AccessDecisionRoutes(explain, keys)
    for query, expected in (
        (
            {"action": "GetObject", "bucket": "b", "key": "k"},
            (Need("s3:GetObject", "b", "k"), "ID", ""),
        ),
        (
            {"action": "s3:ListBucket", "bucket": "b", "key": "p/", "as": "ci"},
            (Need("s3:ListBucket", "b"), "CI", "p/"),
        ),
        (
            {"action": "s3:ListBucket", "bucket": "b", "as": "anonymous"},
            (Need("s3:ListBucket", "b"), "", ""),
        ),
    ):
        answered = decode((await routes.explain(Call(**query))).body, Explanation)
        assert asked.pop() == expected
        assert (answered.allowed, answered.reason) == (True, "because")
    assert answered.caller == "anonymous"
    assert answered.resource == "arn:aws:s3:::b"
