"""The page in a browser, where there is one: it shows what it is told, and breaks no rule of its own."""

import re
import shutil
import subprocess

import pytest
from made_pages import watched_monitor
from matplotlib.image import imread

from fcn.web.server import Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name)) is not None), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(NAMES)} is installed")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a page whose monitor has run and ended; it is still served."""

    class Open(Page):
        def close(self):
            self.board.close()

    folder = tmp_path_factory.mktemp("page")
    monitor, page = watched_monitor(folder, lambda each: Open(each, "127.0.0.1", 0))
    monitor.run()
    yield page.address
    Page.close(page)


def browse(address, folder, *options):
    """Standard output and the console of a browser that looks for two seconds of its own time."""
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr",
         f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=2000", *options, address],
        capture_output=True, text=True, timeout=250, check=True,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_a_browser_shows_what_it_is_told(address, tmp_path):
    shown, console = browse(address, tmp_path, "--dump-dom")
    assert console == []
    assert "monitor has ended" in shown
    assert len(re.findall(r'class="station delivering" d="M0-7', shown)) == 3
    assert re.search(r'class="epicentre (open|closed)"', shown)
    turned = re.search(
        r'<ellipse rx="([\d.]+)" ry="([\d.]+)" transform="[^"]*rotate\((-?[\d.]+)\)" class="radius', shown
    )
    along, across, degrees = map(float, turned.groups())
    assert along > 2.0 * across, "its covariance is not round"
    assert -40.0 < degrees < -30.0, "it points to the north-east: on a screen y goes down"
    assert re.search(r'<span class="size">(≥ )?M 5\.0</span>', shown)
    assert re.search(r'<td[^>]*>near</td>', shown)  # fmt: skip
    assert re.search(r"<dt[^>]*>Windows read</dt><dd[^>]*>\d", shown)
    assert 'aria-label="Map: 3 of 3 stations deliver' in shown


def test_it_can_be_seen(address, tmp_path):
    browse(
        f"{address}/?theme=dark", tmp_path, f"--screenshot={tmp_path / 'page.png'}", "--window-size=800,900"
    )

    picture = imread(tmp_path / "page.png")
    assert picture.shape[:2] == (900, 800)
    assert picture[..., :3].mean() < 0.3, "it is not dark"
    assert picture[..., :3].std() > 0.05, "nothing is drawn"
