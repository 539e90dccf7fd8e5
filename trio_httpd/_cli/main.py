"""Main: the command ``trio-httpd``, which serves folders or a handler on a port.

In come arguments; a process that serves comes out. The start lines and the access log go to
standard output; errors, warnings and the rest of the log go to standard error. The exit
status is 0 after SIGINT or SIGTERM, and 2 if nothing could be served.
"""

from __future__ import annotations

import argparse
import errno
import ipaddress
import re
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import NoReturn

import trio

from .._exchange.connection import Handler
from .._message.limits import Limits
from .._net.addresses import Address
from .._server.descriptors import fill_standard, most_connections, raise_limit
from .._server.run import run_and_tell
from .._server.server import Server
from .._static.mounts import Mounts
from .console import log_to, printable, write
from .docroot_flags import add_folder_options, add_mounts, spelled_out
from .docroot_options import Folder
from .target import Places, UsageError, UserCodeError, find_site, format_user_code, ways_around

PROGRAM = "trio-httpd"

_USAGE = "%(prog)s [TARGET] [FLAG...] [--mount PREFIX=FOLDER [FLAG...]]..."

_DESCRIPTION = """\
Serve a folder, or a handler that you wrote, over HTTP. Control-C (SIGINT) or SIGTERM ends it."""

_PLAIN_PASSWORDS = f"""\
{PROGRAM}: warning: passwords go through the network without encryption; put TLS in front of this
"""

_WILDCARDS = {"0.0.0.0": "IPv4", "::": "IPv6"}  # noqa: S104 -- shown, where asked for


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, to its end.

    Args:
        arguments: without the program's name; None takes those of the process.

    Returns:
        the exit status.

    Raises:
        SystemExit: after ``--help``, or if the arguments are not valid.
    """
    fill_standard()
    try:
        return _obey(parse_arguments(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        return 0  # While the handler's module was imported, most likely.
    except UsageError as problem:
        write(sys.stderr, f"{PROGRAM}: {printable(str(problem))}\n")
    except UserCodeError as problem:
        write(sys.stderr, "".join(format_user_code(problem.cause)))
    finally:
        write(sys.stdout, "")  # What was printed without a flush, ``--help`` for one.
    return 2


def _obey(arguments: argparse.Namespace) -> int:
    if arguments.version:
        write(sys.stdout, f"{PROGRAM} {installed_version()}\n")
        return 0
    log_to(sys.stdout if arguments.access_log else None, sys.stderr)
    handler, places = find_site(arguments.target, arguments.folders)

    def tell(server: Server) -> None:
        write(sys.stdout, start_lines(places, server.addresses))
        write(sys.stderr, warning(arguments.folders, server.addresses))
        write(sys.stderr, warning_of_ways_around(handler))

    try:
        run_and_tell(
            tell,
            handler,
            arguments.port,
            host=arguments.bind,
            limits=Limits(connections=most_connections(raise_limit())),
        )
    except (OSError, UnicodeError) as problem:
        raise UsageError(no_listening(problem, arguments.bind, arguments.port)) from problem
    return 0


# The arguments.


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, as everything here does."""

    def error(self, message: str) -> NoReturn:
        write(sys.stderr, f"{PROGRAM}: {printable(message)} (--help explains)\n")
        self.exit(2)

    def format_help(self) -> str:
        # A value that can be left out is not apart from its flag.
        return re.sub(r" (\[=\w+\])( ?)", r"\1\2\2", super().format_help())


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return ``arguments``, parsed.

    Raises:
        SystemExit: after ``--help``, or if they are not valid.
    """
    return build_parser().parse_args(spelled_out(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of arguments that went through `spelled_out`."""
    parser = _Parser(
        prog=PROGRAM,
        usage=_USAGE,
        description=_DESCRIPTION,
        add_help=False,
        allow_abbrev=False,
    )
    _add_target(parser)
    add_folder_options(parser)
    _add_server_options(parser)
    return parser


def _add_target(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is served")
    group.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="a folder (without a TARGET, the current one), or a handler as"
        " module:name, where the module is one that Python finds from the current folder, and"
        " the name is an async function that takes a connection; a folder of that very name"
        " goes first",
    )
    add_mounts(group)


