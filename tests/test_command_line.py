"""`--help` of a command: its configuration, what a choice takes, and the choices that it takes."""

import re
from types import MappingProxyType

import pytest
from documents import ROOT
from omegaconf import OmegaConf
from toy import resolved

from fcn.command_line import help_text
from fcn.config import CONF_DIR

SOURCES = {path.stem for path in (CONF_DIR / "source").glob("*.yaml")}
KINDS = ("build_sequence", "build_store", "monitor")


def shown(command: str, *given: str, capsys, call) -> str:
    call(f"fcn.{command}", *given, "--help")
    return capsys.readouterr().out


def sources(text: str) -> set[str]:
    (line,) = re.findall(r"^source=(.*)$", text, re.MULTILINE)
    return set(line.split(", "))


def test_every_source_is_some_commands_and_listed_by_it_alone(capsys, call):
    listed = [sources(shown(command, capsys=capsys, call=call)) for command in KINDS]
    assert set.union(*listed) == SOURCES
    assert sum(map(len, listed)) == len(SOURCES)
    assert listed[0] == {"fdsn"}
    assert listed[2] == {"directory", "replay", "seedlink"}


@pytest.mark.parametrize("source", sorted(SOURCES - {"directory", "replay", "seedlink", "fdsn"}))
def test_a_listed_source_is_one_of_a_store(source):
    """Of what `fcn.build_store` refuses: a monitor's has a kind, build_sequence's stands by itself."""
    roots = [] if "simulated" in source else [f"source.{source}.root=x"]
    made = resolved("build_store", f"source={source}", *roots)["source"]
    assert not {"kind", "_target_"} & set(made)


def test_help_of_a_chosen_source_shows_its_keys_and_their_defaults(capsys, call):
    text = shown("build_sequence", "source=fdsn", capsys=capsys, call=call)
    stated = OmegaConf.load(CONF_DIR / "source" / "fdsn.yaml").source
    assert {"client", "box", "radius_km", "n_retries"} <= set(stated)
    for key in set(stated) - {"_target_"}:
        assert re.search(rf"^  {key}: ", text, re.MULTILINE), key
    assert "  n_retries: 3 " in text
    assert "client: ???" not in shown("build_sequence", capsys=capsys, call=call)


def test_what_a_choice_starts_from_is_shown_and_what_is_no_choice_is_not():
    def text(command: str, *given: str, takes=MappingProxyType({})) -> str:
        return help_text(command, CONF_DIR, given, takes)

    smoke = text("build_store", "source=simulated_smoke")
    assert smoke.index("n_records: 1536") < smoke.index("n_records: 20480")
    both = text("build_store", "+source=[knet, archive]")
    assert "borehole: false" in both
    assert "p_search_s: 2.0" in both
    assert "borehole" not in text("build_store", "source=[knet]", takes={"source": ["archive"]})
    for given in ("out=knet", "source=nonesuch", "source=../dataset/smoke", "source.knet.root=knet"):
        assert text("build_store", given) == text("build_store")


def test_the_page_on_data_centres_says_how_to_see_the_keys():
    assert "source=fdsn --help" in (ROOT / "README.md").read_text("utf-8")
