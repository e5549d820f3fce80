import pytest

from s3d.shared import errors
from s3d.shared.errors import S3dError

CODES = {
    "S3dError": 1,
    "UsageError": 2,
    "NotFoundError": 3,
    "DeniedError": 4,
    "NotRunningError": 5,
    "PendingError": 6,
    "FullError": 7,
    "UnavailableError": 1,
    "AlreadyRunningError": 75,
}


def test_each_error_has_the_exit_code_of_the_conventions():
    found = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, S3dError)
    }
    assert found == CODES


@pytest.mark.parametrize(
    ("parts", "text"), [(("a",), "a"), (("a", "b"), "a: b"), (("a", "b", "c"), "a: b")]
)
def test_the_text_is_title_and_detail(parts, text):
    error = S3dError(*parts)
    assert str(error) == text
    assert error.remedy == (parts[2] if len(parts) > 2 else "")
