import pytest

from s3d.agent.s3.etags import quote_etags, quoted


@pytest.mark.parametrize(
    ("etag", "expected"),
    [("", ""), ("abc", '"abc"'), ('"abc"', '"abc"'), ("abc-3", '"abc-3"'), ('W/"a"', 'W/"a"')],
)
def test_an_etag_has_quotes(etag, expected):
    assert quoted(etag) == expected


@pytest.mark.finding("F6")
@pytest.mark.parametrize(
    ("operation", "output", "expected"),
    [
        ("HeadObject", {"ETag": "a", "Size": 1}, {"ETag": '"a"', "Size": 1}),
        ("ListObjectsV2", {"Contents": [{"ETag": "a"}, {"Key": "k"}]},
         {"Contents": [{"ETag": '"a"'}, {"Key": "k"}]}),
        ("ListObjectVersions", {"Versions": [{"ETag": "a"}]}, {"Versions": [{"ETag": '"a"'}]}),
        ("ListParts", {"Parts": [{"ETag": '"a"'}]}, {"Parts": [{"ETag": '"a"'}]}),
        ("CopyObject", {"CopyObjectResult": {"ETag": "a"}}, {"CopyObjectResult": {"ETag": '"a"'}}),
        ("UploadPartCopy", {"CopyPartResult": {"ETag": "a"}}, {"CopyPartResult": {"ETag": '"a"'}}),
        ("GetObjectAttributes", {"ETag": "a"}, {"ETag": "a"}),
        ("DeleteObject", {}, {}),
    ],
)  # fmt: skip
def test_every_etag_of_an_answer_has_quotes(operation, output, expected):
    quote_etags(operation, output)
    assert output == expected
