"""For children of a test: root without the powers that make file modes mean nothing."""

import ctypes
import os
import sys

import pytest

PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2

needs_modes = pytest.mark.skipif(
    os.geteuid() == 0 and sys.platform != "linux", reason="root may do anything here"
)


def mortal() -> None:
    """As preexec_fn: from its exec on the child is bound by the modes of files."""
    if os.geteuid() == 0:
        for power in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            if ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, power, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")
