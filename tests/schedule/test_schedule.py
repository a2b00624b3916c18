"""The files for cron, logrotate and systemd: the tools take them, and they say the same."""

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SCHEDULE = PROJECT / "schedule"


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SCHEDULE / name)
    return parser


def cron_line() -> str:
    return (SCHEDULE / "regbench.cron").read_text().splitlines()[-1]


def called(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which(tool):
        pytest.skip(f"needs {tool}: apt-get install systemd logrotate")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)


def test_cron_and_systemd_run_the_same_command_at_the_same_time_for_as_long() -> None:
    service = unit("regbench.service")["Service"]
    minute, hour, *days, user, command = cron_line().split(maxsplit=6)
    assert unit("regbench.timer")["Timer"]["OnCalendar"] == f"*-*-* {int(hour):02}:{minute:0>2}:00"
    assert days == ["*", "*", "*"]
    assert user == service["User"]
    line = shlex.split(command, posix=True)
    assert line[:2] == ["cd", service["WorkingDirectory"]]
    limit = line[line.index("timeout") + 2]
    assert limit == service["TimeoutStartSec"]
    executed = shlex.split(service["ExecStart"])
    assert " ".join([line[1] + "/.venv/bin/kedro", *executed[1:]]) == " ".join(executed)
    assert " ".join([".venv/bin/kedro", *executed[1:]]) in command
    assert "%" not in command  # cron takes it for a new line


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    program = tmp_path / ".venv" / "bin" / "kedro"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in ("regbench.service", "regbench.timer"):
        text = (SCHEDULE / name).read_text().replace("/srv/regbench", str(tmp_path))
        (tmp_path / name).write_text(text)
        verified = called("systemd-analyze", "verify", str(tmp_path / name))
        assert (verified.returncode, verified.stderr) == (0, "")
    calendar = called("systemd-analyze", "calendar", unit("regbench.timer")["Timer"]["OnCalendar"])
    assert "Normalized form: *-*-* 02:00:00" in calendar.stdout


def test_logrotate_takes_its_file(tmp_path: Path) -> None:
    log = tmp_path / "regbench.log"
    log.write_text("a line\n")
    text = (SCHEDULE / "regbench.logrotate").read_text()
    assert (
        f"LOG={text.splitlines()[2].removesuffix(' {')}\n"
        in (SCHEDULE / "regbench.cron").read_text()
    )
    settings = tmp_path / "settings"
    own = text.replace("/var/log/regbench/regbench.log", str(log))
    settings.write_text(own.replace("    su regbench regbench\n", ""))
    tmp_path.chmod(0o755)
    settings.chmod(0o644)
    state = tmp_path / "state"
    done = called("logrotate", "--force", "--state", str(state), str(settings))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "regbench.log.1").read_text() == "a line\n"


def test_the_documentation_shows_the_line() -> None:
    assert f"\n{cron_line()}\n" in (PROJECT / "docs/scheduling.md").read_text()
