"""How many trainings run at once, on which GPU, in how much memory: with made-up machines."""

import ctypes.util
import os
from pathlib import Path

import pytest

from regbench.process import devices
from regbench.runs.runner import StudyRunner, _Workers


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with cuDNN, 16 cores and no GPU yet; its ``/proc/driver`` and ``/dev``."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "_DRIVER", tmp_path / "proc")
    monkeypatch.setattr(devices, "_DEVICES", tmp_path / "dev")
    monkeypatch.setattr(devices, "_has_cudnn", lambda: True)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    (tmp_path / "dev").mkdir()
    return tmp_path


def add_gpus(machine: Path, number: int) -> None:
    for each in range(number):
        (machine / f"proc/0000:0{each}:00.0").mkdir(parents=True)


def test_one_training_per_core_without_a_gpu(machine: Path) -> None:
    assert devices.gpus() == []
    assert devices.training_processes() == 16
    assert devices.gpu_of_process(3) is None
    assert StudyRunner()._max_workers == 16


def test_one_training_per_gpu_each_on_its_own(machine: Path) -> None:
    add_gpus(machine, 2)
    assert devices.training_processes() == 2
    assert StudyRunner()._max_workers == 2
    workers = _Workers(3, threads=5)  # as the user may ask for: the third shares the first GPU
    assert [process._gpu for process in workers._processes] == ["0", "1", "0"]
    assert StudyRunner(max_workers=5)._max_workers == 5


def test_a_container_without_the_drivers_files_tells_by_its_devices(machine: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (machine / "dev" / name).touch()
    assert devices.gpus() == ["0", "1"]


@pytest.mark.parametrize(
    ("variable", "used"),
    [
        ("1", ["1"]),
        ("3, 2", ["3", "2"]),
        ("GPU-8932f937,MIG-1", ["GPU-8932f937", "MIG-1"]),
        ("", []),
        ("-1", []),
        ("0,-1,1", ["0"]),  # what follows a wrong one is not seen
        ("0,0", ["0"]),
    ],
)
def test_the_variable_of_cuda_decides(
    variable: str, used: list[str], machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_gpus(machine, 4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert devices.gpus() == used
    assert devices.training_processes() == (len(used) or 16)


@pytest.mark.parametrize("library", [None, "libcudnn.so.9"])
def test_a_gpu_that_tensorflow_cannot_use_counts_for_nothing(
    library: str | None, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_gpus(machine, 1)
    monkeypatch.undo()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "_DRIVER", machine / "proc")
    monkeypatch.setattr(devices, "find_spec", lambda _: None)
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: library)
    assert devices.gpus() == (["0"] if library else [])


class TestMemory:
    MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    @pytest.fixture
    def limits(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder of limits, and beside it the list of this process' cgroups."""
        monkeypatch.setattr(devices, "_CGROUPS", tmp_path / "cgroup")
        monkeypatch.setattr(devices, "_LIMITS", tmp_path / "limits")
        return tmp_path / "limits"

    def write(self, limits: Path, cgroups: str, **files: str) -> None:
        limits.with_name("cgroup").write_text(cgroups)
        for name, text in files.items():
            file = limits / name.replace("__", "/").replace("_IN_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def test_that_of_the_machine_without_a_limit(self, limits: Path) -> None:
        assert devices.memory() == self.MACHINE
        self.write(limits, "0::/a/b\n", a__b__memory_IN_max="max\n", memory_IN_max="")
        assert devices.memory() == self.MACHINE

    def test_the_least_limit_on_the_way_up(self, limits: Path) -> None:
        files = {"a__b__memory_IN_max": "3000000\n", "a__memory_IN_max": "2000000\n"}
        self.write(limits, "1:name=systemd:/x\n0::/a/b\n", **files)
        assert devices.memory() == 2_000_000

    def test_a_container_whose_path_is_the_machines(self, limits: Path) -> None:
        self.write(limits, "0::/kubepods/pod1\n", memory_IN_max="5000000")
        assert devices.memory() == 5_000_000

    def test_the_first_version_of_cgroups(self, limits: Path) -> None:
        lines = "5:cpu,memory:/docker/1\n4:memory_not:/\n0::/\n"
        self.write(limits, lines, memory__memory_IN_limit_in_bytes="4000000\n")
        assert devices.memory() == 4_000_000

    def test_how_many_share_it_is_what_the_process_was_told(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(devices, "_trainings_at_once", 1)
        assert devices.trainings_at_once() == 1
        devices.share_among(3)
        assert devices.trainings_at_once() == 3
