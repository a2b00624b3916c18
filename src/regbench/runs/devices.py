"""The devices that trainings share, found without importing TensorFlow: CPU cores and GPUs.

What is decided from them is tested with made-up lists; it was never run on a GPU.
"""

import ctypes.util
import os
from importlib.util import find_spec
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/gpus")  # a folder per GPU
_DEVICES = Path("/dev")  # nvidia0, nvidia1, ...; in a container without the driver's /proc
_NONE = ("", "-1", "none", "void", "NoDevFiles")


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpus() -> list[str]:
    """Return the NVIDIA GPUs that TensorFlow will use, as ``CUDA_VISIBLE_DEVICES`` names them.

    Returns:
        Those of the variable if it is set, or else all of the machine's, ``["0", "1", ...]``. None
        if TensorFlow finds no cuDNN, without which it trains on the CPU.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        names = [str(number) for number in range(_installed())]
    else:
        names = _visible(visible)
    return names if names and _has_cudnn() else []


def _visible(variable: str) -> list[str]:
    """Return the GPUs of ``CUDA_VISIBLE_DEVICES``; CUDA ignores what follows a wrong one."""
    names: list[str] = []
    for name in (each.strip() for each in variable.split(",")):
        if name in _NONE or name in names:
            break
        names.append(name)
    return names


def _installed() -> int:
    """Return the number of NVIDIA GPUs for which the kernel has a device."""
    if _DRIVER.is_dir():
        return len(list(_DRIVER.iterdir()))
    return sum(path.name[6:].isdigit() for path in _DEVICES.glob("nvidia*"))


def _has_cudnn() -> bool:
    """Return whether cuDNN is installed, by ``pip install tensorflow[and-cuda]`` or the system."""
    return find_spec("nvidia.cudnn") is not None or bool(ctypes.util.find_library("cudnn"))


def training_processes() -> int:
    """Return how many trainings run at once unless told otherwise: one per GPU, else per core."""
    return len(gpus()) or cores()


def gpu_of_process(number: int) -> str | None:
    """Return the GPU that the training process of a number, from 0, is to use; None without one."""
    names = gpus()
    return names[number % len(names)] if names else None
