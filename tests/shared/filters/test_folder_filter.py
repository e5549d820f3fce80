import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.shared.filters.expression import Filter, Verdict
from s3d.shared.filters.parser import FilterError
from s3d.shared.filters.terms import FilterSubject

pytestmark = pytest.mark.finding("tui-6")


def is_kept(text: str, path: str, **more) -> bool:
    """In a folder that is synced with photos/notes/."""
    subject = FilterSubject(bucket="photos", key=f"notes/{path}", path=path, **more)
    return Filter.parse_of_folder(text).verdict(subject) is Verdict.INCLUDE


@pytest.mark.parametrize(
    ("text", "kept", "left_out"),
    [
        ("!*.tmp", ["a.txt", "deep/b"], ["a.tmp", "deep/a.tmp"]),
        ("*; !*.tmp", ["a.txt"], ["deep/a.tmp"]),
        ("*\n!*.tmp\nkeep.tmp", ["keep.tmp"], ["a.tmp"]),
        ("!Drafts/*", ["drafts/a", "b"], ["Drafts/a", "Drafts/deep/a"]),
        ("2026/*", ["2026/a"], ["2025/a", "a"]),
        ("!my file?.txt", ["my file.txt"], ["my file1.txt"]),
        ("!_build/*;!Makefile", ["src/Makefile"], ["_build/a", "Makefile"]),
        ("!\\!odd", ["odd"], ["!odd"]),
        # as all filters, with BUCKET/KEY: what was stored before
        ("*;!*/*.tmp", ["a.txt"], ["a.tmp", "deep/a.tmp"]),
        ("!*/node_modules/*", ["src/a"], ["node_modules/a", "src/node_modules/a"]),
        ("photos/notes/*;!photos/notes/private/*", ["a"], ["private/a"]),
        ("photos;!photos/*.tmp", ["a"], ["a.tmp"]),
        ("other/*", [], ["a"]),
    ],
)
def test_patterns_are_paths_within_the_folder(text, kept, left_out):
    assert [path for path in [*kept, *left_out] if is_kept(text, path)] == kept


def test_conditions_are_those_of_all_filters():
    assert not is_kept("!*[hdr:content-length>1KiB]", "a", size=2000)
    assert is_kept("!*[hdr:content-length>1KiB]", "a", size=2)
    assert not is_kept("!*[tag:draft]", "a", tags={"draft": "yes"})
    assert not is_kept("!photos[tag:private]/notes/*", "a", bucket_tags={"private": "yes"})


@pytest.mark.parametrize("text", ["!a[size>3]", "a[tag:x] b"])
def test_what_is_no_term_is_refused_with_its_place(text):
    with pytest.raises(FilterError, match="column"):
        Filter.parse_of_folder(text)


def test_a_term_in_words():
    words = [*Filter.parse_of_folder("*;!*.tmp[tag:draft]").sentences()]
    assert words[0] == "include: everything"
    assert words[1].startswith("exclude: what is like *.tmp, if its tag draft exists")


@given(st.text("ab!#*?/ .;[\\\\", min_size=1, max_size=12))
def test_the_text_of_a_filter_is_that_filter(text):
    try:
        filter = Filter.parse_of_folder(text)
    except FilterError:
        return
    assert Filter.parse_of_folder(str(filter)) == filter
