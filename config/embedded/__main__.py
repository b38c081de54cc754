"""`python -m config.embedded`: see `--help`."""

import argparse
import signal
import sys

from config.embedded.errors import EmbeddedError
from config.embedded.launcher import run_command
from config.embedded.process import ask_for_signal_on_parent_death
from config.embedded.servers import clean

FAILURE = 1
USAGE_ERROR = 2


def main(arguments: list[str]) -> int:
    """Run the command line.

    Args:
        arguments: the words after the program's name.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m config.embedded",
        description="Real PostgreSQL and Valkey on 127.0.0.1 for as long as a command runs.",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    run = actions.add_parser(
        "run",
        help="run a command with DATABASE_URL and REDIS_URL set",
        description="A server that DATABASE_URL or REDIS_URL already names is used as it is.",
    )
    data = run.add_mutually_exclusive_group()
    data.add_argument("--name", default="default", help="keep the data in var/NAME (%(default)s)")
    data.add_argument("--ephemeral", action="store_true", help="fast servers whose data is thrown away")
    run.add_argument("--quiet", action="store_true", help="say nothing when all is well")
    run.add_argument(
        "--die-with-parent", action="store_true", help="stop when the calling process dies, even by kill -9"
    )
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …")
    actions.add_parser("clean", help="delete var/ and all data of the embedded servers of this clone")
    options = parser.parse_args(arguments)

    try:
        if options.action == "clean":
            clean()
            return 0
        command = options.command[1:] if options.command[:1] == ["--"] else options.command
        if not command:
            run.error("a command is missing after --")
        if options.die_with_parent:
            ask_for_signal_on_parent_death(signal.SIGTERM)
        return run_command(command, name=options.name, ephemeral=options.ephemeral, quiet=options.quiet)
    except EmbeddedError as error:
        print(f"embedded: {error}", file=sys.stderr)
        return FAILURE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
