"""Ids of events as QuakeML can hold them."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy.core.event import ResourceIdentifier

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.ids import of_uri, to_uri
from fcn.catalogue.io import read_csv, read_quakeml, write_csv, write_quakeml

IDS = ("2023/11/14:1", "smi:local/event/1", "event/1", "a b", "+1", "smi:x/1:2", "~3A", "\u5730\u9707 1")


def test_a_csv_catalogue_of_any_ids_is_read_kept_and_written(tmp_path):
    given = Catalogue(
        "c", tuple(Event(name, 1.7e9 + i, 38.0, 22.0, 9.0, 4.1, None) for i, name in enumerate(IDS))
    )
    write_csv(given, tmp_path / "c.csv")
    write_quakeml(read_csv(tmp_path / "c.csv"), tmp_path / "c.xml")
    assert tuple(event.event_id for event in read_quakeml(tmp_path / "c.xml")) == IDS


@given(st.text(min_size=1))
def test_any_id_is_a_uri_and_back(event_id):
    uri = to_uri(event_id)
    assert of_uri(uri) == event_id
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # ObsPy of what is no id of QuakeML
        assert ResourceIdentifier(uri).get_quakeml_uri_str() == uri


@pytest.mark.parametrize(
    ("uri", "event_id"),
    [
        ("quakeml:net/ev7", "quakeml:net/ev7"),
        ("smi:local/2023/11/14~3A1", "2023/11/14:1"),
        ("smi:local/a~41", "a~41"),  # not as we write it
        ("smi:local/~FF", "~FF"),
        ("smi:local/quakeml~3Anet/ev7", "quakeml~3Anet/ev7"),
        ("quakeml:net/a~3A1", "quakeml:net/a~3A1"),
    ],
)
def test_ids_of_others_stay(uri, event_id):
    assert of_uri(uri) == event_id
    assert of_uri(to_uri(event_id)) == event_id


def test_no_id_is_refused():
    with pytest.raises(ValueError, match=r"no event_id, .*: give it one"):
        to_uri("")
