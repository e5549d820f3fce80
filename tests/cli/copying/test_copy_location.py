import pytest

from s3d.cli.copying.copy_location import CopyLocation, check_source, parse_location
from s3d.shared.errors import NotFoundError, UsageError


def test_a_place_is_in_s3_or_a_path():
    assert parse_location("s3://b/k/l") == CopyLocation("b", "k/l")
    assert parse_location("b/k") == CopyLocation("", "b/k")
    assert parse_location("-").is_stream
    assert [parse_location(f"s3://b{key}").is_folder_name for key in ("", "/", "/p/", "/p")] == [
        True, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "s3://", "s3:///k", "a\udcff"])
def test_a_bad_place_is_refused(text):
    with pytest.raises(UsageError):
        parse_location(text)


@pytest.mark.parametrize("text", ["s3:b/k", "s3:/b/k", "S3://b/k"])
def test_what_nearly_is_a_place_in_s3_is_no_path(text):
    with pytest.raises(UsageError) as caught:
        parse_location(text)
    assert caught.value.remedy == f"a place in S3 begins with s3://: s3://b/k; a path: ./{text}"
    assert parse_location(f"./{text}") == CopyLocation("", f"./{text}")


def test_a_local_source_exists(tmp_path):
    (tmp_path / "f").touch()
    check_source(CopyLocation("", str(tmp_path / "f")), recursive=False)
    check_source(CopyLocation("", str(tmp_path)), recursive=True)
    with pytest.raises(UsageError, match="is a folder"):
        check_source(CopyLocation("", str(tmp_path)), recursive=False)
    with pytest.raises(NotFoundError):
        check_source(CopyLocation("", str(tmp_path / "g")), recursive=False)
