"""The monitor's command line: what it says of a sequence is what a test says."""

import csv
import json
import re

import pytest
from command_lines import SHORT_SEQUENCE, run
from made_streams import SPEC
from toy import resolved

from fcn.catalogue.io import iso
from fcn.run_monitor import listen


@pytest.mark.slow
@pytest.mark.parametrize("packet_s", [0.1, 1.0, "null"])
def test_the_catalogue_is_that_of_a_test(tmp_path, packet_s):
    run("fcn.test", "ckpt=generalized", "logger=csv", "hydra.run.dir=tested", *SHORT_SEQUENCE, cwd=tmp_path)
    (root,) = (tmp_path / "cache" / "sequences").glob("smoke-*")
    replay = ("source=replay", f"source.root={root}", f"source.link.packet_s={packet_s}", "folder=live")
    output = run("fcn.monitor", "ckpt=generalized", *replay, cwd=tmp_path)
    assert re.search(r"listening to 8 stations", output)
    with (tmp_path / "tested" / "updates.csv").open() as file:
        expected = [(row["now_utc"], row["event_id"], row["status"]) for row in csv.DictReader(file)]
    lines = (tmp_path / "live" / "alerts.jsonl").read_text().splitlines()
    found = [(iso(each["now_s"]), each["id"], each["status"]) for each in map(json.loads, lines)]
    assert expected
    assert found == expected


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("source=archive", "source.archive.root=x"), r"source= of a monitor is one of replay, dir"),
        (("source=directory", "source.root=x"), r"source=directory needs a station list: stations="),
        (("source=replay", "source.root=none"), r"none is no sequence folder: waveforms is missing"),
    ],
)
def test_what_it_cannot_listen_to_is_said(overrides, told):
    config = resolved("monitor", "ckpt=x", *overrides)
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        listen(config, SPEC)
