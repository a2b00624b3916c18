"""When a Kedro run starts each of its nodes, read from Kedro's own log."""

import re
from pathlib import Path

import yaml

_LINE = re.compile(r"^(\d+\.\d+) Running node: ([^:(]+)[:(]")
_END = re.compile(r"^(\d+\.\d+) Pipeline execution completed")


def logging_variables(folder: Path) -> dict[str, str]:
    """Write a logging configuration; return the variable that makes Kedro take it."""
    configuration = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"stamped": {"format": "%(created).4f %(message)s"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "stamped",
            }
        },
        "loggers": {"kedro": {"level": "INFO"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
    }
    path = folder / "logging.yml"
    path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return {"KEDRO_LOGGING_CONFIG": str(path)}


def node_starts(log: str) -> list[tuple[str, float]]:
    """Names of nodes and when they started (seconds since 1970), in order."""
    found = (_LINE.match(line) for line in log.splitlines())
    return [(match[2], float(match[1])) for match in found if match]


def end_of_run(log: str) -> float:
    """When the last node was done; seconds since 1970."""
    found = [match for match in map(_END.match, log.splitlines()) if match]
    return float(found[-1][1])


def durations(starts: list[tuple[str, float]], end: float) -> dict[str, float]:
    """How long each node took, saving included, where one follows another."""
    ends = [start for _, start in starts[1:]] + [end]
    return {name: until - start for (name, start), until in zip(starts, ends, strict=True)}
