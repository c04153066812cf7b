"""The page of a sweep in a browser, where there is one: from a telephone to a wide screen, light and dark."""

import io

import pytest
from chromium import BROWSER, NAMES, tab
from rich.console import Console
from sweep_example import write_job, write_plan, write_test_job

from fcn.report.sweep.page import write_sweep_report

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(NAMES)} is installed")

LONG = "a_name_of_layers_without_any_place_to_break_it_at_400_px"
LOADED = "document.readyState === 'complete' && [...document.images].every((each) => each.naturalWidth > 0)"
WIDTHS = "[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]"
# of what stands beside tables and figures, which scroll in frames of their own
OUTSIDE = (
    "[...document.querySelectorAll('body > *')].filter((each) => "
    "each.getBoundingClientRect().right > innerWidth || "
    "(each.scrollWidth > each.clientWidth && getComputedStyle(each).overflowX !== 'auto'))"
    ".map((each) => each.outerHTML.slice(0, 200))"
)
COLOURS = "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
SEEN = (  # of the first column and the second, in a table at its left end
    "[...document.querySelectorAll('h2')].filter((each) => each.textContent === 'On kumamoto')[0]"
    ".nextElementSibling.querySelector('td:nth-child(2)').getBoundingClientRect().right"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a page with all it may have: a setting with a long name, a failure, a job that is yet to come."""
    sweep = tmp_path_factory.mktemp("browser") / "sweep"
    for job, (choice, n_found) in enumerate((("own", 36), (LONG, 20))):
        found = [True] * n_found + [False] * (40 - n_found)
        write_test_job(sweep / str(job), f"velocity_model={choice}", found)
    write_job(sweep / "2", ["ckpt=generalized", "velocity_model=cus"], [])
    (sweep / "2" / "failure.txt").write_text(f"ValueError: no layers at /a/{LONG}.csv\n")
    write_plan(sweep, ["ckpt=generalized", f"velocity_model=own,{LONG},cus,fnet"], choice="crust_mismatch")
    page = write_sweep_report(sweep, sweep / "report", Console(file=io.StringIO()))
    return page.resolve().as_uri()


def brightness(colour):
    """Mean of red, green and blue, 0 to 255, of rgb(...)."""
    return sum(map(float, colour.removeprefix("rgb(").rstrip(")").split(","))) / 3


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_from_a_telephone_to_a_wide_screen(address, tmp_path, theme):
    with tab(tmp_path) as page:
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        for width in (400, 1280):
            page.open(address, width)
            page.wait(LOADED)
            assert page.says("document.images.length") == 7
            needed, of_body, given = page.says(WIDTHS)
            assert given == width
            assert max(needed, of_body) <= width, f"{needed} px wide in a window of {width}"
            assert page.says(OUTSIDE) == []
            assert page.says(SEEN) <= width, "which setting is best is not seen"
            ink, ground = (brightness(each) for each in page.says(COLOURS))
            assert abs(ink - ground) > 150
            assert (ground > 128) == (theme == "light")
