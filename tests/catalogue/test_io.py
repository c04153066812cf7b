import dataclasses
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import UTCDateTime, read_events
from obspy.core.event import Arrival, Catalog, Magnitude, Origin, Pick, WaveformStreamID
from obspy.core.event import Event as QuakeMLEvent

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import (
    PhasePick,
    read_csv,
    read_picks,
    read_quakeml,
    read_with_picks,
    write_csv,
    write_quakeml,
)

T0 = 1_460_636_794.25
FULL = Event(
    "fcn-1",
    T0,
    32.7417,
    130.8087,
    11.4,
    6.5,
    "Mj",
    T0 + 2.125,
    1.5,
    2.25,
    0.75,
    0.25,
    "felt, with a comma",
    0.05,
)
BARE = Event("smi:other/9", T0 + 60, -10.0, -70.5, -0.8, None, None)
CATALOGUE = Catalogue("both", (FULL, BARE))
WRITERS = {"xml": (write_quakeml, read_quakeml), "csv": (write_csv, read_csv)}


def same(actual, expected):
    assert [each.event_id for each in actual] == [each.event_id for each in expected]
    for got, wanted in zip(actual, expected, strict=True):
        for name, value in dataclasses.asdict(wanted).items():
            tolerance = 2e-6 if name.endswith("time_s") else 1e-9
            close = value if value is None or isinstance(value, str) else pytest.approx(value, abs=tolerance)
            assert getattr(got, name) == close, name


def test_same_can_fail():
    with pytest.raises(AssertionError, match="depth_km"):
        same([FULL], [dataclasses.replace(FULL, depth_km=11.5)])


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_written_is_read(kind, tmp_path):
    write, read = WRITERS[kind]
    write(CATALOGUE, tmp_path / f"both.{kind}")
    catalogue = read(tmp_path / f"both.{kind}")
    assert catalogue.name == "both"
    same(catalogue, CATALOGUE)


known = st.floats(0.01, 14.0)
maybe = st.none() | known


@pytest.mark.parametrize("kind", WRITERS)
@given(
    time_s=st.floats(0, 1.7e9),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    depth=st.floats(-9, 700),
    magnitude=st.none() | st.floats(-2, 9),
    first_p=maybe,
    uncertainties=st.tuples(maybe, maybe, maybe, maybe),
)
def test_any_event_survives(
    tmp_path_factory, kind, time_s, latitude, longitude, depth, magnitude, first_p, uncertainties
):
    write, read = WRITERS[kind]
    first_p_time_s = None if first_p is None else time_s + first_p
    # An uncertainty of a magnitude that is not there has no place in QuakeML.
    uncertainties = (*uncertainties[:3], None if magnitude is None else uncertainties[3])
    event = Event("e", time_s, latitude, longitude, depth, magnitude, None, first_p_time_s, *uncertainties)
    path = tmp_path_factory.mktemp("io") / f"c.{kind}"
    write(Catalogue("c", (event,)), path)
    same(read(path), [event])


def test_quakeml_has_metres_uncertainties_and_a_pick_that_others_can_read(tmp_path):
    write_quakeml(Catalogue("c", (FULL,)), tmp_path / "c.xml")
    (event,) = read_events(str(tmp_path / "c.xml"))
    origin = event.preferred_origin()
    assert origin.time == UTCDateTime("2016-04-14T12:26:34.25Z")
    assert (origin.depth, origin.depth_errors.uncertainty) == (11_400.0, 2_250.0)
    assert origin.origin_uncertainty.horizontal_uncertainty == 1_500.0
    assert event.preferred_magnitude().mag_errors.uncertainty == 0.25
    assert [arrival.phase for arrival in origin.arrivals] == ["P"]


def test_first_p_is_the_earliest_p_of_the_stations(tmp_path):
    picks = [
        PhasePick("BO", "FAR", "P", T0 + 9.0),
        PhasePick("BO", "NEAR", "S", T0 + 1.0),
        PhasePick("BO", "NEAR", "Pg", T0 + 3.5),
    ]
    write_quakeml(Catalogue("c", (FULL,)), tmp_path / "c.xml", picks={"fcn-1": picks})
    assert read_quakeml(tmp_path / "c.xml")[0].first_p_time_s == T0 + 3.5
    stations = {pick.waveform_id.station_code for pick in read_events(str(tmp_path / "c.xml"))[0].picks}
    assert stations == {"FAR", "NEAR"}


