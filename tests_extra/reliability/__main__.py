"""Try to break RegBench, print what came of it, and write the figures down."""

import argparse
import sys

from tests_extra.reliability import cron, damage, disk, fuzz, kill, signals, soak

# Modules with `add_arguments(parser)` and `run(arguments) -> figures`.
COMMANDS = {
    module.__name__.rpartition(".")[2]: module
    for module in (cron, damage, disk, fuzz, kill, signals, soak)
}


def main() -> None:
    """Run one of the subcommands; exit code 1 if something was found."""
    parser = argparse.ArgumentParser("python -m tests_extra.reliability", description=__doc__)
    subcommands = parser.add_subparsers(required=True, metavar="{" + ",".join(COMMANDS) + "}")
    for name, module in COMMANDS.items():
        subparser = subcommands.add_parser(name, description=module.__doc__)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    arguments = parser.parse_args()
    if not arguments.run(arguments)["passed"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
