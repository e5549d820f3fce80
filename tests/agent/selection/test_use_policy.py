"""What a filter and the special tag together take."""

import pytest
from msgspec.structs import replace

from s3d.agent.s3.errors import S3Error
from s3d.agent.selection.decision import Decision, PolicyUnavailable
from s3d.agent.selection.use_policy import UPLOAD, UsePolicy
from s3d.agent.storage.records import Description, Layout, ObjectRecord, Stored
from s3d.shared.filters.expression import EVERYTHING, Filter
from s3d.shared.filters.terms import FilterSubject


class Tags:
    """Of every bucket, or an error."""

    def __init__(self, found):
        self.found = found
        self.asked = 0

    async def of(self, bucket):
        self.asked += 1
        if isinstance(self.found, S3Error):
            raise self.found
        return self.found


async def why(text, found=None, tags=None):
    rules = UsePolicy("push", Filter.parse(text), Tags(found or {}).of, UPLOAD)
    return await rules.exclusion_reason(
        FilterSubject(bucket="b", key="k", tags=tags or {}, headers={})
    )


async def test_the_filter_decides():
    assert await why("b") == ""
    assert await why("c") == "no term includes it"
    assert await why("b;!b/k*") == "term 2 excludes it: !b/k*"


async def test_the_tag_overrules_it():
    assert await why("c", tags={UPLOAD: "true"}) == ""
    assert await why("b", tags={UPLOAD: "false"}) == "its tag s3d.upload is false"
    assert await why("b", tags={UPLOAD: "perhaps"}) == ""


async def test_tags_of_the_bucket_are_asked_for_when_they_matter():
    assert await why("b[tag:env=prod]", {"env": "prod"}) == ""
    assert await why("b[tag:env=prod]", {"env": "dev"}) == "no term includes it"
    tags = Tags({"env": "prod"})
    await UsePolicy("push", Filter.parse("b;c[tag:env]"), tags.of).exclusion_reason(
        FilterSubject(bucket="b", key="k")
    )
    assert tags.asked == 0


async def test_what_cannot_be_known_is_not_taken():
    denied = S3Error("AccessDenied", "no")
    assert await why("b[tag:env]", denied) == "the tags of the bucket cannot be read: AccessDenied"
    rules = UsePolicy("push", Filter.parse("b/*[tag:x]"), Tags({}).of)
    found = await rules.exclusion_reason(FilterSubject(bucket="b", key="k"))
    assert found == "it depends on the tags of the object"


async def test_a_remote_that_is_away_is_asked_again():
    with pytest.raises(S3Error, match="away"):
        await why("b[tag:env]", S3Error("ServiceUnavailable", "away"))


class Policy:
    version, trouble = 0, ""

    def __init__(self, answer):
        self.answer = answer

    async def decide(self, document):
        self.document = document
        assert (document["op"], document["bucket"]) == ("push", "b")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self):
        pass


@pytest.mark.parametrize(
    ("text", "answer", "why"),
    [
        ("b", Decision(True), ""),
        ("b", Decision(False, "because"), "the policy excludes it: because"),
        ("b", PolicyUnavailable("it is away"), "the policy cannot be evaluated: it is away"),
        ("c", AssertionError("not asked"), "no term includes it"),
    ],
)
async def test_filter_and_policy_have_to_agree(text, answer, why):
    rules = UsePolicy("push", Filter.parse(text), Tags({}).of, UPLOAD, Policy(answer))
    assert await rules.exclusion_reason(FilterSubject(bucket="b", key="k")) == why


@pytest.mark.parametrize("overruled", [True, False])
async def test_no_tag_overrules_the_policy(overruled):
    policy = Policy(Decision(False, "because"))
    rules = UsePolicy("push", Filter.parse("c"), Tags({}).of, UPLOAD, policy)
    tags = {} if overruled else {UPLOAD: "true"}
    subject = FilterSubject(bucket="b", key="k", tags=tags)
    assert (
        await rules.exclusion_reason(subject, overruled=overruled)
        == "the policy excludes it: because"
    )
    policy.answer = Decision(True)
    assert await rules.exclusion_reason(subject, overruled=overruled) == ""


@pytest.mark.parametrize(
    ("found", "told"), [({"env": "prod"}, {"env": "prod"}), (S3Error("AccessDenied", "no"), None)]
)
async def test_the_policy_is_told_the_tags_of_the_bucket(found, told):
    policy = Policy(Decision(True))
    await UsePolicy("push", Filter(), Tags(found).of, policy=policy).exclusion_reason(
        FilterSubject(bucket="b", key="k")
    )
    assert policy.document["bucket_tags"] == told


async def test_a_policy_is_not_asked_without_tags_that_can_be_had_later():
    away = S3Error("ServiceUnavailable", "away")
    rules = UsePolicy("push", Filter(), Tags(away).of, policy=Policy(AssertionError("not asked")))
    with pytest.raises(S3Error, match="away"):
        await rules.exclusion_reason(FilterSubject(bucket="b", key="k"))


@pytest.mark.parametrize(
    ("text", "tags", "all_of_them"),
    [
        ("", {}, True),
        ("", {"other": "x"}, True),
        ("", {UPLOAD: "false"}, False),
        ("b", {}, False),
    ],
)
def test_whether_all_objects_are_included_without_a_look_at_them(text, tags, all_of_them):
    assert UsePolicy("push", Filter.parse(text), Tags({}).of, UPLOAD).includes_all(tags) is (
        all_of_them
    )


async def test_the_tags_of_a_stored_object_count():
    rules = UsePolicy("push", EVERYTHING, Tags({}).of, UPLOAD)
    record = ObjectRecord(key="k", size=1, etag='"e"', description=Description(tags={"a": "b"}))
    assert await rules.exclusion_of_record("b", "k", Stored(record, Layout())) == ""
    held = replace(record, description=Description(tags={UPLOAD: "false"}))
    reason = await rules.exclusion_of_record("b", "k", Stored(held, Layout()))
    assert reason == "its tag s3d.upload is false"
    rules.filter = Filter.parse("c")
    assert await rules.exclusion_of_record("b", "k", Stored(record, Layout()))