def quakeml(path, **kwargs):
    Catalog([QuakeMLEvent(resource_id="quakeml:net/ev7", **kwargs)]).write(str(path), format="QUAKEML")
    return path


def test_picks_count_without_arrivals_and_foreign_ids_are_kept(tmp_path):
    origin = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=3000.0)
    picks = [
        Pick(time=UTCDateTime(T0 + dt), waveform_id=WaveformStreamID("N", "S"), phase_hint=phase)
        for dt, phase in ((2, "S"), (4, "iP"), (3, None))
    ]
    (event,) = read_quakeml(quakeml(tmp_path / "c.xml", origins=[origin], picks=picks))
    assert (event.event_id, event.first_p_time_s) == ("quakeml:net/ev7", T0 + 4)


@pytest.mark.parametrize("status", [None, "rejected"])
@pytest.mark.parametrize(
    ("kind", "is_counted"),
    [
        (None, True),
        ("earthquake", True),
        ("induced or triggered event", True),
        ("quarry blast", True),
        ("not existing", False),
        ("not reported", True),
        ("thunder", False),
    ],
)
def test_what_is_no_earthquake_is_not_counted(tmp_path, caplog, kind, is_counted, status):
    origins = [Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=3e3, evaluation_status=status)]
    found = read_quakeml(quakeml(tmp_path / "c.xml", origins=origins, event_type=kind))
    assert len(found) == (is_counted and status is None)
    reason = f"of type {kind}" if not is_counted else "whose origin is rejected"
    assert (f"c.xml: 1 of 1 events left out: 1 {reason}" in caplog.text) == (not len(found))


def test_what_somebody_rejected_is_passed_over(tmp_path):
    origins = [Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=d) for d in (3000.0, 8000.0)]
    origins[0].evaluation_status = "rejected"
    magnitudes = [Magnitude(mag=7.0, evaluation_status="rejected"), Magnitude(mag=4.0)]
    picks = [
        Pick(
            time=UTCDateTime(T0 + dt),
            waveform_id=WaveformStreamID("N", "S"),
            phase_hint="P",
            evaluation_status=status,
        )
        for dt, status in ((1, "rejected"), (4, "reviewed"))
    ]
    path = quakeml(tmp_path / "c.xml", origins=origins, magnitudes=magnitudes, picks=picks)
    (event,) = read_quakeml(path)
    assert (event.depth_km, event.magnitude, event.first_p_time_s) == (8.0, 4.0, T0 + 4)
    assert [pick.time_s for pick in read_picks(path)[event.event_id]] == [T0 + 4]


def test_picks_come_with_the_phase_of_their_arrival(tmp_path):
    times = [UTCDateTime(T0 + dt) for dt in (1, 2, 3, 4)]
    picks = [
        Pick(time=times[0], waveform_id=WaveformStreamID("", "A"), phase_hint="S"),
        Pick(time=times[1], waveform_id=WaveformStreamID("N", "B", "00", "HHZ"), phase_hint="IPU0"),
        Pick(time=times[2], waveform_id=WaveformStreamID("N", "B")),
        Pick(time=times[3], phase_hint="P"),
    ]
    origin = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=3000.0)
    origin.arrivals = [Arrival(pick_id=picks[0].resource_id, phase="Pn")]
    found = read_picks(quakeml(tmp_path / "c.xml", origins=[origin], picks=picks))
    assert found == {
        "quakeml:net/ev7": [PhasePick("", "A", "Pn", T0 + 1), PhasePick("N", "B", "IPU0", T0 + 2)]
    }
    with pytest.raises(FileNotFoundError, match="no catalogue at"):
        read_picks(tmp_path / "nowhere.xml")


def test_picks_of_a_format_without_ids_are_those_of_its_events(tmp_path):
    """ObsPy gives events of Nordic files new ids with each reading."""
    origin = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=3000.0)
    stream = WaveformStreamID("XX", "A", "", "HHZ")
    pick = Pick(time=UTCDateTime(T0 + 1.5), waveform_id=stream, phase_hint="P", evaluation_mode="manual")
    made = QuakeMLEvent(origins=[origin], magnitudes=[Magnitude(mag=2.6, magnitude_type="ML")], picks=[pick])
    made.preferred_origin_id = origin.resource_id
    path = tmp_path / "c.nordic"
    Catalog([made]).write(str(path), format="NORDIC")
    (event,), picks = read_with_picks(path)
    (found,) = picks[event.event_id]
    assert (found.station, found.phase) == ("A", "P")
    assert found.time_s == pytest.approx(T0 + 1.5, abs=0.02)  # hundredths of a second


