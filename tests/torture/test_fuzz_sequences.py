"""Random sequences of valid requests, and a model of S3 that says what each of them is answered.

    S3D_TORTURE_SEED=7 S3D_TORTURE_ROUNDS=50 make torture-fuzz_sequences

A round is ten sequences. One is bad when a response is not what the model expects, or when in the
end a version, a delete marker or an upload is not as the model has it. The model (fuzz_answers) is
pure, and made from AWS's documentation.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.agent_process import AgentProcess
from tests.torture.conftest import Campaign
from tests.torture.fuzz_answers import answer
from tests.torture.fuzz_listings import LISTINGS, Page, expected_pages, listed_pages
from tests.torture.fuzz_model import Buckets, Expected, Members, Refused, Version
from tests.torture.fuzz_sequences import Call, Chooser

SEQUENCES = 10
"""Of a round."""
STATUSES = {
    "304": "304",
    "InvalidPartNumber": "416",
    "InvalidRange": "416",
    "MethodNotAllowed": "405",
    "NoSuchBucket": "404",
    "NoSuchKey": "404",
    "NoSuchVersion": "404",
    "PreconditionFailed": "412",
}
"""Code of an error -> what boto3 has of it when it answers a HEAD request, which has no body."""


class Sequence:
    """One sequence, sent step by step and compared with the model."""

    def __init__(
        self, client: Any, chance: random.Random, name: str, *, is_gateway: bool = False
    ) -> None:
        """is_gateway: ids of versions may be missing from the answers of a write queue."""
        self._client = client
        self._is_gateway = is_gateway
        self._chance = chance
        self._buckets: Buckets = {}
        self._chooser = Chooser(chance, self._buckets, name, is_gateway=is_gateway)
        self.calls: list[Call] = []

    def run(self) -> str:
        """What differs first, with the calls that led there; "" when all is as expected."""
        wrong = ""
        for call in self._chooser.first():
            wrong = wrong or self._step(call)
        for _ in range(self._chance.randint(5, 30)):
            wrong = wrong or self._step(self._chooser.next())
        for call in self._last():
            wrong = wrong or self._step(call)
        return wrong and f"\n  {wrong}" + "".join(f"\n    {call}" for call in self.calls)

    def _last(self) -> list[Call]:
        """Look at all that there should be."""
        calls = []
        for name, bucket in self._buckets.items():
            members: Members = {"Bucket": name}
            calls.append(Call("list_object_versions", {**members, "MaxKeys": 1_000}))
            calls.append(Call("list_multipart_uploads", {**members, "MaxUploads": 1_000}))
            for key, versions in bucket.versions.items():
                named = [{"VersionId": each.id} for each in versions if bucket.versioning]
                calls += [Call("get_object", {**members, "Key": key, **each}) for each in named]
                calls.append(Call("get_object", {**members, "Key": key}))
                calls.append(Call("get_object_tagging", {**members, "Key": key}))
        return calls

    def _step(self, call: Call) -> str:
        self.calls.append(call)
        if call.name in LISTINGS:
            return self._list(call)
        expected = answer(self._buckets, call.name, call.members)
        code, output = self._send(call)
        if call.name == "head_object":
            expected.code = STATUSES.get(expected.code, expected.code)
        if self._is_gateway and not code:
            leave_out_ids(expected, output)
        if self._is_gateway and call.name in TAG_CALLS and code == "NoSuchKey":
            # A pending deletion is not a delete marker yet.
            expected.code = expected.code.replace("MethodNotAllowed", code)
        wrong = differences(expected, code, output)
        if not wrong and not code:
            if self._is_gateway and call.name in MAKES_VERSIONS:
                self._add_ids(call.members, output)
            expected.learn(output)
        return "; ".join(wrong)

    def _add_ids(self, members: Members, output: Members) -> None:
        """Add the ids of new versions, which the remote has when it has been asked for a list."""
        bucket = self._buckets[members["Bucket"]]
        if bucket.versioning != "Enabled" or "VersionId" in {*members, *output}:
            return
        listed = self._client.list_object_versions(Bucket=members["Bucket"])
        newest = {
            row["Key"]: row["VersionId"]
            for row in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ()))
            if row["IsLatest"]
        }
        if "Key" in members:
            output["VersionId"] = newest[members["Key"]]
        for row in output.get("Deleted", ()):
            if "VersionId" not in row:
                row["DeleteMarkerVersionId"] = newest[row["Key"]]

    def _list(self, call: Call) -> str:
        """Uploads and buckets may be missing, then the listing is refused."""
        bucket = self._buckets.get(call.members["Bucket"])
        try:
            if bucket is None:
                raise Refused("NoSuchBucket")
            expected: Any = expected_pages(bucket, call.name, call.members)
        except Refused as refused:
            expected = str(refused)
        try:
            found: Any = listed_pages(getattr(self._client, call.name), call.name, call.members)
        except ClientError as error:
            found = error.response["Error"]["Code"]
        if self._is_gateway and call.name == "list_multipart_uploads" and found != expected:
            # Of one key, the remote's uploads come before those of the queue.
            found, expected = (sorted(map(str, _rows(pages))) for pages in (found, expected))
        return "" if found == expected else f"{found} instead of {expected}"

    def _send(self, call: Call) -> tuple[str, Members]:
        """The code of the error, or the output with the whole body."""
        try:
            output = getattr(self._client, call.name)(**call.members)
        except ClientError as error:
            return error.response["Error"]["Code"], {}
        if "Body" in output:
            output["Body"] = output["Body"].read()
        return "", output


def _rows(pages: list[Page] | str) -> list[Any]:
    """The rows of all pages, or of a refusal its letters."""
    if isinstance(pages, str):
        return list(pages)
    return [row for page in pages for rows in page.values() for row in rows]


LATER = ("CopySourceVersionId", "DeleteMarker", "Expiration", "VersionId")
"""Members that the answer of a write queue may lack, since the remote has not answered yet."""
TAG_CALLS = frozenset({"delete_object_tagging", "get_object_tagging", "put_object_tagging"})
MAKES_VERSIONS = frozenset(
    {
        "complete_multipart_upload",
        "copy_object",
        "delete_object",
        "delete_objects",
        "put_object",
    }
)


def leave_out_ids(expected: Expected, output: Members) -> None:
    """Do not expect what the answer of a write queue may lack, nor its order of deletions."""
    for name in LATER:
        if output.get(name) is None:
            expected.members.pop(name, None)
    wanted, found = expected.members.get("Deleted") or [], output.get("Deleted") or []
    order = [(row["Key"], row.get("VersionId")) for row in wanted]
    places = {place: number for number, place in enumerate(order)}
    found.sort(key=lambda row: places.get((row["Key"], row.get("VersionId")), len(order)))
    for row, answered in zip(wanted, found, strict=False):
        if "DeleteMarker" not in answered:
            row.pop("DeleteMarker", None)


def differences(expected: Expected, code: str, output: Members) -> list[str]:
    """What a response has otherwise. code: of its error, "" for a success."""
    if code != expected.code:
        return [f"{code or 'success'} instead of {expected.code or 'success'}"]
    if code:
        return []
    return [
        f"{name}: {str(output.get(name))[:200]} instead of {str(value)[:200]}"
        for name, value in expected.members.items()
        if not _has(output.get(name), value, name)
    ]


def _has(found: Any, wanted: Any, name: str = "") -> bool:
    """Whether a value has all that is wanted; lists are compared row by row."""
    if name == "Expiration" and isinstance(wanted, str):
        return isinstance(found, str) and found.replace("%20", " ").endswith(wanted)
    if isinstance(wanted, dict) and isinstance(found, dict) and name != "Metadata":
        return all(_has(found.get(key), value, key) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(map(_has, found, wanted))
    return bool(found == wanted)


def client_of(agent: AgentProcess) -> Any:
    """Without checksums that boto3 adds: they would double the time of a request."""
    return agent.s3(request_checksum_calculation="when_required", parameter_validation=False)


def run_sequences(torture: Campaign, client: Any, **options: Any) -> None:
    for number, chance in torture.rounds():
        found = ""
        for each in range(SEQUENCES):
            name = f"sequence-{torture.seed}-{number}-{each}"
            found += Sequence(client, random.Random(chance.random()), name, **options).run()
        if found:
            torture.failed(number, found)
        else:
            torture.passed(number)


@pytest.mark.torture
def test_sequences_are_answered_as_by_s3(
    campaign: Callable[[str, int], Campaign], agent: AgentProcess
) -> None:
    run_sequences(campaign("sequences_embedded", 60), client_of(agent))


@pytest.mark.torture
def test_a_gateway_answers_sequences_as_its_remote(
    campaign: Callable[[str, int], Campaign], start_agent: Callable[..., AgentProcess], tmp_path
) -> None:
    """The remote is another s3d; the write queue and the read cache are on."""
    remote = start_agent(home=tmp_path / "remote")
    env = {**remote.as_remote, "S3D_PROBE": "false"}
    gateway = start_agent(home=tmp_path / "gateway", env=env)
    run_sequences(campaign("sequences_gateway", 30), client_of(gateway), is_gateway=True)


@pytest.mark.slow
def test_some_sequences_are_answered_as_by_s3(agent: AgentProcess) -> None:
    client = client_of(agent)
    for number in range(8):
        assert Sequence(client, random.Random(f"quick {number}"), f"quick-{number}").run() == ""


def test_a_sequence_depends_on_the_seed_alone() -> None:
    calls = []
    for _ in range(2):
        buckets: Buckets = {}
        chooser = Chooser(random.Random(7), buckets, "b")
        for call in chooser.first():
            answer(buckets, call.name, call.members)
        calls.append([str(chooser.next()) for _ in range(200)])
    assert calls[0] == calls[1]
    assert len({call.partition(" ")[0] for call in calls[0]}) > 15


def test_what_a_response_lacks_is_a_difference() -> None:
    version = Version(b"data", '"etag"')
    expected = Expected(members={"ETag": version.etag, "VersionId": None, "Rows": [{"Key": "k"}]})
    right = {"ETag": '"etag"', "Rows": [{"Key": "k", "Size": 1}], "Other": 1}
    assert differences(expected, "", right) == []
    wrong = differences(expected, "", {**right, "VersionId": "v", "Rows": []})
    assert [each.partition(":")[0] for each in wrong] == ["VersionId", "Rows"]
    assert differences(expected, "NoSuchKey", {}) == ["NoSuchKey instead of success"]
    assert differences(Expected("NoSuchKey"), "NoSuchKey", {}) == []
