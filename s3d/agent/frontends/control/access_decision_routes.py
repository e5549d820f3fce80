"""GET /v1/access-decision: may a key do this, and what decides?

`s3d explain` shows the answer.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.s3.access_decision import Decision
from s3d.agent.s3.actions import Need, need_of_action
from s3d.agent.s3.key_scope import LISTINGS
from s3d.agent.s3.principal import ANONYMOUS, Principal
from s3d.shared import control
from s3d.shared.access_key import DEFAULT_KEY

Explain = Callable[[Need, Principal, str], Decision]
"""(what is needed, caller, prefix of a listing) -> the decision."""


class AccessDecisionRoutes:
    """Explains decisions about access; it carries nothing out."""

    def __init__(self, explain: Explain, keys: AccessKeys) -> None:
        self._explain = explain
        self._keys = keys

    def routes(self) -> list[Route]:
        words = frozenset({"action", "bucket", "key", "as"})
        return [Route("GET", "/v1/access-decision", self.explain, words)]

    async def explain(self, call: Call) -> web.Response:
        """as: the name or id of a key, or "anonymous"; the default key without it."""
        bucket, key = call.required("bucket"), call.query.get("key", "")
        need = need_of_action(call.required("action"), bucket, key)
        caller = self._caller(call.query.get("as") or DEFAULT_KEY)
        prefix = key if need.action in LISTINGS else ""
        decision = self._explain(need, caller, prefix)
        return answer(
            control.Explanation(
                caller=caller.arn or control.ANONYMOUS,
                action=need.action,
                resource=need.resource,
                allowed=decision.allowed,
                reason=decision.reason,
            )
        )

    def _caller(self, name: str) -> Principal:
        if name == control.ANONYMOUS:
            return ANONYMOUS
        caller = self._keys.find(name)
        if caller is None:
            raise ControlError(
                404, control.NO_SUCH_ACCESS_KEY, f"there is no access key {name}", "see s3d key ls"
            )
        return caller
