"""Verdicts: the vectors of the design, and a slow reference that tries every unknown fact."""

import json
import re
import time
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from s3d.shared.filters.expression import EVERYTHING, Filter, Verdict
from s3d.shared.filters.parser import FilterError
from s3d.shared.filters.terms import Attributes, FilterSubject
from s3d.shared.text import parse_size
from tests.user_guide import GUIDE

VECTORS = json.loads(Path(__file__).with_name("filter_vectors.json").read_text())
VERDICTS = {"true": Verdict.INCLUDE, "false": Verdict.EXCLUDE, "unknown": Verdict.UNKNOWN}
NAMES = {
    Attributes.BUCKET_TAGS: "bucket_tags",
    Attributes.TAGS: "tags",
    Attributes.HEADERS: "headers",
    Attributes.METADATA: "metadata",
}


@pytest.mark.parametrize("vector", VECTORS["decide"], ids=lambda vector: vector["filter"])
def test_vectors(vector):
    wanted = Filter.parse(vector["filter"])
    assert wanted.verdict(FilterSubject(**vector["object"])) is VERDICTS[vector["expect"]]
    assert Filter.parse(str(wanted)) == wanted


@pytest.mark.parametrize("vector", VECTORS["errors"], ids=lambda vector: vector["filter"])
def test_vectors_of_mistakes(vector):
    if vector["error_column"] is None:
        assert Filter.parse(vector["filter"]) == EVERYTHING
        return
    with pytest.raises(FilterError) as caught:
        Filter.parse(vector["filter"])
    assert caught.value.column == vector["error_column"]


single = st.sampled_from(
    ["b", "b/*", "*/k", "b/*[tag:x]", "b[tag:x]", "*/*[md:x]", "b/k[tag:x][md:x]", "c/*",
     "b[tag:x]/*[tag:x]", "b/*[hdr:etag]"]
)  # fmt: skip
filters = st.lists(st.tuples(st.booleans(), single), max_size=4).map(
    lambda terms: Filter.parse(";".join("!" * excludes + text for excludes, text in terms))
)
FULL, EMPTY = {"x": "1", "etag": "1"}, {}


@given(filters, st.tuples(*[st.sampled_from([None, FULL, EMPTY])] * 4))
def test_unknown_exactly_when_what_is_unknown_decides(wanted, facts):
    subject = FilterSubject(bucket="b", key="k", **dict(zip(NAMES.values(), facts, strict=True)))
    choices = [[fact] if fact is not None else [FULL, EMPTY] for fact in facts]
    verdicts = {
        wanted.verdict(replace(subject, **dict(zip(NAMES.values(), each, strict=True))))
        for each in product(*choices)
    }
    found = wanted.verdict(subject)
    decision = wanted.explain(subject)
    assert decision.verdict is found
    if len(verdicts) > 1:
        assert found is Verdict.UNKNOWN
    if found is Verdict.UNKNOWN:
        assert decision.missing
        assert all(getattr(subject, NAMES[fact]) is None for fact in decision.missing)
    else:
        assert verdicts == {found}


@given(filters, st.sampled_from(["b", "c"]), st.sampled_from(["k", "kk", "a"]))
def test_what_is_taken_has_one_of_the_prefixes(wanted, bucket, key):
    subject = FilterSubject(
        bucket=bucket, key=key, bucket_tags=FULL, tags=FULL, headers=FULL, metadata={}
    )
    prefixes = wanted.prefixes(bucket)
    if wanted.verdict(subject) is Verdict.INCLUDE:
        assert any(key.startswith(prefix) for prefix in prefixes)


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        ("", ("",)),
        ("!b/x*", ("",)),
        ("c", ()),
        ("b/a*;b/ab/*;b/z", ("a", "z")),
        ("*/*.log", ("",)),
    ],
)
def test_prefixes(text, prefixes):
    assert Filter.parse(text).prefixes("b") == prefixes


@pytest.mark.parametrize(
    ("text", "why", "term"),
    [
        ("", "the filter is empty", None),
        ("!c", "no term excludes it", None),
        ("c", "no term includes it", None),
        ("b;!b/k", "term 2 excludes it: !b/k", 2),
        ("b;b/*[tag:x][md:y]", "term 1 includes it: b", 1),
        ("b;!*[tag:e]/*[tag:x]", "it depends on the tags of the bucket and "
         "the tags of the object", 2),
    ],
)  # fmt: skip
def test_why(text, why, term):
    decision = Filter.parse(text).explain(FilterSubject(bucket="b", key="k"))
    assert (decision.why, decision.term) == (why, term)


EXAMPLES = re.findall(
    r"^\| `(.+)` \| `([a-z]+)/(.+)`(?: of (.+)| with the tag (.+))? \| (included|excluded) \|$",
    GUIDE,
    re.MULTILINE,
)


@pytest.mark.parametrize(("text", "bucket", "key", "size", "tag", "said"), EXAMPLES)
def test_the_examples_of_the_user_guide(text, bucket, key, size, tag, said):
    tags = dict([tag.split("=")]) if tag else {}
    subject = FilterSubject(bucket=bucket, key=key, size=parse_size(size) if size else 1, tags=tags)
    assert Filter.parse(text).verdict(subject) is VERDICTS[str(said == "included").lower()]


def test_the_user_guide_has_examples():
    assert len(EXAMPLES) == 11


def test_a_list_of_terms_is_a_filter():
    assert Filter.of(["a", "!a/b*"]) == Filter.parse("a;!a/b*")


def test_in_words():
    assert list(Filter.parse("a;!b").sentences()) == [
        "include: all objects of buckets named a",
        "exclude: all objects of buckets named b",
    ]
    assert Filter.parse("a").fallback_sentence.endswith("is excluded.")
    assert Filter.parse("!a").fallback_sentence.endswith("is included.")


def test_a_decision_with_three_terms_takes_less_than_15_us():
    wanted = Filter.parse("b/*;!b/tmp/*[tag:a=b*];b/keep*[hdr:content-length<100]")
    subject = FilterSubject(bucket="b", key="some/key.mp4", size=50, tags={"a": "x"})
    times = []
    for _ in range(5):
        begin = time.process_time()
        for _ in range(1_000):
            wanted.verdict(subject)
        times.append((time.process_time() - begin) / 1_000)
    assert min(times) < 15e-6
