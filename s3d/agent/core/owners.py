"""The accounts that this agent knows, by their canonical ids.

They are the owners of its access keys. An access control list can grant something to these only,
as AWS refuses the id of a user that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable

from s3d.agent.s3.errors import S3Error
from s3d.shared.access_key import DEFAULT_OWNER, Owner, owner_named


class Owners:
    """A set of accounts. replace() belongs to the event loop, the others to any thread."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._known: dict[str, Owner] = {}
        self.replace(names)

    def replace(self, names: Iterable[str]) -> None:
        """Know the accounts of these names, and the default owner."""
        owners = [owner_named(name) for name in (DEFAULT_OWNER, *names)]
        self._known = {owner.canonical_id: owner for owner in owners}

    def find(self, canonical_id: str) -> Owner | None:
        """The account; None for an unknown id."""
        return self._known.get(canonical_id)

    def members(self, canonical_id: str) -> dict[str, str]:
        """The Owner element of S3's answers; without a name for an account that has no key now."""
        owner = self._known.get(canonical_id)
        return {"ID": canonical_id} if owner is None else owner.members

    def grantee(self, canonical_id: str) -> dict[str, str]:
        """The same, of a user that is granted something. Raises S3Error InvalidArgument."""
        owner = self._known.get(canonical_id)
        if owner is None:
            raise S3Error(
                "InvalidArgument",
                "Invalid id",
                ArgumentName="CanonicalUser/ID",
                ArgumentValue=canonical_id,
            )
        return owner.members