def test_an_arrival_whose_pick_is_not_there_is_passed_over(tmp_path):
    origin = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=3000.0)
    origin.arrivals = [Arrival(pick_id="smi:local/nowhere", phase="P")]
    (event,) = read_quakeml(quakeml(tmp_path / "c.xml", origins=[origin]))
    assert event.first_p_time_s is None


def test_preferred_origin_and_magnitude_win(tmp_path):
    origins = [Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=d) for d in (3000.0, 8000.0)]
    magnitudes = [Magnitude(mag=3.0, magnitude_type="ML"), Magnitude(mag=4.0, magnitude_type="Mw")]
    path = quakeml(
        tmp_path / "c.xml",
        origins=origins,
        magnitudes=magnitudes,
        preferred_origin_id=origins[1].resource_id,
        preferred_magnitude_id=magnitudes[1].resource_id,
    )
    (event,) = read_quakeml(path)
    assert (event.depth_km, event.magnitude, event.magnitude_type) == (8.0, 4.0, "Mw")


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        ({"evaluation_mode": "automatic"}, {"evaluation_mode": "manual"}, 1),
        ({"evaluation_mode": "manual"}, {"evaluation_mode": "automatic", "evaluation_status": "final"}, 0),
        ({"evaluation_status": "preliminary"}, {"evaluation_status": "final"}, 1),
        ({"evaluation_status": "reviewed"}, {"evaluation_status": "confirmed"}, 0),
        ({}, {}, 0),
        ({"evaluation_mode": "automatic"}, {"evaluation_mode": "manual", "evaluation_status": "rejected"}, 0),
    ],
)
def test_of_several_none_of_which_is_preferred_the_surest_is_taken_and_said(
    tmp_path, caplog, first, second, taken
):
    place = {"time": UTCDateTime(T0), "latitude": 1.0, "longitude": 2.0}
    origins = [Origin(**place, depth=3000.0, **first), Origin(**place, depth=8000.0, **second)]
    magnitudes = [Magnitude(mag=3.0, **first), Magnitude(mag=4.0, **second)]
    (event,) = read_quakeml(quakeml(tmp_path / "c.xml", origins=origins, magnitudes=magnitudes))
    assert (event.depth_km, event.magnitude) == [(3.0, 3.0), (8.0, 4.0)][taken]
    for what in ("origins", "magnitudes"):
        assert f"c.xml: 1 events have several {what} and prefer none" in caplog.text
    caplog.clear()
    path = quakeml(tmp_path / "d.xml", origins=origins[:1], magnitudes=magnitudes[:1])
    assert len(read_quakeml(path)) == 1
    assert not caplog.text


def test_a_moment_magnitude_goes_before_others(tmp_path):
    origin = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=3000.0)
    magnitudes = [
        Magnitude(mag=4.9, magnitude_type="Md", evaluation_mode="manual"),
        Magnitude(mag=4.2, magnitude_type="Mww"),
    ]
    (event,) = read_quakeml(quakeml(tmp_path / "c.xml", origins=[origin], magnitudes=magnitudes))
    assert (event.magnitude, event.magnitude_type) == (4.2, "Mww")


