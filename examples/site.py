"""A small site: pages, assets that never change, and a folder of downloads.

Run it, naming its folder if you like, then: curl -i http://127.0.0.1:8080/assets/site.css
"""

import sys
from pathlib import Path

import trio_httpd
from trio_httpd import Docroot, Mounts


def site(folder: Path) -> Mounts:
    """Return the handler for a folder with ``pages`` and ``downloads`` in it."""
    pages = Docroot(
        folder / "pages",
        cache_control=(
            ("assets/**", "max-age=31536000, immutable"),  # A new name for each new content.
            ("**", "no-cache"),  # To be asked for anew; a 304 costs little.
        ),
        error_pages={404: "404.html"},
        precompressed=("br", "gzip"),
    )
    downloads = Docroot(
        folder / "downloads",
        listing=True,
        download=True,
        hide=("*.part",),  # Not whole yet.
    )
    return Mounts({"/": pages, "/downloads/": downloads})


if __name__ == "__main__":
    trio_httpd.run(site(Path(sys.argv[1] if len(sys.argv) > 1 else ".")), 8080)
