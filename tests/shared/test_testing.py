"""The types of a store made for tests cross the socket as they are."""

import msgspec
import pytest

from s3d.shared import control
from s3d.shared.testing import ClockChange, Fault, FaultSpec


def test_a_fault_crosses_the_socket():
    fault = Fault(1, FaultSpec(operation="PutObject", rate=0.5, times=2, delay=0.2), 3, 1)
    assert control.decode(control.encode(fault), Fault) == fault


@pytest.mark.parametrize("kind", [FaultSpec, ClockChange])
def test_a_misspelt_field_is_refused(kind):
    with pytest.raises(msgspec.ValidationError, match="unknown field `rat`"):
        control.decode(b'{"rat": 1}', kind)
