"""All rows, in one table."""

from __future__ import annotations

from tests.e2e.errors import derived_rows, form_rows, specific_rows
from tests.e2e.errors.derived_rows import Row


def rows() -> tuple[Row, ...]:
    return (*derived_rows.rows(), *specific_rows.ROWS, *form_rows.ROWS)
