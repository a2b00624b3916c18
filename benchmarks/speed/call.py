"""Calls one function of this package in the process that ``processes`` has started for it."""

import importlib
import json
import sys

from benchmarks.speed import child


def main() -> None:
    """Call ``module:function`` with arguments from JSON and send back what it returns."""
    child.open_channel()
    module, _, function = sys.argv[1].partition(":")
    called = getattr(importlib.import_module(f"benchmarks.speed.{module}"), function)
    child.tell({"result": called(**json.loads(sys.argv[2]))})


if __name__ == "__main__":
    main()
