"""Which objects a use (pushing, caching, syncing) includes: a filter, an overriding tag, a policy.

The tags of the bucket are fetched only when the verdict depends on them. What is unknown even then
is excluded, with a reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.s3.errors import S3Error
from s3d.agent.selection.decision import PolicyEngine, PolicyUnavailable, Use, document_of
from s3d.agent.selection.filter_subject import subject_of_record
from s3d.agent.storage.records import Stored
from s3d.shared.filters.expression import Filter, Verdict
from s3d.shared.filters.terms import Attributes, FilterSubject

UPLOAD = "s3d.upload"
"""Object tag: true pushes the object whatever the filter decides, false holds it."""

_TEMPORARY = (FailureClass.TRANSIENT, FailureClass.CLOCK, FailureClass.AUTH)
"""Failures that end by themselves: the decision is made again later."""

TagsOf = Callable[[str], Awaitable[Mapping[str, str]]]
"""Tags of a bucket by its name; raises S3Error."""


@dataclass(slots=True)
class UsePolicy:
    """The rules of one use. The filter may be replaced while the agent runs."""

    use: Use
    filter: Filter
    tags_of: TagsOf
    tag: str = ""
    """Name of the object tag whose true and false override the filter; "" for none."""
    policy: PolicyEngine | None = None
    """Decides on what the filter includes; both have to include an object."""

    def includes_all(self, tags: Mapping[str, str]) -> bool:
        """Whether an object with these tags is included, whatever else it is like."""
        return self.policy is None and not self.filter.terms and self.tag not in tags

    async def exclusion_of_record(self, bucket: str, key: str, stored: Stored) -> str:
        """exclusion_reason() of an object that is stored here."""
        if self.includes_all(stored.record.description.tags):
            return ""
        return await self.exclusion_reason(subject_of_record(bucket, key, stored))

    async def exclusion_reason(self, subject: FilterSubject, *, overruled: bool = False) -> str:
        """Why the object is excluded; "" when it is included.

        overruled: include it whatever the filter decides, unless the policy excludes it. Raises
        S3Error when the remote is unreachable.
        """
        override = (subject.tags or {}).get(self.tag, "") if self.tag else ""
        if override == "false":
            return f"its tag {self.tag} is false"
        if overruled or override == "true":
            return await self._held_by_policy(subject)
        decision = self.filter.explain(subject)
        if decision.verdict is Verdict.UNKNOWN and decision.missing & Attributes.BUCKET_TAGS:
            try:
                subject = replace(subject, bucket_tags=await self.tags_of(subject.bucket))
            except S3Error as error:
                if classify(error) in _TEMPORARY:
                    raise
                return f"the tags of the bucket cannot be read: {error.code}"
            decision = self.filter.explain(subject)
        # An object that is excluded now can be included later; a push cannot be undone.
        if decision.verdict is not Verdict.INCLUDE:
            return decision.why
        return await self._held_by_policy(subject)

    async def _held_by_policy(self, subject: FilterSubject) -> str:
        """Why the policy excludes it; a policy that is unavailable excludes everything."""
        try:
            return await self.policy_reason(subject)
        except PolicyUnavailable as error:
            return f"the policy cannot be evaluated: {error}"

    async def policy_reason(self, subject: FilterSubject) -> str:
        """Why the policy excludes the object; "" when it includes it.

        Raises PolicyUnavailable, and S3Error when the remote is unreachable.
        """
        if self.policy is None:
            return ""
        if subject.bucket_tags is None:
            try:
                subject = replace(subject, bucket_tags=await self.tags_of(subject.bucket))
            except S3Error as error:
                if classify(error) in _TEMPORARY:
                    raise
        decision = await self.policy.decide(document_of(self.use, subject))
        if decision.include:
            return ""
        return f"the policy excludes it: {decision.reason or '(no reason)'}"


class UsePolicies(NamedTuple):
    """The rules of each use."""

    cache: UsePolicy
    push: UsePolicy
    sync: UsePolicy
    """Has no filter of its own: each sync folder has one."""