def _add_server_options(parser: argparse.ArgumentParser) -> None:
    network = parser.add_argument_group(
        "network", "These apply to the whole server, wherever they stand."
    )
    network.add_argument(
        "-p",
        "--port",
        type=port_number,
        default=8000,
        help="the port to listen on, 0 to 65535; 0 takes a free one, which the first line of"
        " output shows (default: 8000)",
    )
    network.add_argument(
        "-b",
        "--bind",
        metavar="HOST",
        type=host_name,
        default="127.0.0.1",
        help="the address or name to listen at, IPv4 or IPv6; '*' (quoted, for the shell) is"
        " every interface of this machine, so that others can reach it (default: 127.0.0.1,"
        " which only this machine reaches)",
    )
    logging = parser.add_argument_group("logging and information")
    logging.add_argument(
        "--access-log",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write a line for each request to standard output, in the Combined Log Format;"
        " --no-access-log writes none",
    )
    logging.add_argument("--version", action="store_true", help="print the version and end")
    logging.add_argument("-h", "--help", action="help", help="print this and end")


def port_number(text: str) -> int:
    """Return the number of a port.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if re.fullmatch(r"[0-9]{1,5}", text) and (number := int(text)) <= 65535:
        return number
    raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text}")


def host_name(text: str) -> str | None:
    """Return the host to listen at, None for all interfaces.

    Raises:
        argparse.ArgumentTypeError: it is empty. A shell's variable that is not set
            shall not open a folder to the world.
    """
    if not text:
        raise argparse.ArgumentTypeError("no host; * means every interface")
    return None if text == "*" else text


def installed_version(distribution: str = "trio-httpd") -> str:
    """Return the version of what is installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "(not installed)"


# What is said.


def start_lines(places: Places, addresses: Sequence[Address]) -> str:
    """Return the lines that say what is served where, one for each place."""
    lines = [start_line(shown, addresses, path) for path, shown in places]
    return "\n".join(lines) + " (Ctrl-C ends it)\n"


def start_line(shown: str, addresses: Sequence[Address], path: str = "/") -> str:
    """Return the line that says where something is served."""
    places = [f"{address.url}{path}" for address in addresses]
    versions = [_WILDCARDS[address.host] for address in addresses if address.host in _WILDCARDS]
    if versions:
        places.append(f"all other {' and '.join(versions)} addresses")
    where = " and ".join(filter(None, (", ".join(places[:-1]), places[-1])))
    return f"Serving {printable(shown)} on {where}"


def warning(folders: Sequence[Folder], addresses: Sequence[Address]) -> str:
    """Return the line that says that others can read passwords; nothing if they cannot."""
    asked = any("auth" in folder.said for folder in folders)
    return _PLAIN_PASSWORDS if asked and not all(map(is_loopback, addresses)) else ""


def warning_of_ways_around(handler: Handler) -> str:
    """Return a line for each folder with passwords that is open by another way."""
    docroots = handler.docroots if isinstance(handler, Mounts) else {}
    return "".join(
        f"{PROGRAM}: warning: {printable(str(docroot.path))} is at {path} as well, where its"
        " passwords are not asked for; --hide it there\n"
        for docroot, path in ways_around(docroots)
    )


def is_loopback(address: Address) -> bool:
    """Whether only this machine reaches ``address``."""
    return address.host is not None and ipaddress.ip_address(address.host).is_loopback


def no_listening(problem: OSError | UnicodeError, host: str | None, port: int) -> str:
    """Return why a port could not be opened."""
    where = f"port {port} of {host or 'all interfaces'}"
    match problem:
        case UnicodeError():
            return f"no such host: {host}"
        case trio.socket.gaierror(strerror=reason):
            return f"no such host: {host} ({reason})"
        case OSError(errno=errno.EADDRINUSE):
            return f"{where} is taken by another program"
        case OSError(errno=errno.EACCES):
            return f"{where} is not permitted to you"
        case OSError(errno=errno.EADDRNOTAVAIL):
            return f"{host} is no address of this machine"
        case _:
            return f"cannot listen on {where}: {problem.strerror}"
