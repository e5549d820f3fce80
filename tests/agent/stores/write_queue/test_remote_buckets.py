"""What the remote says of its buckets, and for how long that holds."""

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Response
from s3d.agent.stores.write_queue.remote_buckets import ABSENT, FRESH, KnownBuckets


class Remote:
    """Answers GetBucketVersioning with an output or an error."""

    def __init__(self, answer):
        self.answer, self.asked, self.now, self.away = answer, 0, 0.0, False
        self.unversioned = set()
        self.known = KnownBuckets(self, self.unversioned, lambda: self.now, lambda: self.away)

    async def call(self, request):
        assert request.op.name == "GetBucketVersioning"
        self.asked += 1
        if isinstance(self.answer, S3Error):
            raise self.answer
        return S3Response(self.answer)


async def test_an_answer_holds_for_a_while():
    remote = Remote({})
    await remote.known.check("bbb")
    await remote.known.check("bbb")
    assert (remote.asked, remote.unversioned) == (1, {"bbb"})
    remote.now, remote.answer = FRESH + 1, {"Status": "Enabled"}
    await remote.known.check("bbb")
    assert (remote.asked, remote.unversioned) == (2, set())


async def test_absence_is_believed_for_a_short_while():
    remote = Remote(S3Error("NoSuchBucket"))
    for _ in range(2):
        with pytest.raises(S3Error, match="NoSuchBucket"):
            await remote.known.check("bbb")
    assert remote.asked == 1
    remote.now, remote.answer = ABSENT + 1, {}
    await remote.known.check("bbb")


async def test_a_bucket_of_a_remote_that_is_away_passes():
    remote = Remote(S3Error("ServiceUnavailable"))
    await remote.known.check("bbb")
    assert remote.unversioned == set()


async def test_what_is_known_stays_known_while_the_remote_is_away():
    remote = Remote({})
    await remote.known.check("bbb")
    remote.now, remote.away = FRESH + 1, True
    await remote.known.check("bbb")
    assert (remote.asked, remote.unversioned) == (1, {"bbb"})


@pytest.mark.parametrize(
    ("code", "unversioned"), [("NotImplemented", {"bbb"}), ("AccessDenied", set())]
)
async def test_a_bucket_that_does_not_say_is_there(code, unversioned):
    remote = Remote(S3Error(code))
    await remote.known.check("bbb")
    remote.now = FRESH - 1
    await remote.known.check("bbb")
    assert (remote.asked, remote.unversioned) == (1, unversioned)


async def test_a_bucket_that_was_touched_is_asked_again():
    remote = Remote({})
    await remote.known.check("bbb")
    remote.known.forget("bbb")
    assert remote.unversioned == set()
    await remote.known.check("bbb")
    assert remote.asked == 2
