"""TensorFlow's settings: memory of GPUs, and of earlier networks."""

import ctypes
import gc

import pytest
import tensorflow as tf
from tests.training.small_study import (
    network_of,
)

from regbench.study.technique import Technique
from regbench.training import tensorflow_setup
from regbench.training.tensorflow_setup import set_up_tensorflow


def test_several_processes_may_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    grown = {}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind} 0", f"{kind} 1"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", grown.__setitem__)
    set_up_tensorflow.__wrapped__()
    assert grown == {"GPU 0": True, "GPU 1": True}


def malloc_in_use() -> int:
    """The bytes that the C library has given out and not got back."""

    class Info(ctypes.Structure):
        _fields_ = [(f"field_{number}", ctypes.c_size_t) for number in range(10)]

    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Info
    found = mallinfo()
    return int(found.field_7 + found.field_4)  # uordblks and hblkhd


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc tells what it has given out"
)
def test_networks_that_are_gone_leave_no_memory_behind() -> None:
    before = 0
    for number in range(25):
        tensorflow_setup.forget_earlier_networks()
        network_of(Technique(dropout=0.25))
        if number == 4:
            before = malloc_in_use()
    assert malloc_in_use() - before < 20 * 20_000  # without forgetting, 71 kB each
