"""The objects that a command is about: a key, all keys below a prefix, or those of a glob."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from s3d.shared.errors import DeniedError, NotFoundError, UnavailableError, UsageError
from s3d.shared.object_patterns import KeyGlob, PathRule, has_wildcards, inclusion

if TYPE_CHECKING:
    from s3d.cli.client.object_client import ObjectClient
    from s3d.cli.target import Target
    from s3d.shared.control import ObjectInfo


class TargetObjects(NamedTuple):
    """Keys of a bucket. base: what their names, for --exclude and --include, leave out."""

    bucket: str
    prefix: str
    """What the listing is asked for."""
    base: str
    matches: Callable[[str], bool]
    """Whether a listed key belongs to the selection."""


def folder_prefix(key: str) -> str:
    """The prefix that a recursive command means by a key: p is the folder p/, as in aws s3."""
    return key if not key or key.endswith("/") else f"{key}/"


def check_bucket(client: ObjectClient, bucket: str) -> None:
    """Raises NotFoundError when there is no such bucket. A remote that is away, or that does not
    let us list the bucket, does not say so: then the command goes on."""
    with suppress(UnavailableError, DeniedError):
        client.list(bucket, limit=1)


def exists(client: ObjectClient, target: Target) -> bool:
    """Whether the bucket has an object with exactly this key."""
    if not target.key:
        return False
    try:
        client.head(*target)
    except NotFoundError:
        return False
    return True


def glob_of(client: ObjectClient, target: Target, *, no_glob: bool) -> KeyGlob | None:
    """The glob that a target is; None for a key. A key that exists literally wins.

    Raises UsageError.
    """
    if no_glob or not has_wildcards(target.key):
        return None
    if has_wildcards(target.bucket):
        raise UsageError("bad usage", f"{target}: the name of a bucket has no wildcards")
    if exists(client, target):
        return None
    try:
        return KeyGlob(target.key)
    except ValueError as error:
        raise UsageError("bad usage", str(error)) from error


def select(
    client: ObjectClient, target: Target, *, recursive: bool, no_glob: bool = False
) -> TargetObjects | None:
    """What a target means; None for a single key. Raises UsageError."""
    glob = glob_of(client, target, no_glob=no_glob)
    if glob is not None:
        return TargetObjects(
            target.bucket, glob.prefix, glob.base, lambda key: glob.matches(key, below=recursive)
        )
    if not recursive:
        return None
    prefix = folder_prefix(target.key)
    return TargetObjects(target.bucket, prefix, prefix, lambda key: True)


class Conditions(NamedTuple):
    """Which of the selected objects are meant. older, newer: Unix seconds of the last change."""

    rules: Sequence[PathRule] = ()
    older: float | None = None
    newer: float | None = None

    def test(self, base: str) -> Callable[[ObjectInfo], bool]:
        """Whether an object with this base fits."""
        is_included = inclusion(self.rules)

        def fits(item: ObjectInfo) -> bool:
            return (
                is_included(item.key.removeprefix(base))
                and (self.older is None or item.last_modified < self.older)
                and (self.newer is None or item.last_modified > self.newer)
            )

        return fits


ALL = Conditions()


def selected(
    client: ObjectClient,
    selection: TargetObjects,
    conditions: Conditions,
    *,
    versions: bool = False,
) -> Iterator[ObjectInfo]:
    """The objects, or all their versions and delete markers, as they are listed."""
    fits = conditions.test(selection.base)
    pages = (client.version_pages if versions else client.pages)(selection.bucket, selection.prefix)
    for page in pages:
        for item in page.objects:
            if selection.matches(item.key) and fits(item):
                yield item


def no_match(client: ObjectClient, target: Target) -> NotFoundError:
    """The error for a prefix or a glob without objects."""
    if has_wildcards(target.key):
        return NotFoundError("no such object", f"no key of {target.bucket} matches {target.key}")
    prefix = folder_prefix(target.key)
    hint = ""
    if prefix != target.key:
        hint = f"to name all keys that begin with {target.key}: '{target}*'"
        if exists(client, target):
            hint = f"{target} is an object: leave out -r"
    return NotFoundError("no such prefix", f"no key of {target.bucket} is below {prefix}", hint)
