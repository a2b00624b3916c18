"""What trainings share, found without importing TensorFlow: CPU cores, GPUs and memory.

What is decided from them is tested with made-up lists; it was never run on a GPU.
"""

import ctypes.util
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/gpus")  # a folder per GPU
_DEVICES = Path("/dev")  # nvidia0, nvidia1, ...; in a container without the driver's /proc
_CGROUPS = Path("/proc/self/cgroup")  # a line per hierarchy: number, controllers, path
_LIMITS = Path("/sys/fs/cgroup")
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


def memory() -> int:
    """Return the bytes of memory that this process may use: the machine's, or less in a cgroup."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits_of_memory()])


def _limits_of_memory() -> Iterator[int]:
    """Yield the limits, in bytes, of this process' cgroups and of those around them."""
    try:
        lines = _CGROUPS.read_text().splitlines()
    except OSError:
        return  # no Linux: no cgroups
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            root, name = _LIMITS, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = _LIMITS / "memory", "memory.limit_in_bytes"
        else:
            continue
        # In a container the path may be the machine's, and the root the container's own.
        inner = root / path.lstrip("/")
        for folder in (inner, *inner.parents):
            if folder.is_relative_to(root) and (folder / name).is_file():
                limit = (folder / name).read_text().strip()
                if limit.isdigit():  # or max
                    yield int(limit)


_trainings_at_once = 1


def share_among(trainings: int) -> None:
    """Note how many trainings share the memory, this process' own among them."""
    global _trainings_at_once  # noqa: PLW0603 - a process has one
    _trainings_at_once = trainings


def trainings_at_once() -> int:
    """Return how many trainings share the memory, as far as this process was told: 1 or more."""
    return _trainings_at_once
