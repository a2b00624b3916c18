"""Bounded slices of what ``python -m benchmarks.reliability`` does at length."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # the suite is no part of the package

from benchmarks.reliability import dependencies, fuzz, mutations


class TestFuzzing:
    def test_some_inputs_end_well(self, tmp_path: Path) -> None:
        keep = tmp_path / "kept"
        made = fuzz.fuzz(range(200), seed=7, processes=1, memory=2000, seconds=120, keep=keep)
        assert made["failures"] == []
        assert made["passed"]
        assert made["inputs"] == 200
        outcomes = made["outcomes"]
        assert all(outcomes[kind] for kind in mutations.SHARES)
        assert outcomes["picture"]["read"] > 10
        assert outcomes["picture"]["rejected"] > 10

    def test_a_number_makes_the_same_input_again(self) -> None:
        for number in range(40):
            assert repr(mutations.make(3, number)) == repr(mutations.make(3, number))
        assert mutations.make(3, 0) != mutations.make(4, 0)

    def test_what_goes_wrong_is_named_and_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Python imports this when it starts. The first three calls are not of damaged inputs.
        (tmp_path / "sitecustomize.py").write_text(
            "import os\n"
            "import regbench.images.ingest as ingestion\n"
            "real, calls = ingestion.ingest_labeled, []\n"
            "def ingest_labeled(*given):\n"
            "    calls.append(1)\n"
            "    turn = len(calls) - 3\n"
            "    if turn == 2: raise KeyError('oops')\n"
            "    if turn == 3: bytearray(10**10)\n"
            "    if turn == 4: open(os.environ['HOME'] + '/planted', 'w').close()\n"
            "    if turn == 5: os.system('true')\n"
            "    if turn == 6: os.kill(os.getpid(), 11)\n"
            "    return real(*given)\n"
            "ingestion.ingest_labeled = ingest_labeled\n"
        )
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
        keep = tmp_path / "kept"
        made = fuzz.fuzz(range(7), seed=0, processes=1, memory=500, seconds=300, keep=keep)
        expected = [
            (1, "error", "KeyError: 'oops'"),
            (2, "error", "MemoryError"),
            (3, "reached out", "planted"),
            (4, "reached out", "os.system"),
            (5, "crash", "SIGSEGV"),
        ]
        assert len(made["failures"]) == len(expected)
        for failure, (number, outcome, said) in zip(made["failures"], expected, strict=True):
            assert (failure["end"], failure["outcome"]) == (number, outcome)
            assert said in failure["detail"]
            assert (keep / failure["kept"]).read_bytes() == mutations.make(0, number).data
        assert made["inputs"] == 7
        assert not made["passed"]

    def test_a_child_that_hangs_is_ended(self, tmp_path: Path) -> None:
        code = "import time; print('{\"begin\": 4}', flush=True); time.sleep(600)"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            events = io.TextIOWrapper(child.stdout)
            found = fuzz._listen(
                events, child, 0.2, fuzz._Tally(), threading.Lock(), tmp_path, seed=0
            )
        assert found == (4, True)
        assert child.returncode == -9

    def test_the_page_names_what_failed(self) -> None:
        one = {"end": 5, "of": "png-l", "outcome": "crash", "detail": "SIGSEGV", "seconds": 1.0}
        figures = {
            "inputs": 6,
            "command": "x",
            "outcomes": {"picture": {"read": 5, "crash": 1}},
            "failures": [one | {"bytes": 10**6}],
            "longest": one,
            "largest": one | {"bytes": 10**6},
            "memory limit, MB": 1,
            "time limit, s": 1,
            "took, s": 1,
            "machine": dict.fromkeys(
                ["date", "processor", "cores", "memory, GB", "system", "python", "pillow", "numpy"]
            ),
        }
        page = fuzz.as_markdown(figures)
        assert "6 damaged inputs, 1 of them" in page
        assert "- crash: input 5 (png-l): SIGSEGV" in page


class TestDependencies:
    def test_all_licences_are_allowed(self) -> None:
        found = dependencies.licences(dependencies.needed("regbench"))
        assert {"numpy", "tensorflow", "kedro", "pillow", "gitpython"} <= found.keys()
        wrong = {n: each for n, each in found.items() if not dependencies.is_allowed(n, each)}
        assert wrong == {}

    @pytest.mark.parametrize(
        ("expression", "allowed"),
        [
            ("MIT", True),
            ("MIT AND BSD-3-Clause", True),
            ("MIT AND GPL-3.0-only", False),
            ("MIT OR GPL-3.0-only", True),
            ("MPL-2.0 AND (Apache-2.0 OR MIT)", False),
            ("Zlib AND (GPL-2.0-only OR MIT)", True),
            ("", False),
        ],
    )
    def test_an_expression_is_read(self, expression: str, allowed: bool) -> None:
        assert dependencies.is_allowed("somebody", expression) is allowed

    def test_a_look_up_that_fails_is_no_all_clear(self) -> None:
        offline = [sys.executable, "-c", "import sys; sys.exit('no connection')"]
        assert dependencies.vulnerabilities(offline) == ([], "no connection")
        found, why = dependencies.vulnerabilities(["no-such-command-anywhere"])
        assert found == []
        assert "no-such-command" in why

    def test_what_is_known_is_told(self) -> None:
        answer = (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": '
            '[{"id": "CVE-1", "fix_versions": ["2"]}]}, {"name": "NAME", "skip_reason": "why"}]}'
        )
        told = [sys.executable, "-c", f"print({answer.replace('NAME', 'regbench')!r})"]
        assert dependencies.vulnerabilities(told) == (["a 1: CVE-1, mended in 2"], "")
        told[-1] = f"print({answer!r})"
        _, not_looked_up = dependencies.vulnerabilities(told)
        assert not_looked_up == "1 of 2 packages, for example: why"
