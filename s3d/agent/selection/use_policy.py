"""What one use of objects (pushing, caching) takes: a filter, and a tag that overrules it.

Never decides what it cannot know: it fetches the tags of the bucket when the verdict depends on
them, and says so when something is missing even then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.s3.errors import S3Error
from s3d.agent.selection.decision import PolicyEngine, PolicyUnavailable, Use, document_of
from s3d.shared.filter_terms import Fact, Subject
from s3d.shared.filters import Filter, Verdict

UPLOAD = "s3d.upload"
"""Tag of an object: true, it is pushed whatever the filter says; false, it is held."""

_PASSING = (FailureClass.TRANSIENT, FailureClass.CLOCK, FailureClass.AUTH)
"""Failures that are over sooner or later: then the question is asked again."""

TagsOf = Callable[[str], Awaitable[Mapping[str, str]]]
"""Tags of a bucket by its name; raises S3Error."""


@dataclass(frozen=True, slots=True)
class UsePolicy:
    """Of one use."""

    use: Use
    filter: Filter
    tags_of: TagsOf
    tag: str = ""
    """Name of the tag whose true and false overrule the filter; "" for none."""
    policy: PolicyEngine | None = None
    """Asked about what the filter takes; both have to agree."""

    async def exclusion_reason(self, subject: Subject, *, overruled: bool = False) -> str:
        """Why the object is not taken; "" when it is. Raises S3Error when the remote is away.

        overruled: whatever the filter says, but not against the policy.
        """
        said = (subject.tags or {}).get(self.tag, "") if self.tag else ""
        if said == "false":
            return f"its tag {self.tag} is false"
        if overruled or said == "true":
            return await self._forbidden(subject)
        decision = self.filter.explain(subject)
        if decision.verdict is Verdict.UNKNOWN and decision.missing & Fact.BUCKET_TAGS:
            try:
                subject = replace(subject, bucket_tags=await self.tags_of(subject.bucket))
            except S3Error as error:
                if classify(error) in _PASSING:
                    raise
                return f"the tags of the bucket cannot be read: {error.code}"
            decision = self.filter.explain(subject)
        # What is still unknown is not taken: it can be taken later, but not taken back.
        if decision.verdict is not Verdict.INCLUDE:
            return decision.why
        return await self._forbidden(subject)

    async def _forbidden(self, subject: Subject) -> str:
        """Why the policy does not take it; a policy that cannot be asked takes nothing."""
        if self.policy is None:
            return ""
        if subject.bucket_tags is None:
            try:
                subject = replace(subject, bucket_tags=await self.tags_of(subject.bucket))
            except S3Error as error:
                if classify(error) in _PASSING:
                    raise
        try:
            decision = await self.policy.decide(document_of(self.use, subject))
        except PolicyUnavailable as error:
            return f"the policy cannot be asked: {error}"
        return "" if decision.include else f"the policy says no: {decision.reason or '(no reason)'}"
