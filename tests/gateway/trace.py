"""A random trace, sent step by step through a gateway and to the remote directly, and compared.

Each step is one S3 operation on a Side (a client and its bucket). What differs between the sides,
the ids of uploads, is kept by side.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tests.gateway.steps import Listing, Members, Side, Step, digest, pages

KEYS = ("a", "a.txt", "b/1", "b/2", "b/c/1", "c", "d/e/f", "z", "\u00e9/\u4e00", "sp ace+%")
"""No key is the folder of another, and none like `b-` comes before `b/`: SeaweedFS keeps objects as
files, and lists them in the order of the tree."""
SIZES = (0, 1, 17, 4_096, 65_537, 300_000)
LARGE = 6 << 20
PART = 5 << 20
METADATA = ({}, {"n": "1"}, {"n": "2", "other": "x y"})
TAGS = ("", "a=1", "a=2&b=3")
TYPES = ("text/plain", "application/json")


class Trace:
    """Steps without end, from a seed. Uploads are numbered; an unfinished one is tracked here."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._uploads: dict[int, tuple[str, list[int]]] = {}
        """Number -> key and the sizes of the parts that were sent."""
        self._count = 0

    def __iter__(self) -> Iterator[Step]:
        kinds, weights = zip(*_WEIGHTS.items(), strict=True)
        while True:
            step = self._random.choices(kinds, weights)[0](self)
            if step is not None:
                yield step

    def aborts(self) -> list[Step]:
        """Of what is unfinished."""
        return [self._abort(number) for number in list(self._uploads)]

    def _key(self) -> str:
        return self._random.choice(KEYS)

    def _data(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def _put(self) -> Step:
        rng, key = self._random, self._key()
        size = LARGE if rng.random() < 0.02 else rng.choice(SIZES)
        members: Members = {
            "Body": self._data(size),
            "Metadata": rng.choice(METADATA),
            "ContentType": rng.choice(TYPES),
        }
        tagging = rng.choice(TAGS)
        if tagging:
            members["Tagging"] = tagging
        return _one("put_object", key, f"{size} {tagging}", **members)

    def _delete(self) -> Step:
        key = self._key()
        return Step(
            "delete_object", key, partial(_call, "delete_object", Key=key), key, removes=(key,)
        )

    def _delete_many(self) -> Step:
        keys = self._random.sample(KEYS, 3)
        wanted = {"Objects": [{"Key": key} for key in keys]}

        def act(side: Side) -> Any:
            answer = side.call("delete_objects", Delete=wanted)
            return sorted(row["Key"] for row in answer.get("Deleted", ())), answer.get("Errors")

        return Step("delete_objects", str(keys), act, removes=tuple(keys))

    def _copy(self) -> Step:
        source, key = self._random.sample(KEYS, 2)
        members: Members = {}
        if self._random.random() < 0.3:
            members = {"MetadataDirective": "REPLACE", "Metadata": {"copied": "1"}}

        def act(side: Side) -> Any:
            place = {"Bucket": side.bucket, "Key": source}
            answer = side.call("copy_object", Key=key, CopySource=place, **members)
            return {"ETag": answer["CopyObjectResult"]["ETag"]}

        return Step("copy_object", f"{source} -> {key} {members}", act, key, source)

    def _put_tags(self) -> Step:
        key, value = self._key(), str(self._random.randrange(3))
        wanted = {"TagSet": [{"Key": "t", "Value": value}]}
        return _one("put_object_tagging", key, value, Tagging=wanted)

    def _delete_tags(self) -> Step:
        return _one("delete_object_tagging", self._key())

    def _get(self) -> Step:
        key = self._key()

        def act(side: Side) -> Any:
            answer = side.call("get_object", Key=key)
            return {**answer, "Body": digest(answer["Body"].read())}

        return Step("get_object", key, act, key)

    def _get_range(self) -> Step:
        key, start = self._key(), self._random.choice((0, 1, 10, 5_000))
        end = self._random.choice(("", str(start + self._random.randrange(20))))

        def act(side: Side) -> Any:
            answer = side.call("get_object", Key=key, Range=f"bytes={start}-{end}")
            return digest(answer["Body"].read()), answer.get("ContentRange"), answer["ETag"]

        return Step("get_object", f"{key} {start}-{end}", act, key)

    def _head(self) -> Step:
        return _one("head_object", self._key())

    def _get_tags(self) -> Step:
        return _one("get_object_tagging", self._key())

    def _list(self) -> Step:
        rng = self._random
        name = rng.choice(("list_objects", "list_objects_v2"))
        prefix = rng.choice(("", "", "b", "b/", "d/", "none"))
        listing = Listing(prefix, rng.choice(("", "/")), rng.randrange(1, 6))

        def act(side: Side) -> list[list[tuple[str, str]]]:
            wanted = {"Delimiter": listing.delimiter} if listing.delimiter else {}
            return list(pages(side, name, MaxKeys=listing.size, Prefix=prefix, **wanted))

        return Step(name, str(listing), act, listing=listing)

    def _begin(self) -> Step:
        self._count += 1
        number, key = self._count, self._key()
        self._uploads[number] = key, []
        members: Members = {
            "Key": key,
            "Metadata": self._random.choice(METADATA),
            "ContentType": self._random.choice(TYPES),
        }

        def act(side: Side) -> Any:
            side.uploads[number] = side.call("create_multipart_upload", **members)["UploadId"]

        return Step("create_multipart_upload", f"{number} {key}", act)

    def _part(self) -> Step | None:
        """Often the last one, which alone may be small."""
        open_ones = [n for n, (_, sizes) in self._uploads.items() if all(s >= PART for s in sizes)]
        if not open_ones:
            return None
        number = self._random.choice(open_ones)
        key, sizes = self._uploads[number]
        size = PART if self._random.random() < 0.1 else self._random.randrange(1, 100_000)
        sizes.append(size)
        data, part = self._data(size), len(sizes)

        def act(side: Side) -> Any:
            named = {"Key": key, "UploadId": side.uploads[number], "PartNumber": part}
            return side.call("upload_part", **named, Body=data)["ETag"]

        return Step("upload_part", f"{number} {part} {size}", act)

    def _complete(self) -> Step | None:
        finished = [number for number, (_, sizes) in self._uploads.items() if sizes]
        if not finished:
            return None
        number = self._random.choice(finished)
        key, _ = self._uploads.pop(number)

        def act(side: Side) -> Any:
            named = {"Key": key, "UploadId": side.uploads[number]}
            listed = side.call("list_parts", **named)["Parts"]
            parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in listed]
            done = side.call("complete_multipart_upload", **named, MultipartUpload={"Parts": parts})
            sizes = [(part["PartNumber"], part["Size"]) for part in listed]
            return {"ETag": done["ETag"], "Parts": sizes}

        return Step("complete_multipart_upload", f"{number} {key}", act, key)

    def _abort_one(self) -> Step | None:
        return self._abort(self._random.choice(list(self._uploads))) if self._uploads else None

    def _abort(self, number: int) -> Step:
        key, _ = self._uploads.pop(number)

        def act(side: Side) -> Any:
            side.call("abort_multipart_upload", Key=key, UploadId=side.uploads[number])

        return Step("abort_multipart_upload", f"{number} {key}", act)


_WEIGHTS: dict[Callable[[Trace], Step | None], int] = {
    Trace._put: 28,
    Trace._delete: 10,
    Trace._delete_many: 3,
    Trace._copy: 8,
    Trace._put_tags: 6,
    Trace._delete_tags: 2,
    Trace._get: 8,
    Trace._get_range: 5,
    Trace._head: 5,
    Trace._get_tags: 4,
    Trace._list: 10,
    Trace._begin: 5,
    Trace._part: 6,
    Trace._complete: 5,
    Trace._abort_one: 1,
}


def _one(name: str, key: str, detail: str = "", **members: Any) -> Step:
    """A step that is one call about one key."""
    return Step(name, f"{key} {detail}", partial(_call, name, Key=key, **members), key)


def _call(name: str, side: Side, **members: Any) -> Any:
    return side.call(name, **members)
