"""Who makes a request: the access key that signed it, its owner, and what it may do at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from s3d.shared.access_key import DEFAULT_OWNER, owner_named


class KeyScope(NamedTuple):
    """The part of S3 that an access key is for."""

    bucket: str
    prefix: str
    """Of the keys in the bucket; empty: the whole bucket, with its settings."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request whose signature was verified, or ANONYMOUS."""

    access_key_id: str
    owner: str
    """Canonical user id."""
    display_name: str
    account_id: str
    arn: str
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"""
    scope: KeyScope | None = None
    """None: everything that the owner may do."""
    is_read_only: bool = False
    session_policies: tuple[str, ...] = ()
    """Policies in JSON that AssumeRole was given; each of them has to allow an action."""
    expires: float | None = None
    """Unix seconds; the key was valid when the request began."""
    parent: str = ""
    """Access key id of the permanent key, for temporary credentials; "": this is one."""
    parent_arn: str = ""
    """ARN of the permanent key, for temporary credentials."""
    is_restricted: bool = field(init=False)
    """False: the owner's own rights decide alone. The one test that most requests need."""

    def __post_init__(self) -> None:
        is_restricted = bool(
            self.scope or self.is_read_only or self.session_policies or not self.access_key_id
        )
        object.__setattr__(self, "is_restricted", is_restricted)

    @property
    def is_anonymous(self) -> bool:
        return not self.access_key_id

    @property
    def owner_members(self) -> dict[str, str]:
        """The Owner element of what the caller creates."""
        return {"ID": self.owner, "DisplayName": self.display_name}


ANONYMOUS = Principal(
    access_key_id="",
    owner="65a011a29cdf8ec533ec3d1ccaae921c",
    display_name="",
    account_id="anonymous",
    arn="",
)
"""The caller of a request without a signature. Its canonical id is the one that AWS shows as the
owner of what nobody in particular has uploaded."""


def owner_of(principal: Principal | None) -> Mapping[str, str]:
    """The Owner element of what a caller creates; None, the agent itself, acts for the default
    owner."""
    if principal is None:
        return owner_named(DEFAULT_OWNER).members
    return principal.owner_members
