"""The command line of the benchmarks.

python -m tests.bench              servers beside each other, under load
python -m tests.bench --pieces     what the parts of a request cost
python -m tests.bench --profile    which functions take the time
"""

from __future__ import annotations

import argparse
import sys

from .hotspots import print_hotspots
from .pieces import print_pieces
from .rounds import compare
from .servers import PROGRAMS


def main() -> int:
    """Run what the arguments ask for; return the exit status."""
    arguments = _parser().parse_args()
    if arguments.pieces:
        print_pieces()
    elif arguments.profile:
        print_hotspots(arguments.requests)
    else:
        names = arguments.only or list(PROGRAMS)
        return compare(names, rounds=arguments.rounds, seconds=arguments.seconds)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--pieces", action="store_true", help="time the parts of a request")
    mode.add_argument("--profile", action="store_true", help="profile whole requests")
    parser.add_argument("--rounds", type=_positive, default=5, help="of each server (%(default)s)")
    parser.add_argument("--seconds", type=_positive, default=2, help="of a round (%(default)s)")
    parser.add_argument(
        "--only", action="append", choices=list(PROGRAMS), help="this server; may be repeated"
    )
    parser.add_argument(
        "--requests", type=_positive, default=20_000, help="to profile (%(default)s)"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
