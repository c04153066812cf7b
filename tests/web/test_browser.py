"""The page in a browser, where there is one: it shows what it is told, and breaks no rule of its own."""

import re
import subprocess

import numpy as np
import pytest
from chromium import BROWSER, NAMES, tab
from made_pages import LIMITS, watched_monitor
from matplotlib.image import imread

from fcn.alert.site_warning import Basis, SiteWarning
from fcn.web import board as boards
from fcn.web.server import Page

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(NAMES)} is installed")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a page whose monitor has run and ended; it is still served."""

    class Open(Page):
        def close(self):
            self.board.close()

    folder = tmp_path_factory.mktemp("page")
    monitor, page = watched_monitor(folder, lambda each: Open(each, LIMITS, "127.0.0.1", 0))
    monitor.engine.reader.state = lambda: {"health": {"left_out": [None, "clock 1.3 s late", None]}}
    standing = boards._standing

    def and_far(monitor):
        near, _ = standing(monitor)
        return near, SiteWarning(
            "far", monitor.engine.clock_s, 2.5, 3.1, None, None, Basis.PLUM, None, None, False
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boards, "COUNTED_S", 0.0)
        patch.setattr(boards, "_standing", and_far)
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
    assert len(re.findall(r'class="station delivering" d="M0-7', shown)) == 2
    out = r'class="station delivering out" d="M0-7 7 6H-7z"><title>XX\.S01: [^<]*left out: clock 1\.3 s late<'
    assert len(re.findall(out, shown)) == 1
    assert re.search(r'class="epicentre (open|closed)"', shown)
    turned = re.search(
        r'<ellipse rx="([\d.]+)" ry="([\d.]+)" transform="[^"]*rotate\((-?[\d.]+)\)" class="radius', shown
    )
    along, across, degrees = map(float, turned.groups())
    assert along > 2.0 * across, "its covariance is not round"
    assert -40.0 < degrees < -30.0, "it points to the north-east: on a screen y goes down"
    assert re.search(r'<span class="size">(≥ )?M 5\.0</span>', shown)
    assert re.search(r'<td[^>]*>near</td>', shown)  # fmt: skip
    cell = r'<td class="number">{}</td>'
    observed = "".join(cell.format(each) for each in (r"3\.1", "-", "-"))
    assert re.search(rf"<td[^>]*>far</td>{observed}", shown), "its range is not known"
    assert re.search(r"<dt[^>]*>Windows read</dt><dd[^>]*>\d", shown)
    assert 'aria-label="Map: 3 of 3 stations deliver' in shown


def corners(shown):
    """Of each region that is drawn, all corners of its polygons on the screen."""
    paths = re.findall(r'<path class="region" opacity="1" d="([^"]*)"', shown)
    return [np.array(re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path), dtype=float) for path in paths]


def test_an_open_event_has_the_regions_of_its_pdf(tmp_path):
    monitor, page = watched_monitor(
        tmp_path / "monitor", lambda each: Page(each, LIMITS, "127.0.0.1", 0), seconds=10.0
    )
    page.close = page.board.close  # it is served on
    monitor.run()
    assert page.board.newest.stories[0].is_open
    try:
        shown, console = browse(page.address, tmp_path, "--dump-dom")
    finally:
        Page.close(page)

    assert console == []
    most, half = corners(shown)
    east, north = np.ptp(most, axis=0)
    assert east == pytest.approx(2.0 * north, rel=0.15), "it is wider towards the east"
    assert np.ptp(half, axis=0) == pytest.approx(0.55 * np.ptp(most, axis=0), rel=0.15)  # as of a normal one
    star = re.search(r'class="epicentre open"[^>]*translate\(([\d.]+) ([\d.]+)\)', shown)
    assert most.min(axis=0) + np.ptp(most, axis=0) / 2 == pytest.approx(
        [float(each) for each in star.groups()], abs=3
    )


def test_it_can_be_seen(address, tmp_path):
    browse(
        f"{address}/?theme=dark", tmp_path, f"--screenshot={tmp_path / 'page.png'}", "--window-size=800,900"
    )

    picture = imread(tmp_path / "page.png")
    assert picture.shape[:2] == (900, 800)
    assert picture[..., :3].mean() < 0.3, "it is not dark"
    assert picture[..., :3].std() > 0.05, "nothing is drawn"


SHOWN = (
    "document.querySelectorAll('#map .station').length === 3 && "
    "document.querySelector('#events details') !== null"
)
WIDE = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
GROUND = "getComputedStyle(document.documentElement).getPropertyValue('--ground').trim()"
SEEN = (
    "[...document.querySelectorAll('#map .station')].map((each) => each.parentNode.getAttribute('transform'))"
)


def test_it_fits_from_a_telephone_to_a_wide_screen_in_light_and_dark(address, tmp_path):
    grounds = set()
    with tab(tmp_path) as page:
        for width in (360, 768, 1200, 1600):
            for theme in ("light", "dark"):
                page.open(f"{address}/?theme={theme}", width)
                page.wait(SHOWN)
                page.says("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
                needed, given = page.says(WIDE)
                assert given == width
                assert needed == width, f"{theme}: it is {needed} px wide in a window of {width}"
                outside = page.says(
                    "[...document.querySelectorAll('.panel')].filter((each) => "
                    "each.getBoundingClientRect().right > innerWidth).map((each) => each.className)"
                )
                assert outside == []
                grounds.add((theme, page.says(GROUND)))
        assert len(grounds) == 2
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        page.open(f"{address}/?theme=auto", 360)
        page.wait(SHOWN)
        assert ("dark", page.says(GROUND)) in grounds, "what the system has is not followed"


def test_all_of_it_is_reached_by_keyboard(address, tmp_path):
    with tab(tmp_path) as page:
        page.open(f"{address}/?theme=light", 1200)
        page.wait(SHOWN)
        reached = []
        for _ in range(40):
            page.press("Tab")
            reached.append(page.says("document.activeElement.id || document.activeElement.tagName"))
            if reached[-1] == "map":
                whole = page.says(SEEN)
                for key, back in (
                    ("ArrowLeft", "ArrowRight"),
                    ("ArrowUp", "ArrowDown"),
                    ("+", "-"),
                    ("-", "0"),
                ):
                    page.press(key)
                    assert page.says(SEEN) != whole, f"{key} moves nothing"
                    page.press(back)
                page.press("0")
                assert page.says(SEEN) == whole
            if reached[-1] == "SUMMARY" and not page.says("document.activeElement.parentNode.open"):
                page.press("Enter")
                assert page.says("document.activeElement.parentNode.open")
            if reached[-1] == "theme" and reached.count("theme") == 1:
                before = page.says(GROUND)
                page.press("Enter")
                assert page.says("document.documentElement.dataset.theme") == "dark"
                assert page.says(GROUND) != before
        assert {"theme", "zoom-in", "zoom-out", "fit", "map", "SUMMARY"} <= set(reached)