@pytest.mark.parametrize("preferred", [None, 0])
def test_a_magnitude_without_a_value_is_none(tmp_path, caplog, preferred):
    origin = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=3000.0)
    sizes = [Magnitude(mag=4.2, magnitude_type="Mw"), Magnitude(mag=3.1, magnitude_type="ML")]
    chosen = {} if preferred is None else {"preferred_magnitude_id": sizes[preferred].resource_id}
    path = quakeml(tmp_path / "c.xml", origins=[origin], magnitudes=sizes, **chosen)
    text = path.read_text()
    path.write_text(re.sub(r"<value>4.2</value>", "", text))
    (event,) = read_quakeml(path)
    assert (event.magnitude, event.magnitude_type) == (3.1, "ML")
    path.write_text(re.sub(r"<value>(4.2|3.1)</value>", "", text))
    assert read_quakeml(path)[0].magnitude is None
    assert "none of 1 events has a magnitude" in caplog.text


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ("event", r"c\.xml: event 1 of 1, of 2016-04-14T12:26:34.250000Z has no publicID: give it one"),
        ("pick", r"c\.xml: a pick of event 'quakeml:net/ev7' has no publicID: give it one"),
    ],
)
def test_what_has_no_id_is_told(tmp_path, element, message):
    """As of QuakeML that somebody's own program writes; ids tell events, and which pick arrived as what."""
    origin = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=3000.0)
    pick = Pick(time=UTCDateTime(T0 + 2), waveform_id=WaveformStreamID("XX", "A"), phase_hint="P")
    path = quakeml(tmp_path / "c.xml", origins=[origin], picks=[pick])
    path.write_text(re.sub(rf'<{element} publicID="[^"]*"', f"<{element}", path.read_text()))
    with pytest.raises(ValueError, match=message):
        read_quakeml(path)


@pytest.mark.parametrize("preferred", [0, 1])
def test_of_magnitudes_that_of_the_origin_goes_before_others(tmp_path, preferred):
    place = {"time": UTCDateTime(T0), "latitude": 1.0, "longitude": 2.0}
    origins = [Origin(**place, depth=depth) for depth in (3000.0, 8000.0)]
    magnitudes = [
        Magnitude(mag=mag, magnitude_type="ML", origin_id=origin.resource_id)
        for mag, origin in zip((3.0, 4.0), origins, strict=True)
    ]
    chosen = origins[preferred].resource_id
    path = quakeml(tmp_path / "c.xml", origins=origins, magnitudes=magnitudes, preferred_origin_id=chosen)
    (event,) = read_quakeml(path)
    assert (event.depth_km, event.magnitude) == [(3.0, 3.0), (8.0, 4.0)][preferred]


def test_an_event_without_origin_or_depth_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"'quakeml:net/ev7' has no origin; add it"):
        read_quakeml(quakeml(tmp_path / "a.xml"))
    origin = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0)
    with pytest.raises(ValueError, match=r"'quakeml:net/ev7' has no depth; add it"):
        read_quakeml(quakeml(tmp_path / "b.xml", origins=[origin]))


def test_leap_seconds_of_quakeml_are_times(tmp_path):
    """ObsPy reads them as times that are missing."""
    day_end = UTCDateTime("2016-12-31T23:59:59")
    origin = Origin(time=day_end + 0.5, latitude=1.0, longitude=2.0, depth=3000.0)
    pick = Pick(time=day_end + 0.75, waveform_id=WaveformStreamID("N", "S"), phase_hint="P")
    path = quakeml(tmp_path / "c.xml", origins=[origin], picks=[pick])
    path.write_text(path.read_text().replace("23:59:59", "23:59:60"))
    (event,) = read_quakeml(path)
    assert (event.origin_time_s, event.first_p_time_s) == (1_483_228_800.5, 1_483_228_800.75)


def test_csv_of_comcat_is_read_as_it_comes(tmp_path, caplog):
    """As in QuakeML a blast counts, for it radiates P and S from one place, and ice does not."""
    (tmp_path / "query.csv").write_text(
        "time,latitude,longitude,depth,mag,magType,nst,horizontalError,depthError,magError,id,place,type\n"
        '2016-04-14T12:26:34.250Z,32.74,130.81,11.4,6.5,mww,,1.5,2.25,0.05,us1,"Uto, Japan",earthquake\n'
        "2016-04-14T12:27:34.250Z,32.7,130.8,,,,,,,,us2,,earthquake\n"
        "2016-04-14T12:28:34.250Z,32.7,130.8,0,1.2,ml,,,,,us3,,quarry blast\n"
        "2016-04-14T12:29:34.250Z,32.7,130.8,0,1.2,ml,,,,,us4,,ice quake\n"
    )
    first, second = read_csv(tmp_path / "query.csv")
    uncertain = {
        "horizontal_uncertainty_km": 1.5,
        "depth_uncertainty_km": 2.25,
        "magnitude_uncertainty": 0.05,
    }
    same([first], [Event("us1", T0, 32.74, 130.81, 11.4, 6.5, "mww", note="Uto, Japan", **uncertain)])
    assert (second.event_id, second.magnitude_uncertainty) == ("us3", None)
    assert "query.csv: 2 of 4 events left out" in caplog.text


