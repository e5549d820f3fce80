"""One trace, sent to SeaweedFS directly and through a gateway whose network comes and goes.

Through the gateway first: an answer that needs the remote while it is away is a 503, and then
the step has not happened on either side. Every other answer is the one that SeaweedFS gives, and in
the end both buckets hold the same.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, islice
from typing import Any

import pytest

from tests.gateway.conftest import Gateway, assert_no_uploads
from tests.gateway.network import Network
from tests.gateway.steps import Listing, Members, Outcome, Side, Step, digest, outcome, pages
from tests.gateway.trace import Trace
from tests.peers.proxy import SLOW_DOWN, Drop, Fault
from tests.peers.servers import Peer
from tests.write_load import PROBES

STEPS = 40
ATTEMPTS = 50
"""Of a step on a network that loses much."""
BAD_WEATHER = {Fault(drop=Drop.BEFORE): 0.1, Fault(drop=Drop.AFTER): 0.1, SLOW_DOWN: 0.1}
ACCEPTED_ANYWAY = frozenset(
    {
        "put_object",
        "delete_object",
        "delete_objects",
        "create_multipart_upload",
        "upload_part",
        "complete_multipart_upload",
        "abort_multipart_upload",
    }
)
"""Operations for which the remote is not needed."""
READS = ("get_", "head_", "list_")


class History:
    """One trace on two buckets, which are empty before and after."""

    def __init__(self, seed: int, direct: Side, gateway: Side, network: Network) -> None:
        self._random = random.Random(f"network {seed}")
        self._trace = Trace(seed)
        self._direct = direct
        self._gateway = gateway
        self._network = network
        self._is_fair = True
        self._etags: dict[str, str] = {}
        """What the buckets hold."""
        self._known: set[str] = set()
        """Keys that were written while the network is away: the gateway needs nobody for them."""
        self.log: list[str] = []

    def run(self) -> None:
        """The trace, up to where everything has been said but not everything is pushed."""
        for step in islice(self._trace, STEPS):
            self._move_network()
            if "-" not in self._etags.get(
                step.source, ""
            ):  # SeaweedFS keeps such an ETag in copies.
                self._do(step)
        for step in self._trace.aborts():
            self._do(step)
        self._network.come_back()

    def _move_network(self) -> None:
        if self._random.random() > 0.1:
            return
        if self._network.is_away or not self._is_fair:
            self._network.come_back()
            self._is_fair = True
        elif self._random.random() < 0.7:
            self._network.go_away()
            self._known.clear()
        else:
            self._is_fair = False
            self._network.do(lambda proxy: setattr(proxy, "chaos", BAD_WEATHER))
        state = f"away: {self._network.is_away}, fair: {self._is_fair}"
        self.log.append(f"-- {time.monotonic():.3f} {state}")

    def _do(self, step: Step) -> None:
        found = self._ask_gateway(step)
        if found[0] == 503:
            assert self._network.is_away
            assert step.name not in ACCEPTED_ANYWAY
            assert (step.source or step.key) not in self._known
            return
        wanted = outcome(step, self._direct)
        if step.listing is not None and found[0] == 200:
            self._compare_listings(step.listing, found[1], wanted[1])
        else:
            assert found == _as_cached(step, found, wanted), f"{step.name} {step.detail}"
        if found[0] == 200:
            self._note(step, found[1])

    def _ask_gateway(self, step: Step) -> Outcome:
        """On a bad network an answer may be lost: every step may be repeated."""
        for _ in range(ATTEMPTS):
            found = outcome(step, self._gateway)
            self.log.append(f"{step.name} {step.detail}: {str(found)[:200]}")
            if found[0] != 503 or self._is_fair:
                break
        return found

    def _note(self, step: Step, answer: Any) -> None:
        for key in step.removes:
            self._etags.pop(key, None)
        if step.name in ("put_object", "copy_object", "complete_multipart_upload"):
            self._etags[step.key] = answer["ETag"]
        if self._network.is_away and not step.name.startswith(READS):
            self._known |= {step.key, *step.removes} - {""}

    def _compare_listings(self, listing: Listing, *found: list[list[list[str]]]) -> None:
        """SeaweedFS may show a folder that is empty now, and end with an empty page."""
        wanted = [list(item) for item in listing.of(self._etags)]
        for each in found:
            assert max(map(len, each)) <= listing.size
            items = [item for page in each for item in page if not item[0].startswith(PROBES)]
            assert [item for item in items if item[1] or item in wanted] == wanted


def _as_cached(step: Step, found: Outcome, wanted: Outcome) -> Outcome:
    """What is expected of the gateway, whose cache may have an object from reads of ranges alone:
    S3 tells no checksum with these."""
    is_read = step.name in ("get_object", "head_object")
    if not (is_read and isinstance(found[1], dict) and isinstance(wanted[1], dict)):
        return wanted
    told = {
        name: value
        for name, value in wanted[1].items()
        if not name.startswith("Checksum") or name in found[1]
    }
    return (wanted[0], told)


def contents(side: Side) -> Members:
    """Everything that a bucket holds, by key."""
    found: Members = {}
    for key, etag in chain.from_iterable(pages(side, "list_objects_v2")):
        if key.startswith(PROBES):
            continue  # the network was bad while they were deleted; the agent does so later
        answer = side.call("get_object", Key=key, ChecksumMode="ENABLED")
        tags = side.call("get_object_tagging", Key=key)["TagSet"]
        about = {name: answer.get(name) for name in ("Metadata", "ContentType", "ETag")}
        sums = {name: v for name, v in answer.items() if name.startswith("Checksum")}
        found[key] = (etag, digest(answer["Body"].read()), about, sums, sorted(map(str, tags)))
    return found


def empty(side: Side, keys: Members) -> None:
    if keys:
        side.call("delete_objects", Delete={"Objects": [{"Key": key} for key in keys]})


@pytest.fixture
def sides(gateway: Gateway, seaweedfs: Peer, remote: Any, bucket_name: str) -> Iterator[list[Side]]:
    """Direct, through the gateway, and what is behind the gateway."""
    buckets = [f"{bucket_name}-direct", f"{bucket_name}-gateway"]
    for bucket in buckets:
        assert seaweedfs.ask("PUT", f"/{bucket}") == 200
    with closing(gateway.start().s3(read_timeout=30)) as client:
        yield [
            Side(remote, buckets[0]),
            Side(client, buckets[1]),
            Side(remote, buckets[1]),
        ]


def compare(gateway: Gateway, network: Network, sides: list[Side], seeds: range) -> None:
    direct, through, behind = sides
    before: list[Any] = []
    for seed in seeds:
        history = History(seed, direct, through, network)
        try:
            history.run()
            gateway.drain()
            gateway.check_no_conflicts()
            wanted = contents(direct)
            assert contents(behind) == wanted
        except BaseException:
            print(f"seed {seed}", *history.log, "-- what the proxy saw", sep="\n")
            print(*before, "-- end of before", *network.take_seen(), sep="\n")
            print("-- the agent's log", gateway.agent.stderr[-20000:], sep="\n")
            raise
        empty(direct, wanted)
        empty(through, wanted)  # What is done behind its back the read cache learns later.
        gateway.drain()
        before = network.take_seen()
    assert_no_uploads(behind.client, behind.bucket)


@pytest.mark.slow
def test_a_trace_through_the_gateway_ends_as_one_to_the_remote(gateway, network, sides):
    first = random.randrange(1 << 30)
    compare(gateway, network, sides, range(first, first + 20))


@pytest.mark.torture
@pytest.mark.parametrize("first", range(0, 2_000, 100))
def test_2000_traces_through_the_gateway_end_as_those_to_the_remote(gateway, network, sides, first):
    compare(gateway, network, sides, range(first, first + 100))
