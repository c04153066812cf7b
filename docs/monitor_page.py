"""`python docs/monitor_page.py`: a monitor listens to a replay of simulated data; its page, in a picture.

Five minutes; it needs chromium. The monitor has half the pace of the recording, so that it keeps up
on a busy machine; the picture is taken soon after an event at the network's edge is declared.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir

from fcn import config as configuration
from fcn.cache import sequence_root

IMAGE = Path(__file__).parent / "images" / "monitor_page.png"
PORT = 8123
ADDRESS = f"http://127.0.0.1:{PORT}"
N_DECLARED = 3  # events: the last of them lies at the edge
PACE = 0.5
MOST_S = 900.0  # of the machine's clock, as all that follow
POLL_S = 0.5
DRAWN_S = 2.0
SIZE_PX = "1600,1140"
SITES = {
    "harbour": {"name": "Harbour town", "latitude_deg": 38.2, "longitude_deg": 22.25, "vs30_mps": 300.0},
    "dam": {"name": "Dam", "latitude_deg": 37.8, "longitude_deg": 21.7, "vs30_mps": 600.0},
}


def overrides(folder: str) -> list[str]:
    """Of the monitor: smoke, simulated on first use, over a link with the latency of a network."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("test", overrides=["ckpt=none", "dataset=smoke"]))
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    sites = [
        f"+sites.{key}.{name}='{value}'" if isinstance(value, str) else f"+sites.{key}.{name}={value}"
        for key, site in SITES.items()
        for name, value in {"_target_": "fcn.shaking.site.Site", "elevation_m": 0.0, **site}.items()
    ]
    link = ["source.link.latency_s=1.4", "source.link.station_latency_s=[0.0,1.5]"]
    return [
        *("ckpt=generalized", "source=replay", f"source.root='{root}'", f"source.pace={PACE}", *link, *sites),
        *("sinks=[jsonl,console,quakeml]", f"web.port={PORT}", f"folder='{folder}'"),
        f"hydra.run.dir='{folder}'",
    ]


def seen_by(chromium: str, address: str, folder: str, wait: Callable[[], None]) -> bytes:
    """PNG of a page, taken after `wait`.

    It never ends loading, being told what is new, so that --screenshot is no use. The browser is asked by its
    debugging pipe (Chrome DevTools Protocol): JSON that ends in a zero byte.
    """
    (theirs, ask), (hear, answer) = os.pipe(), os.pipe()
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
    command += [f"--user-data-dir={folder}/profile", "--remote-debugging-pipe", f"--window-size={SIZE_PX}"]
    ends = {3: theirs, 4: answer}  # where the browser listens, and answers

    def heard() -> bytes:
        byte = os.read(hear, 1)
        if not byte:
            raise RuntimeError("the browser has ended")
        return byte

    def call(method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        message = {"id": 1, "method": method, "params": parameters}
        os.write(ask, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while "id" not in (said := json.loads(b"".join(iter(heard, b"\0")))):
            pass  # events
        if "result" not in said:
            raise RuntimeError(f"{method}: {said}")
        result: dict[str, Any] = said["result"]
        return result

    with subprocess.Popen(
        command, pass_fds=tuple(ends), preexec_fn=lambda: [os.dup2(end, at) for at, end in ends.items()]
    ) as browser:
        for end in ends.values():
            os.close(end)
        try:
            page = call("Target.createTarget", url=address)["targetId"]
            session = call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
            wait()
            picture = base64.b64decode(call("Page.captureScreenshot", session)["data"])
        finally:
            browser.terminate()
    return picture


def n_declared() -> int | None:
    """Events that the page shows; None before it is served."""
    try:
        with urllib.request.urlopen(f"{ADDRESS}/api/state", timeout=10) as answer:
            return len(json.load(answer)["events"])
    except OSError:
        return None


def main() -> None:
    """Open the page when it is served, and take it when there is something to see."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise FileNotFoundError("chromium is not installed, by which the page is drawn")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fcn.monitor", *overrides(f"{folder}/monitor")]
        with subprocess.Popen(command) as monitor:
            until_s = time.monotonic() + MOST_S

            def wait(least: int) -> None:
                while (found := n_declared()) is None or found < least:
                    if monitor.poll() is not None or time.monotonic() > until_s:
                        raise RuntimeError(f"the monitor has shown {found} events, not {least}")
                    time.sleep(POLL_S)

            def wait_for_events() -> None:
                wait(N_DECLARED)
                time.sleep(DRAWN_S)

            try:
                wait(0)
                IMAGE.write_bytes(seen_by(chromium, f"{ADDRESS}/?theme=light", folder, wait_for_events))
            finally:
                monitor.terminate()


if __name__ == "__main__":
    main()
