"""The one way in which a transport breaks, as all above it are told."""

from __future__ import annotations

import trio


class PeerGone(trio.BrokenResourceError):
    """The peer has left, was reset, or took nothing for too long.

    Not an error of anybody here: it ends the exchange without a word or a log line.
    """