def test_our_columns_go_before_those_of_comcat(tmp_path):
    """Where both are whole; of ComCat's alone an added one of ours is kept."""
    ours = "event_id,origin_time_utc,latitude_deg,longitude_deg,depth_km,magnitude\n"
    both = ours.strip() + ",id,time,latitude,longitude,depth,mag\n"
    (tmp_path / "both.csv").write_text(
        both + "a,2016-04-14T12:26:34.25Z,1,2,3,4.5,b,2016-04-14T00:00:00Z,5,6,7,8\n"
    )
    same(read_csv(tmp_path / "both.csv"), [Event("a", T0, 1.0, 2.0, 3.0, 4.5, None)])
    (tmp_path / "more.csv").write_text(
        "id,time,latitude,longitude,depth,mag,type,first_p_time_utc\n"
        "a,2016-04-14T12:26:34.25Z,1,2,3,4.5,earthquake,2016-04-14T12:26:36.25Z\n"
        "b,2016-04-14T12:26:34.25Z,1,2,3,4.5,Sonic_Boom,\n"
    )
    same(read_csv(tmp_path / "more.csv"), [Event("a", T0, 1.0, 2.0, 3.0, 4.5, None, T0 + 2.0)])


@pytest.mark.parametrize("lacking", ["an origin", "a depth"])
def test_an_event_without_origin_or_depth_among_others_costs_only_itself(tmp_path, caplog, lacking):
    origin = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0, depth=3000.0)
    shallow = Origin(time=UTCDateTime(T0), latitude=1.0, longitude=2.0)
    events = [
        QuakeMLEvent(resource_id="smi:net/a", origins=[origin]),
        QuakeMLEvent(resource_id="smi:net/b", origins=[] if lacking == "an origin" else [shallow]),
    ]
    Catalog(events).write(str(tmp_path / "c.xml"), format="QUAKEML")
    assert [event.event_id for event in read_quakeml(tmp_path / "c.xml")] == ["smi:net/a"]
    assert f"1 of 2 events left out: 1 without {lacking} (found, they count as false)" in caplog.text


@pytest.mark.parametrize(("factor", "warned"), [(1.0, True), (1000.0, False)])
def test_depths_in_kilometres_are_warned_of(tmp_path, caplog, factor, warned):
    events = [
        QuakeMLEvent(
            origins=[Origin(time=UTCDateTime(T0 + 60.0 * i), latitude=1.0, longitude=2.0, depth=factor * km)]
        )
        for i, km in enumerate((0.0, 3.2, 11.7))
    ]
    Catalog(events).write(str(tmp_path / "c.xml"), format="QUAKEML")
    read_quakeml(tmp_path / "c.xml")
    assert ("the deepest of 3 events is 11.7 m deep: QuakeML states metres" in caplog.text) == warned


@pytest.mark.parametrize("read", [read_quakeml, read_csv])
def test_a_missing_file_is_named(read, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no catalogue at .*nowhere"):
        read(tmp_path / "nowhere")


HEADER = "event_id,origin_time_utc,latitude_deg,longitude_deg,depth_km\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "event_id,latitude_deg\na,1\n",
            r"c\.csv, line 1: no column origin_time_utc, longitude_deg, depth_km; found event_id",
        ),
        (HEADER + "a,2016-04-14T12:26:34,1,2,deep\n", r"c\.csv, line 2: depth_km is 'deep', not a number"),
        (
            HEADER + "a,yesterday,1,2,3\n",
            "line 2: origin_time_utc cannot be read: 'yesterday'; write it as 2",
        ),
        (HEADER + "a,2016-04-14T12:26:34,,2,3\n", "line 2: latitude_deg is empty"),
        (HEADER + ",2016-04-14T12:26:34,1,2,3\n", "line 2: event_id is empty"),
        (HEADER + 'a,2016-04-14T12:26:34,"37,8",2,3\n', "line 2: latitude_deg is '37,8', .* a decimal point"),
        (HEADER + "a,2016-04-14T12:26:34,95,2,3\n", "line 2: event 'a' is not on Earth: latitude 95"),
    ],
)
def test_a_csv_that_cannot_be_read_says_where(text, message, tmp_path):
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_csv(tmp_path / "c.csv")


