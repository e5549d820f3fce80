import pytest

from s3d.shared.filters.expression import Filter, Verdict
from s3d.shared.filters.terms import FilterSubject
from s3d.tui.folder_fields import FIELDS


@pytest.mark.finding("tui-6")
def test_the_example_of_a_filter_is_one_that_works():
    hint = next(field.hint for field in FIELDS if field.name == "filter")
    example = next(word for word in hint.split() if word.startswith("!"))
    rules = Filter.parse_of_folder(example)
    for key, is_kept in (("notes/a.tmp", False), ("x.tmp", False), ("notes/deep/a.txt", True)):
        subject = FilterSubject(bucket="my-bucket", key=f"below/{key}", path=key)
        assert (rules.verdict(subject) is Verdict.INCLUDE) == is_kept
