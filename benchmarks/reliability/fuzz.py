"""Damaged pictures, zips, label files and settings, read by RegBench's own code.

Every input is read in a child process with a limit of memory and time. What counts as a failure:
any error but RegBench's own, a crash or a hang of the process, a message of several lines, a file
written, a program started or an address asked for.
"""

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.reliability import mutations
from benchmarks.speed import machine

ROOT = Path(__file__).parents[2]
FINE = ("read", "rejected", "stopped")
_START_SECONDS = 300.0  # until a child has imported everything, on a busy machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``fuzz``."""
    parser.add_argument("--inputs", type=int, default=20_000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of all inputs")
    parser.add_argument("--only", type=int, help="one input by its number, to look at it again")
    parser.add_argument("--processes", type=int, default=machine.usable_cores())
    parser.add_argument("--memory", type=int, default=2000, help="MB that reading may take")
    parser.add_argument("--seconds", type=float, default=60, help="after which an input hangs")
    parser.add_argument("--keep", type=Path, default=ROOT / "data/fuzz", help="for what fails")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read all inputs; print the figures and write them as Markdown and JSON."""
    only = arguments.only
    numbers = range(arguments.inputs) if only is None else range(only, only + 1)
    figures = fuzz(
        numbers,
        seed=arguments.seed,
        processes=arguments.processes,
        memory=arguments.memory,
        seconds=arguments.seconds,
        keep=arguments.keep,
    )
    figures["machine"] = machine.describe() | machine.moment()
    text = as_markdown(figures)
    print(text)
    if only is None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "fuzz.md").write_text(text, encoding="utf-8")
        content = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
        (arguments.out / "fuzz.json").write_text(content, encoding="utf-8")
    return figures


@dataclass
class _Tally:
    """What came of the inputs so far."""

    done: int = 0
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    failures: list[dict[str, Any]] = field(default_factory=list)
    longest: dict[str, Any] = field(default_factory=lambda: {"seconds": -1.0})
    largest: dict[str, Any] = field(default_factory=lambda: {"bytes": -1})

    def add(self, event: dict[str, Any], keep: Path, seed: int) -> None:
        """Count one input; keep it if it failed."""
        self.outcomes[event["kind"]][event["outcome"]] += 1
        self.done += 1
        if self.done % 1000 == 0:
            print(f"  {self.done:,} inputs", flush=True)
        self.longest = max(self.longest, event, key=lambda one: one["seconds"])
        self.largest = max(self.largest, event, key=lambda one: one["bytes"])
        if event["outcome"] not in FINE:
            self.failures.append(event | {"kept": _keep(event, keep, seed)})
            print(f"  {event['outcome']}: input {event['end']} ({event['of']}): {event['detail']}")


def fuzz(
    numbers: range, *, seed: int, processes: int, memory: int, seconds: float, keep: Path
) -> dict[str, Any]:
    """Read inputs in child processes.

    Args:
        numbers: Which.
        seed: Of all inputs.
        processes: Side by side.
        memory: MB that reading may take beyond what a process has at the start.
        seconds: After which an input counts as one that hangs.
        keep: The folder for inputs that fail.

    Returns:
        The figures; ``passed`` says whether nothing failed.
    """
    tally, lock = _Tally(), threading.Lock()
    started = time.monotonic()
    faults: list[BaseException] = []

    def work(first: int) -> None:
        try:
            _work(range(first, numbers.stop, processes), seed, memory, seconds, keep, tally, lock)
        except BaseException as error:
            faults.append(error)

    firsts = range(numbers.start, min(numbers.start + processes, numbers.stop))
    threads = [threading.Thread(target=work, args=(first,)) for first in firsts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    done = sum(sum(of_kind.values()) for of_kind in tally.outcomes.values())
    return {
        "command": f"uv run python -m benchmarks.reliability fuzz --inputs {done} --seed {seed}",
        "inputs": done,
        "outcomes": {kind: dict(tally.outcomes[kind]) for kind in mutations.SHARES},
        "failures": tally.failures,
        "passed": not tally.failures and done == len(numbers),
        "longest": tally.longest,
        "largest": tally.largest,
        "memory limit, MB": memory,
        "time limit, s": seconds,
        "took, s": round(time.monotonic() - started, 1),
    }


def _work(
    numbers: range,
    seed: int,
    memory: int,
    seconds: float,
    keep: Path,
    tally: _Tally,
    lock: threading.Lock,
) -> None:
    """Have inputs read one after the other; where a child is lost, go on after the input."""
    while numbers:
        with tempfile.TemporaryDirectory(prefix="regbench-fuzz-") as scratch:
            last, loss = _child(numbers, seed, memory, seconds, Path(scratch), tally, lock, keep)
        if loss is None:
            return
        one = mutations.make(seed, last)
        event = {"end": last, "kind": one.kind, "of": one.of, "seconds": 0.0, "bytes": 0, **loss}
        with lock:
            tally.add(event, keep, seed)
        numbers = numbers[numbers.index(last) + 1 :]


def _child(
    numbers: range,
    seed: int,
    memory: int,
    seconds: float,
    scratch: Path,
    tally: _Tally,
    lock: threading.Lock,
    keep: Path,
) -> tuple[int, dict[str, str] | None]:
    """Run one child as far as it comes; return its last input and how it was lost, if it was."""
    folders = {"HOME": "home", "TMPDIR": "tmp", "XDG_CACHE_HOME": "cache"}
    for folder in (*folders.values(), "work"):
        (scratch / folder).mkdir()
    environment = os.environ | {key: str(scratch / name) for key, name in folders.items()}
    paths = [str(ROOT), str(ROOT / "src"), environment.get("PYTHONPATH", "")]
    environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "KEDRO_LOGGING_CONFIG": str(ROOT / "conf/logging.yml"),
    }
    telling, told = os.pipe()
    options = {
        "seed": seed,
        "first": numbers.start,
        "end": numbers.stop,
        "step": numbers.step,
        "memory": memory * 1_000_000,
        "scratch": scratch,
        "channel": told,
    }
    command = [sys.executable, "-m", "benchmarks.reliability.fuzz_child"]
    command += [f"--{name}={value}" for name, value in options.items()]
    said = scratch.with_name(f"{scratch.name}.log")
    with (
        said.open("w+", encoding="utf-8", errors="replace") as log,
        subprocess.Popen(
            command,
            cwd=scratch / "work",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[told],
        ) as process,
        open(telling, encoding="utf-8") as events,
    ):
        os.close(told)
        try:
            last, hangs = _listen(events, process, seconds, tally, lock, keep, seed)
            if hangs:
                return last, {"outcome": "hang", "detail": f"more than {seconds:g} s"}
            if process.wait() == 0:
                return last, None
            log.seek(0)
            tail = " ".join(log.read()[-1500:].split())
            if last < 0:
                raise RuntimeError(f"a child could not start: {tail}")
            return last, {"outcome": "crash", "detail": f"{_ending(process.returncode)}: {tail}"}
        finally:
            process.kill()
            said.unlink()


def _listen(
    events: IO[str],
    process: "subprocess.Popen[bytes]",
    seconds: float,
    tally: _Tally,
    lock: threading.Lock,
    keep: Path,
    seed: int,
) -> tuple[int, bool]:
    """Take in what a child tells; return the last input that it began and whether it hangs."""
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pass_on, args=(events, lines), daemon=True).start()
    last, left = -1, _START_SECONDS
    while True:
        try:
            line = lines.get(timeout=min(1.0, left))
        except queue.Empty:
            left -= 0 if _is_suspended(process.pid) else 1
            if left > 0:
                continue
            process.kill()
            while lines.get() is not None:  # the stream ends with the process
                pass
            return last, True
        if line is None:
            return last, False
        left = seconds
        event = json.loads(line)
        if "begin" in event:
            last = event["begin"]
        else:
            with lock:
                tally.add(event, keep, seed)


def _is_suspended(pid: int) -> bool:
    """Whether somebody has stopped a process: until it goes on, its time does not count."""
    status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return status.rpartition(")")[2].split()[0] in ("T", "t")


def _pass_on(stream: IO[str], lines: "queue.Queue[str | None]") -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _keep(event: dict[str, Any], folder: Path, seed: int) -> str:
    """Write an input that failed to a file; return the file's name."""
    one = mutations.make(seed, event["end"])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{seed}-{one.number}-{one.of.replace(' ', '-')}"
    path.write_bytes(repr(one.settings).encode(errors="replace") if one.data is None else one.data)
    return path.name


def as_markdown(figures: dict[str, Any]) -> str:
    """The figures as a page."""
    outcomes: dict[str, dict[str, int]] = figures["outcomes"]
    failed = len(figures["failures"])
    rows = [
        f"| {kind} | {sum(of_kind.values()):,} | "
        + " | ".join(f"{of_kind.get(outcome, 0):,}" for outcome in FINE)
        + f" | {sum(count for outcome, count in of_kind.items() if outcome not in FINE)} |"
        for kind, of_kind in outcomes.items()
    ]
    longest, largest, on = figures["longest"], figures["largest"], figures["machine"]
    return "\n".join(
        [
            "# Fuzzing",
            "",
            f"{figures['inputs']:,} damaged inputs, {failed or 'none'} of them with another "
            "outcome than an image, a rejection by name and reason, or one line that says what "
            "is wrong.",
            "",
            f"    {figures['command']}",
            "",
            "| kind | inputs | read | partly rejected | stopped with a message | failed |",
            "|---|---:|---:|---:|---:|---:|",
            *rows,
            "",
            *(
                f"- {one['outcome']}: input {one['end']} ({one['of']}): {one['detail']}"
                for one in figures["failures"]
            ),
            f"- Most memory for one input: {largest['bytes'] / 1e6:.0f} MB "
            f"(input {largest['end']}, {largest['of']}), "
            f"of {figures['memory limit, MB']:,} MB allowed.",
            f"- Most time for one input: {longest['seconds']:.1f} s of processor time "
            f"(input {longest['end']}, {longest['of']}); after {figures['time limit, s']:g} s it "
            "would count as one that hangs.",
            "- Files written, programs started, addresses asked for: "
            f"{sum(one['outcome'] == 'reached out' for one in figures['failures']) or 'none'}.",
            f"- {on['date']}, in {figures['took, s']:,.0f} s; {on['processor']}, "
            f"{on['cores']} cores, {on['memory, GB']} GB; {on['system']}; "
            f"Python {on['python']}, Pillow {on['pillow']}, NumPy {on['numpy']}.",
            "",
        ]
    )