def test_a_csv_of_a_spreadsheet_is_read(tmp_path):
    text = HEADER + "a,2016-04-14T12:26:34.25,1,2,3\n,,,,\n"
    (tmp_path / "c.csv").write_text(text, encoding="utf-8-sig")
    assert [event.event_id for event in read_csv(tmp_path / "c.csv")] == ["a"]


def test_the_same_catalogue_is_the_same_file(tmp_path):
    event = Event("one", 1.7e9, 38.0, 22.0, 9.0, 4.1, "Mw", first_p_time_s=1.7e9 + 2, note="n")
    for name in ("a.xml", "b.xml"):
        write_quakeml(Catalogue("twice", (event,)), tmp_path / name)
    assert (tmp_path / "a.xml").read_bytes() == (tmp_path / "b.xml").read_bytes()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("depth_km", 12_000.0),  # in metres
        ("magnitude", 62.0),
        ("origin_time_s", 4e9),
        ("horizontal_uncertainty_km", 1e9),
    ],
)
@pytest.mark.parametrize("kind", WRITERS)
def test_what_no_earthquake_has_names_file_event_and_value(kind, tmp_path, field, value):
    write, read = WRITERS[kind]
    write(Catalogue("c", (dataclasses.replace(CATALOGUE[0], **{field: value}),)), tmp_path / f"c.{kind}")
    with pytest.raises(
        ValueError, match=rf"c\.{kind}: event '.*' has {field} |c\.{kind}.*{field}|cannot be read"
    ):
        read(tmp_path / f"c.{kind}")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_time_that_none_can_have_is_told_as_one(kind, tmp_path):
    """Not as seconds since 1970, which no catalogue has."""
    write, read = WRITERS[kind]
    write(Catalogue("c", (dataclasses.replace(CATALOGUE[0], origin_time_s=4e9),)), tmp_path / f"c.{kind}")
    with pytest.raises(
        ValueError, match=r"has origin_time_s 2096-10-02T07:06:40\S*, and earthquakes 1900-01-01T"
    ):
        read(tmp_path / f"c.{kind}")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("horizontal_uncertainty_km", -1.0),
        ("depth_uncertainty_km", math.inf),
        ("depth_uncertainty_km", math.nan),
        ("origin_time_uncertainty_s", -1e-3),
        ("magnitude_uncertainty", -1.0),
    ],
)
@pytest.mark.parametrize("kind", WRITERS)
def test_an_uncertainty_that_is_none_is_unknown(kind, tmp_path, caplog, field, value):
    """As NonLinLoc and SeisComP write it; each catalogue is warned of once."""
    write, read = WRITERS[kind]
    events = tuple(
        dataclasses.replace(CATALOGUE[0], event_id=f"e{i}", origin_time_s=T0 + 60.0 * i, **{field: value})
        for i in range(2)
    )
    write(Catalogue("c", (*events, CATALOGUE[0])), tmp_path / f"c.{kind}")
    found = {event.event_id: event for event in read(tmp_path / f"c.{kind}")}
    assert [getattr(found[f"e{i}"], field) for i in range(2)] == [None, None]
    assert getattr(found[CATALOGUE[0].event_id], field) == getattr(CATALOGUE[0], field)
    (told,) = [record.getMessage() for record in caplog.records if "unknown" in record.getMessage()]
    assert f"uncertainties of 2 of 3 events are below zero or not finite, as {field} of 'e0'" in told


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"c\.txt is empty: "),
        (b"\n  \n", r"c\.txt is empty: "),
        (b"no XML", r"c\.txt cannot be read as QuakeML"),
        (b"<q:quakeml>Vatnaj\xf6kull</q:quakeml>", r"c\.txt cannot .*first line states none, which is UTF-8"),
        (b"<q:quakeml/>", r"c\.txt cannot be read as QuakeML: [^;]*$"),
        (b"\xff\xfe\x00", r"c\.txt cannot be read as QuakeML"),
        (HEADER.encode(), r"c\.txt cannot be read as QuakeML.*; if it is a table, .* name it c\.csv"),
    ],
)
def test_what_is_no_quakeml_is_named(tmp_path, content, message):
    (tmp_path / "c.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_quakeml(tmp_path / "c.txt")


@pytest.mark.parametrize("year", ["2016", "2016.2849", "2016.284937"])
def test_zmap_has_its_times_from_all_columns_and_its_errors_in_kilometres(tmp_path, year):
    row = f"130.8087\t32.7417\t{year}\t4\t14\t6.5\t11.39\t12\t26\t34.43\t1.5\t2.0\t0.2\n"
    (tmp_path / "c.txt").write_text(
        row + row.replace("\t12\t26\t", "\t13\t2\t").replace("\t1.5\t", "\tNaN\t")
    )
    first, second = read_quakeml(tmp_path / "c.txt")
    assert first.origin_time_s == pytest.approx(1_460_636_794.43)
    assert second.origin_time_s - first.origin_time_s == pytest.approx(36 * 60.0)
    assert (first.horizontal_uncertainty_km, second.horizontal_uncertainty_km) == (1.5, None)
    assert (first.depth_km, first.depth_uncertainty_km, first.magnitude) == (11.39, 2.0, 6.5)


@pytest.mark.parametrize("year", ["2016", "2016.2849"])
@pytest.mark.parametrize(
    ("stated", "second_s"), [("12\t26\t60", 60.0), ("12\t60\t0.5", 34 * 60.0 + 0.5), ("12\t26\tNaN", 0.0)]
)
def test_a_second_of_zmap_that_was_rounded_up_or_is_unknown_spoils_no_table(tmp_path, year, stated, second_s):
    (tmp_path / "c.txt").write_text(f"130.8\t32.7\t{year}\t4\t14\t6.5\t11.4\t{stated}\n")
    (event,) = read_quakeml(tmp_path / "c.txt")
    assert event.origin_time_s == pytest.approx(1_460_636_760.0 + second_s, abs=1e-5)


@pytest.mark.parametrize("magnitudes", [(None, None), (None, 3.0)])
def test_a_catalogue_without_any_magnitude_is_warned_of(tmp_path, caplog, magnitudes):
    events = [
        dataclasses.replace(CATALOGUE[0], event_id=f"a{i}", magnitude=each)
        for i, each in enumerate(magnitudes)
    ]
    write_quakeml(Catalogue("c", tuple(events)), tmp_path / "c.xml")
    assert len(read_quakeml(tmp_path / "c.xml")) == 2
    assert ("none of 2 events has a magnitude" in caplog.text) == (magnitudes[1] is None)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_catalogue_without_events_is_one(kind, tmp_path):
    write, read = WRITERS[kind]
    write(Catalogue("c", ()), tmp_path / f"c.{kind}")
    assert read(tmp_path / f"c.{kind}") == Catalogue("c", ())


def test_a_computed_first_p_is_kept_in_csv_and_no_pick(tmp_path):
    computed = dataclasses.replace(FULL, first_p_is_computed=True, first_p_uncertainty_s=None)
    write_csv(Catalogue("c", (computed,)), tmp_path / "c.csv")
    assert read_csv(tmp_path / "c.csv")[0].first_p_is_computed
    write_quakeml(Catalogue("c", (computed,)), tmp_path / "c.xml")
    assert read_quakeml(tmp_path / "c.xml")[0].first_p_time_s is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("magnitude", "mag"),
        ("magnitude", "Magnitude"),
        ("magnitude", "M"),
        ("magnitude", "Pref Mag"),
        ("magnitude_type", "magType"),
        ("magnitude_type", "Magnitude Type"),
    ],
)
def test_a_column_of_another_name_is_not_passed_over(tmp_path, old, new):
    path = tmp_path / "c.csv"
    write_csv(CATALOGUE, path)
    first, _, rest = path.read_text().partition("\n")
    path.write_text(",".join(new if each == old else each for each in first.split(",")) + "\n" + rest)
    with pytest.raises(ValueError, match=rf"c\.csv: no column {old}, and one '{new}': rename it"):
        read_csv(path)


