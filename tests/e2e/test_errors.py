"""Each documented error of each operation: provoked at the embedded store, or named with a reason.

The tables are in errors/; docs/s3-compatibility.md is made from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from s3d.agent.s3.errors import ERRORS
from tests.agent_process import AgentProcess
from tests.e2e.errors.derived_rows import Row
from tests.e2e.errors.documented_errors import (
    ELSEWHERE,
    NOT_HERE,
    of_botocore,
    of_operations,
    statuses,
)
from tests.e2e.errors.error_store import ErrorStore
from tests.e2e.errors.table import rows

ROOT = Path(__file__).parents[2]
ROWS = rows()
CODES = {row.code for row in ROWS}


@pytest.fixture(scope="module")
def store(agent: AgentProcess) -> Iterator[ErrorStore]:
    store = ErrorStore(agent)
    yield store
    store.close()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_request_has_its_documented_error(store: ErrorStore, row: Row) -> None:
    answer = store.send(row.request, row.by)
    has_document = row.request.method != "HEAD" and row.code != "NotModified"
    expected = (statuses()[row.code], row.code if has_document else "")
    assert answer[:2] == expected, answer.text


def test_rows_are_told_apart() -> None:
    assert len({str(row) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("code", statuses())
def test_a_documented_error_is_provoked_or_has_a_reason(code: str) -> None:
    places = [code in CODES, code in ELSEWHERE, code in NOT_HERE]
    assert places.count(True) == 1
    if code in ELSEWHERE:
        assert f'"{code}"' in (ROOT / ELSEWHERE[code]).read_text()
    if code not in NOT_HERE:
        assert ERRORS[code][0] == statuses()[code]


def test_nothing_else_is_explained() -> None:
    assert statuses().keys() == CODES | ELSEWHERE.keys() | NOT_HERE.keys()
    assert of_botocore().keys() <= statuses().keys()


@pytest.mark.parametrize(("operation", "codes"), of_operations().items())
def test_the_errors_of_the_model_are_provoked(operation: str, codes: list[str]) -> None:
    provoked = {row.code for row in ROWS if row.operation == operation}
    elsewhere = ELSEWHERE.keys() | NOT_HERE.keys()
    assert set(codes) <= provoked | elsewhere or "NotImplemented" in provoked
