"""A queue that expires nothing by itself."""

from __future__ import annotations

from trio_httpd._static.files.page_cache import Expiring


class ManualQueue:
    """Notes what was entered; a test expires it when it likes."""

    def __init__(self) -> None:
        self.items: list[Expiring] = []

    def enter(self, item: Expiring) -> None:
        self.items.append(item)

    def leave(self, item: Expiring) -> None:
        self.items.remove(item)