def test_columns_that_are_not_read_are_named_where_nothing_has_a_size(tmp_path, caplog):
    path = tmp_path / "c.csv"
    write_csv(CATALOGUE, path)
    table = path.read_text()
    path.write_text(table.replace("magnitude,magnitude_type,", "size_of_it,magnitude_type,", 1))
    assert all(event.magnitude is None for event in read_csv(path))
    assert (
        "no column magnitude, so that no event has a size, and columns that are not read: size_of_it"
        in caplog.text
    )
    caplog.clear()
    path.write_text(table.replace("note", "remark", 1))
    read_csv(path)
    assert not caplog.text


def read_at_depths(path, depths_km):
    """A catalogue of events at these depths is read, whatever is said of it."""
    events = [
        dataclasses.replace(
            CATALOGUE[0], event_id=f"a{i}", origin_time_s=1e9 + 100.0 * i, depth_km=each, first_p_time_s=None
        )
        for i, each in enumerate(depths_km)
    ]
    write_csv(Catalogue("c", tuple(events)), path)
    assert len(read_csv(path)) == len(depths_km)


@pytest.mark.parametrize(
    ("depths_km", "warns"),
    [
        ((-7.6,), True),
        ((-1.2,), False),
        ((-1.2, -0.3, -2.0), True),
        ((-1.2, -0.3, 2.0), False),
        ((-6.0, 9.0), True),
    ],
)
def test_depths_that_seem_to_be_elevations_are_warned_of(tmp_path, caplog, depths_km, warns):
    read_at_depths(tmp_path / "c.csv", depths_km)
    assert ("are these elevations?" in caplog.text) == warns


