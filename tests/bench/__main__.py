"""The command line of the benchmarks.

python -m tests.bench              servers beside each other, under load
python -m tests.bench --files      files, beside nginx and others
python -m tests.bench --slow       the same while 200 others read a large one slowly
python -m tests.bench --crowd      the first while 10,000 others hold a connection
python -m tests.bench --idle       the memory of an idle connection
python -m tests.bench --pieces     what the parts of a request cost
python -m tests.bench --profile    which functions take the time
python -m tests.bench --against FOLDER    another checkout of this project, in turn with this

Every number is of the server's process and its children, on a core of their own. All
scenarios take some six minutes; --scenario hello alone takes one and a half. The files
take six, --scenario 1k alone one and a half; --slow takes less than one. For --against,
`git worktree add FOLDER COMMIT` makes the other checkout; it compares requests, files, idle
connections (idle), and ten requests for 30 ms of CPU that arrive together (together);
--connections 1 shows a lone connection.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from .against import SUBJECTS, compare_checkouts
from .crowded import compare_crowded
from .folder import FILES
from .hotspots import PROFILED, print_hotspots
from .idle import print_idle
from .leash import end_on_termination
from .pieces import print_pieces
from .published import compare_files
from .publishers import NGINX, PUBLISHERS
from .rounds import compare
from .scenarios import SCENARIOS
from .servers import OURS, PEER, PROGRAMS
from .slowed import compare_slowed


def main() -> int:
    """Run what the arguments ask for; return the exit status."""
    end_on_termination()
    parser = _parser()
    arguments = parser.parse_args()
    _require_known(parser, arguments)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace) -> int:
    if arguments.pieces:
        print_pieces()
    elif arguments.profile:
        for scenario in arguments.scenario or PROFILED:
            print_hotspots(scenario, arguments.requests)
    else:
        return _compare(arguments)
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    length = {"rounds": arguments.rounds, "seconds": arguments.seconds}
    if arguments.against:
        subjects, many = arguments.scenario or SUBJECTS, arguments.connections
        return compare_checkouts(arguments.against, subjects, **length, connections=many)
    if arguments.idle:
        return print_idle(arguments.only or list(PROGRAMS))
    if arguments.files:
        return compare_files(
            arguments.only or list(PUBLISHERS), arguments.scenario or list(FILES), **length
        )
    if arguments.slow:
        return compare_slowed(arguments.only or [OURS, NGINX])
    if arguments.crowd:
        return compare_crowded(arguments.only or [OURS, PEER], **length)
    scenarios = [SCENARIOS[name] for name in arguments.scenario or SCENARIOS]
    return compare(arguments.only or list(PROGRAMS), scenarios, **length)


def _require_known(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Leave with a word if what is named is not of what is measured."""
    of_files = arguments.files or arguments.slow
    programs: Collection[str] = PUBLISHERS if of_files else PROGRAMS
    scenarios: Collection[str] = FILES if of_files else SCENARIOS
    if arguments.profile:
        scenarios = PROFILED
    if arguments.against:
        scenarios = SUBJECTS
        if not (arguments.against / "trio_httpd").is_dir():
            parser.error(f"--against {arguments.against}: that is no checkout of this project")
    for option, chosen, known in (
        ("--only", arguments.only, programs),
        ("--scenario", arguments.scenario, scenarios),
    ):
        for name in chosen or ():
            if name not in known:
                parser.error(f"{option} {name}: here there are {', '.join(known)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--files", action="store_true", help="load servers of files")
    mode.add_argument("--slow", action="store_true", help="have files read slowly")
    mode.add_argument("--crowd", action="store_true", help="load servers that hold a crowd")
    mode.add_argument("--idle", action="store_true", help="weigh idle connections")
    mode.add_argument("--pieces", action="store_true", help="time the parts of a request")
    mode.add_argument("--against", type=Path, metavar="FOLDER", help="load two checkouts")
    mode.add_argument("--profile", action="store_true", help="profile whole requests")
    parser.add_argument("--rounds", type=_positive, default=5, help="of each server (%(default)s)")
    parser.add_argument("--seconds", type=_positive, default=2, help="of a round (%(default)s)")
    parser.add_argument(
        "--scenario",
        action="append",
        choices=list(dict.fromkeys([*SCENARIOS, *FILES, *SUBJECTS])),
        help="what is asked under load; may be repeated (all, one after the other)",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=list({**PROGRAMS, **PUBLISHERS}),
        help=f"this server; may be repeated (all; --crowd {OURS}, {PEER}; --slow {OURS}, {NGINX})",
    )
    parser.add_argument(
        "--connections", type=_positive, default=32, help="with --against (%(default)s)"
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
