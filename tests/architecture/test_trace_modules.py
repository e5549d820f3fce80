"""No request enters more modules than it did: each one more is a file more for who follows it."""

from __future__ import annotations

import pytest

from tests.architecture.trace_modules import CASES, traced


@pytest.mark.torture
@pytest.mark.parametrize("name", CASES)
def test_a_request_enters_no_more_modules(name: str) -> None:
    case = CASES[name]
    modules = traced(case)
    assert len(modules) <= case.most, sorted(modules)