@pytest.mark.parametrize(
    ("depths_km", "warns"),
    [((500.0, 250.0, 700.0), True), ((500.0, 250.0), False), ((500.0, 9.0, 700.0), False)],
)
def test_depths_that_seem_to_be_metres_are_warned_of(tmp_path, caplog, depths_km, warns):
    read_at_depths(tmp_path / "c.csv", depths_km)
    assert ("the shallowest of 3 events is 250 km deep: are depths in metres?" in caplog.text) == warns


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (("2024-02-29",), "all 1 events are midnight, as 2024-02-29T00:00:00+00:00 of 'a0'"),
        (("2024/2/29 0:00", "2024/3/1 0:00"), "all 2 events are midnight"),
        (("2024-02-29 14:02", "2024-02-29 14:07"), "all 2 events are whole minutes"),
        (("2024-02-29 14:02", "2024-02-29 14:07:01"), None),
        (("2024-02-29 14:02",), None),
    ],
)
def test_times_without_their_seconds_or_time_of_day_are_warned_of(tmp_path, caplog, times, told):
    """Spreadsheets show, and save, no seconds; dates and times may be two columns."""
    path = tmp_path / "c.csv"
    rows = "".join(f"a{i},{each},35,140,10,3\n" for i, each in enumerate(times))
    path.write_text("event_id,origin_time_utc,latitude_deg,longitude_deg,depth_km,magnitude\n" + rows)
    assert len(read_csv(path)) == len(times)
    assert ("was the rest cut off" in caplog.text) == (told is not None)
    assert (told or "") in caplog.text


def test_what_stands_for_an_unknown_magnitude_is_refused_with_what_to_do(tmp_path):
    write_csv(Catalogue("c", (dataclasses.replace(CATALOGUE[0], magnitude=-9.0),)), tmp_path / "c.csv")
    with pytest.raises(ValueError, match=r"magnitude -9, and earthquakes -5 to 10: leave the cell empty"):
        read_csv(tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("later_s", "east_deg", "warns"), [(0.7, 0.02, True), (20.0, 0.02, False), (0.7, 2.0, False)]
)
def test_a_catalogue_of_two_agencies_is_warned_of(tmp_path, caplog, later_s, east_deg, warns):
    one = [
        dataclasses.replace(
            CATALOGUE[0], event_id=f"a{i}", origin_time_s=1e9 + 100.0 * i, first_p_time_s=None
        )
        for i in range(4)
    ]
    other = [
        dataclasses.replace(
            each,
            event_id=f"b{i}",
            origin_time_s=each.origin_time_s + later_s,
            longitude_deg=each.longitude_deg + east_deg,
        )
        for i, each in enumerate(one)
    ]
    write_csv(Catalogue("c", (*one, *other)), tmp_path / "c.csv")
    assert len(read_csv(tmp_path / "c.csv")) == 8
    said = [each for each in caplog.messages if "two agencies'" in each]
    assert len(said) == warns
    assert all("4 of 8 events are within" in each and "'a0' and 'b0'" in each for each in said)
