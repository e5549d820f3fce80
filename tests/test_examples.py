"""The examples of Hypothesis, on a busy machine."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@given(st.integers())
@settings(max_examples=1)
def test_no_example_has_a_deadline(number: int) -> None:
    assert settings.default is not None
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


def test_nor_has_a_test_with_settings_of_its_own() -> None:
    assert settings(max_examples=1).deadline is None
