"""A real browser without a window, told what to do by its DevTools protocol.

The protocol goes over a pair of pipes, a JSON text with a NUL behind it each way for each
message; so no port and no WebSocket is needed.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

Message = dict[str, Any]

FLAGS = [
    "--headless=new",
    "--no-sandbox",  # It would need rights that containers do not give.
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-breakpad",
    "--no-first-run",
    "--remote-debugging-pipe",
]
COMPLAINTS = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")


class Browser:
    """One page of a browser."""

    def __init__(self, pipes: trio.StapledStream[Any, Any], downloads: Path) -> None:
        self.complaints: list[str] = []
        """What was written to the console."""
        self._pipes = pipes
        self._downloads = downloads
        self._received = b""
        self._events: list[Message] = []
        self._calls = 0
        self._page: Message = {}

    async def open_page(self) -> None:
        behavior = {"behavior": "allowAndName", "downloadPath": str(self._downloads)}
        await self.call("Browser.setDownloadBehavior", eventsEnabled=True, **behavior)
        target = await self.call("Target.createTarget", url="about:blank")
        self._page = await self.call("Target.attachToTarget", flatten=True, **target)
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")

    async def call(self, method: str, **parameters: Any) -> Message:
        """Call a method of the protocol; return its result."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters, **self._page}
        await self._pipes.send_all(json.dumps(message).encode() + b"\0")
        while (answer := await self._next()).get("id") != self._calls:
            self._events.append(answer)
        assert "error" not in answer, answer
        result: Message = answer["result"]
        return result

    async def event(self, *methods: str) -> Message:
        """Wait for the next event of one of those kinds, and forget those before it."""
        while True:
            event = self._events.pop(0) if self._events else await self._next()
            if event["method"] in methods:
                return event

    async def _next(self) -> Message:
        while b"\0" not in self._received:
            received = await self._pipes.receive_some()
            assert received, "the browser has gone"
            self._received += received
        text, _, self._received = self._received.partition(b"\0")
        message: Message = json.loads(text)
        if message.get("method") in COMPLAINTS:
            self.complaints.append(json.dumps(message["params"]))
        return message

    async def close(self) -> None:
        """End the browser in peace, so that it leaves nothing behind."""
        self._page = {}
        await self.call("Browser.close")

    async def go(self, url: str) -> None:
        """Load a page, as if its address was typed."""
        self._events.clear()
        await self.call("Page.navigate", url=url)
        await self.event("Page.loadEventFired")

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key and let it go."""
        names = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **names)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **names)

    async def follow(self, link: int) -> bytes | None:
        """Follow one of the page's links by keyboard.

        Returns:
            The content of a file that is downloaded, None where a page is shown.
        """
        self._events.clear()
        await self.evaluate(f"document.links[{link}].focus()")
        await self.press("Enter", 13, "\r")
        while True:
            event = await self.event("Page.loadEventFired", "Browser.downloadProgress")
            if event["method"] == "Page.loadEventFired":
                return None
            if event["params"]["state"] != "inProgress":
                file = self._downloads / str(event["params"]["guid"])
                return file.read_bytes()

    async def show_as(self, scheme: str) -> None:
        """Prefer a colour scheme, "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def resize(self, width: int, height: int) -> None:
        """Be a screen of that size, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        await self.call("Emulation.setDeviceMetricsOverride", mobile=width < 500, **size)

    async def screenshot(self) -> str:
        """Return what is seen, as a PNG in base 64."""
        data: str = (await self.call("Page.captureScreenshot"))["data"]
        return data


@asynccontextmanager
async def open_browser(chromium: str, folder: Path) -> AsyncIterator[Browser]:
    """Run the program ``chromium``, which keeps what it has to keep in ``folder``."""
    # It reads from descriptor 3 and writes to 4.
    script = 'exec "$@" 3<&0 4>&1 </dev/null >&2'
    command = ["sh", "-c", script, "sh", chromium, *FLAGS, f"--user-data-dir={folder / 'profile'}"]
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdio is not None
    try:
        with trio.fail_after(120):
            browser = Browser(process.stdio, folder / "downloads")
            await browser.open_page()
            yield browser
            await browser.close()
            await process.wait()
    finally:
        process.kill()
        await process.stdio.aclose()
        with trio.move_on_after(10, shield=True):
            await process.wait()
