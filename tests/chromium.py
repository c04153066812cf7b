"""A headless browser that is asked by its debugging pipe, and a page in it at a width of one's own."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name)) is not None), None)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars")


class Tab:
    """One page; JSON that ends in a zero byte goes either way (Chrome DevTools Protocol)."""

    def __init__(self, ask: int, answers: int) -> None:
        self._ask, self._answers, self._n, self._session = ask, answers, 0, None
        page = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What a method answers; RuntimeError where it refuses."""
        self._n += 1
        message = {"id": self._n, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._ask, json.dumps(message).encode() + b"\0")
        while (said := json.loads(b"".join(iter(lambda: os.read(self._answers, 1), b"\0")))).get(
            "id"
        ) != self._n:
            pass  # events
        if "result" not in said:
            raise RuntimeError(f"{method}: {said}")
        return said["result"]

    def open(self, address: str, width: int, height: int = 900) -> None:
        """An address in a window that a headless browser itself does not make so narrow."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=address)

    def says(self, expression: str) -> Any:
        """The value of JavaScript."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def wait(self, expression: str, within_s: float = 60.0) -> None:
        """Until JavaScript is true."""
        until_s = time.monotonic() + within_s
        while not self.says(expression):
            assert time.monotonic() < until_s, f"never: {expression}"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """A key, down and up."""
        typed = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        codes = {"Enter": 13, "Tab": 9}
        self.call(
            "Input.dispatchKeyEvent",
            type="keyDown",
            key=key,
            windowsVirtualKeyCode=codes.get(key, 0),
            **typed,
        )
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=codes.get(key, 0))


@contextlib.contextmanager
def tab(folder: Path) -> Iterator[Tab]:
    """A browser with one page, which ends with the block."""
    (theirs, ask), (hear, answer) = os.pipe(), os.pipe()
    command = [BROWSER, *OPTIONS, f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe"]
    ends = {3: theirs, 4: answer}  # where the browser listens, and answers
    with subprocess.Popen(
        command,
        pass_fds=tuple(ends),
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: [os.dup2(end, at) for at, end in ends.items()],
    ) as browser:
        os.close(theirs)
        os.close(answer)
        try:
            yield Tab(ask, hear)
        finally:
            browser.terminate()
            os.close(ask)
            os.close(hear)
