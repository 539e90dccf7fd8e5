"""Media types: what a file's name says of its content.

The table of the standard library with ours above it; nothing that the machine has
installed changes an answer.
"""

from __future__ import annotations

import mimetypes
import posixpath

_UNKNOWN = "application/octet-stream"

# What the standard library lacks, has only in later versions, or has in an older way.
_TYPES = mimetypes.MimeTypes().types_map[True] | {
    ".7z": "application/x-7z-compressed",
    ".avif": "image/avif",
    ".br": _UNKNOWN,
    ".bz2": "application/x-bzip2",
    ".cjs": "text/javascript",
    ".csv": "text/csv",
    ".flac": "audio/flac",
    ".gz": "application/gzip",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".jxl": "image/jxl",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".rst": "text/x-rst",
    ".svg": "image/svg+xml",
    ".svgz": "application/gzip",
    ".tgz": "application/gzip",
    ".toml": "application/toml",
    ".ttf": "font/ttf",
    ".vtt": "text/vtt",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",  # Says itself how it is encoded, unlike text/xml.
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".z": "application/x-compress",
    ".zst": "application/zstd",
}


def media_type(name: str, charset: str | None = "utf-8") -> str:
    """Return the value of a ``Content-Type`` field for a file of that name.

    The last extension decides, without regard to case: ``x.tar.gz`` is a gzip file and
    no tar file with a content coding.

    Args:
        name: the last part of a path.
        charset: what is said of text, None for nothing.
    """
    found = _TYPES.get(posixpath.splitext(name)[1].lower(), _UNKNOWN)
    return f"{found}; charset={charset}" if charset and found.startswith("text/") else found
