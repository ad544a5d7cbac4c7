"""`python -m pulumi_workspaces_images`: commands to run outside of a Pulumi program."""

import argparse
import sys
from collections.abc import Sequence

from .commands import adopt
from .errors import ExpectedError

_PROGRAM = "python -m pulumi_workspaces_images"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: the arguments of the command line. Default: those of the process.

    Returns:
        The exit code: 0, or 1 for a failure, which stderr describes in one line. (With invalid arguments argparse ends
        the process with 2.)
    """
    parser = argparse.ArgumentParser(prog=_PROGRAM, description="Amazon WorkSpaces image shares as Pulumi resources.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    adopt.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        print(options.run(options))
    except ExpectedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
