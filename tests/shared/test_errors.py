import re

import pytest

from s3d.shared import errors
from s3d.shared.errors import EXIT_CODES, S3dError
from tests.user_guide import GUIDE

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


def test_every_exit_code_is_explained_and_the_user_guide_has_the_same_table():
    codes = {cls.exit_code for cls in vars(errors).values() if hasattr(cls, "exit_code")}
    assert codes <= EXIT_CODES.keys()
    table = GUIDE.partition("## Exit codes\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", table, re.MULTILINE)
    assert {int(code): text for code, text in rows} == EXIT_CODES
