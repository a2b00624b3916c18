"""Try to break RegBench, print what came of it, and write the figures down."""

import argparse
import importlib
import sys

# Subcommands by name: modules with `add_arguments(parser)` and `run(arguments) -> figures`.
COMMANDS = {
    "damage": "benchmarks.reliability.damage",
    "dependencies": "benchmarks.reliability.dependencies",
    "disk": "benchmarks.reliability.disk",
    "fuzz": "benchmarks.reliability.fuzz",
    "kill": "benchmarks.reliability.kill",
    "soak": "benchmarks.reliability.soak",
}


def main() -> None:
    """Run one of the subcommands; exit code 1 if something was found."""
    parser = argparse.ArgumentParser("python -m benchmarks.reliability", description=__doc__)
    subcommands = parser.add_subparsers(required=True, metavar="{" + ",".join(COMMANDS) + "}")
    for name, module_name in COMMANDS.items():
        module = importlib.import_module(module_name)
        subparser = subcommands.add_parser(name, description=module.__doc__)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    arguments = parser.parse_args()
    figures = arguments.run(arguments)
    if not figures["passed"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
