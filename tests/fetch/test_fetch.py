"""Sequences from a data centre on loopback: what comes, what is refused and why, and going on."""

import copy
import csv
import functools
import re

import obspy
import pytest
from fdsn_server import CUT, GARBAGE, DataCentreServer, serving
from hydra import compose, initialize_config_dir
from made_networks import COUNTS_PER_MPS, START_S, make_network, make_site, make_trace
from obspy.clients.fdsn import Client
from obspy.core import event as quakeml

from fcn import config as configuration
from fcn.build_sequence import build_sequence
from fcn.catalogue.io import read_picks, read_quakeml
from fcn.fetch.centre import RefusedError
from fcn.fetch.fetch import Fetch
from fcn.fetch.pieces import _write
from fcn.waveform.archive import read_sds
from fcn.waveform.inventory import make_inventory, read_stations
from fcn.waveform.response import Sensitivity

N_PIECES = 2  # of a minute


def make_event(name, after_s, **changes):
    place = {"latitude": 32.8, "longitude": 130.75, "depth": 9000.0, **changes}
    pick = quakeml.Pick(
        time=obspy.UTCDateTime(START_S + after_s + 3.0),
        waveform_id=quakeml.WaveformStreamID("XX", "S00"),
        phase_hint="P",
    )
    origin = quakeml.Origin(
        time=obspy.UTCDateTime(START_S + after_s),
        arrivals=[quakeml.Arrival(pick_id=pick.resource_id, phase="P")],
        **place,
    )
    return quakeml.Event(
        resource_id=quakeml.ResourceIdentifier(f"smi:local/{name}"),
        origins=[origin],
        picks=[pick],
        magnitudes=[quakeml.Magnitude(mag=3.0, magnitude_type="ML")],
    )


@pytest.fixture(scope="module")
def parts():
    """Three stations with HH, of which S00 has HN, too; S03 with BH listed, EH and no data of the former."""
    sites, stream, _ = make_network(3, seconds=120.0)
    extra = make_network(1, seconds=120.0)[1]
    for trace in extra:
        trace.stats.channel = f"HN{trace.stats.channel[-1]}"
    site = make_site("S03", 32.75, 130.78)
    other = [make_trace(f"XX.S03..EH{c}", trace.data) for c, trace in zip("ZNE", extra, strict=True)]
    bare = [make_trace("XX.S03.00.HHZ", extra[0].data)]
    everything = obspy.Stream([*stream, *extra, *other, *bare])
    stated = {trace.id: Sensitivity(COUNTS_PER_MPS, "velocity") for trace in everything}
    away = [make_site("FAR", 36.0, 130.7), make_site("SOH", 32.72, 130.72)]
    silent = obspy.Stream([make_trace("XX.SOH..LHZ", extra[0].data)])
    described = obspy.Stream([*everything, *silent, make_trace("XX.FAR..HHZ", extra[0].data)])
    inventory = make_inventory([*sites, site, *away], described, stated)
    return inventory, obspy.Stream([*stream, *extra, *other])


@pytest.fixture
def centre(parts):
    events = [make_event("e1", 40.0), make_event("shallow", 60.0, depth=None)]
    events.append(make_event("away", 50.0, longitude=131.9))
    with serving(DataCentreServer(*parts, quakeml.Catalog(events))) as server:
        yield server


BOX = {"south_deg": 32.6, "north_deg": 33.1, "west_deg": 130.5, "east_deg": 131.0}
START, END = (obspy.UTCDateTime(START_S + s).strftime("%Y-%m-%dT%H:%M:%S") for s in (0.0, 120.0))
LINE = (
    *("source=fdsn", "source.client=X", f"source.start={START}", f"source.end={END}", "out=x"),
    *("source.chunk_s=60", "source.n_retries=1", "source.pause_s=0"),
    f"source.box={BOX}".replace("'", ""),
)


@functools.cache
def composed():
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        return configuration.plain(compose("build_sequence", list(LINE)))


def configured(centre, tmp_path, /, **changes):
    client = centre if isinstance(centre, str) else centre.url
    config = copy.deepcopy(composed())
    config["source"].update({"client": client, "event_client": client, **changes})
    return {**config, "out": str(tmp_path / "made")}


class Fetched:
    """What came, without a sequence of it."""

    def __init__(self, centre, tmp_path, /, **changes):
        config = configured(centre, tmp_path, **changes)
        self.fetch = Fetch(configuration.build(config["source"]), tmp_path / "kept")
        self.fetch.run()
        self.inventory, self.counts = self.fetch.write(tmp_path / "waveforms")
        self.instruments = {seed_id[:-1] for seed_id in self.counts}
        self.refused = [(each.what, each.reason) for each in self.fetch.refusals]

    @property
    def is_whole(self):
        return set(self.counts.values()) == {12_000}


def refused(tmp_path):
    with (tmp_path / "made" / "refused.csv").open() as file:
        return [(row["what"], row["reason"]) for row in csv.DictReader(file)]


def samples(tmp_path):
    found = {}
    for trace in read_sds(tmp_path / "made" / "waveforms"):
        found[trace.id] = found.get(trace.id, 0) + trace.stats.npts
    return found


HAS = sorted([*(f"XX.S0{i}..HH{c}" for i in range(3) for c in "ENZ"), *(f"XX.S00..HN{c}" for c in "ENZ")])


def test_what_a_data_centre_has_becomes_a_sequence(centre, tmp_path, parts):
    used = build_sequence(configured(centre, tmp_path))
    assert sorted(used) == ["XX.S00", "XX.S01", "XX.S02", "XX.S03"]
    found = samples(tmp_path)
    assert sorted(found) == sorted([*HAS, *(f"XX.S03..EH{c}" for c in "ENZ")])
    assert set(found.values()) == {12_000}  # pieces of whole records overlap: each sample comes once
    for trace in read_sds(tmp_path / "made" / "waveforms", ["XX.S01"]).merge():
        (given,) = parts[1].select(id=trace.id)
        assert (trace.data == given.data).all()
    inventory = read_stations(tmp_path / "made" / "stations.xml")
    assert sorted(set(inventory.get_contents()["channels"])) == sorted(found)
    (event,) = read_quakeml(tmp_path / "made" / "catalogue.xml")
    assert (event.event_id, event.magnitude) == ("e1", 3.0)
    assert [pick.station for pick in read_picks(tmp_path / "made" / "catalogue.xml")["e1"]] == ["S00"]
    assert dict(refused(tmp_path)) == {
        "smi:local/shallow": "the event has no depth",
        "XX.SOH": "it has no channel HH?,HN?,EH?,BH? in that time",
        "XX.S03.00.HH?": "no data in that time",
    }
    assert not (tmp_path / "made.fetch").exists()
    with pytest.raises(FileExistsError, match="made exists; remove it"):
        build_sequence(configured(centre, tmp_path))


def test_one_instrument_of_each_station_and_a_circle(centre, tmp_path):
    circle = {"box": None, "centre": {"latitude_deg": 32.75, "longitude_deg": 130.74}, "radius_km": 8.0}
    came = Fetched(centre, tmp_path, accelerometer_too=False, channels=["HN", "EH", "HH"], **circle)
    assert came.instruments == {"XX.S00..HN", "XX.S01..HH", "XX.S03..EH"}


def test_an_interrupted_fetch_goes_on_with_what_is_missing(centre, tmp_path, monkeypatch):
    def stop(path, content):
        """While the fifth answer of waveforms is written."""
        if len(centre.of("dataselect")) == 5:
            raise KeyboardInterrupt
        _write(path, content)

    with monkeypatch.context() as patched:
        patched.setattr("fcn.fetch.pieces._write", stop)
        with pytest.raises(KeyboardInterrupt):
            Fetched(centre, tmp_path)
    before, centre.asked[:] = list(centre.asked), []
    assert Fetched(centre, tmp_path).is_whole
    assert centre.asked[0] == before[-1]
    assert not [query for query in centre.asked if query in before[:-1]]


def test_a_changed_question_does_not_go_on(centre, tmp_path):
    centre.fault = lambda service, query: 403 if service == "dataselect" else None
    with pytest.raises(ValueError, match="gives no waveforms of the 4 stations"):
        Fetched(centre, tmp_path)
    with pytest.raises(ValueError, match=r"kept holds part of a fetch with source\.min_magnitude=None"):
        Fetched(centre, tmp_path, min_magnitude=2.0)
    centre.fault = lambda service, query: None
    assert Fetched(centre, tmp_path, n_retries=0, timeout_s=30.0).is_whole


def test_too_much_is_asked_for_in_halves(centre, tmp_path):
    def fault(service, query):
        length_s = obspy.UTCDateTime(query["endtime"]) - obspy.UTCDateTime(query["starttime"])
        return 413 if service in ("dataselect", "event") and length_s > 70.0 else None

    centre.fault = fault
    came = Fetched(centre, tmp_path, chunk_s=120.0)
    assert came.is_whole
    assert len(came.fetch.catalogue) == 1
    assert [what for what, _ in came.refused].count("smi:local/shallow") == 1  # it is in both halves
    centre.fault = lambda service, query: 413 if query.get("station") == "S01" else None
    came = Fetched(centre, tmp_path / "other")
    assert "XX.S01..HH" not in came.instruments
    assert "too much data" in dict(came.refused)["XX.S01"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (500, "Internal server error .*because of the test"),
        (503, "temporarily unavailable .*because of the test"),
        (403, "Authentication failed.*because of the test"),
        (413, "too much data"),
        (418, "Unknown HTTP code: 418"),
        (CUT, "IncompleteRead"),
        (GARBAGE, "holds no miniSEED"),
    ],
)
def test_one_station_that_fails_is_listed_and_the_others_come(centre, tmp_path, fault, reason):
    def fails(service, query):
        return fault if service == "dataselect" and query["station"] == "S01" else None

    centre.fault = fails
    came = Fetched(centre, tmp_path)
    assert came.instruments == {"XX.S00..HH", "XX.S00..HN", "XX.S02..HH", "XX.S03..EH"}
    found = [why for what, why in came.refused if what == "XX.S01..HH?"]
    assert len(found) >= N_PIECES
    assert all(re.search(reason, why) for why in found)


def test_what_failed_is_asked_for_another_time(centre, tmp_path, capsys, caplog):
    centre.fault = lambda service, query: 500 if query.get("station") == "S01" else None
    build_sequence(configured(centre, tmp_path))
    assert dict(refused(tmp_path))["XX.S01"].startswith("Service responds: Internal server error")
    assert re.search(r"XX\.S01 +1 +Service responds", capsys.readouterr().out)
    assert "may be had another time: remove " in caplog.text
    (tmp_path / "made").rename(tmp_path / "former")
    centre.fault = lambda service, query: None
    centre.asked[:] = []
    build_sequence(configured(centre, tmp_path))
    assert {query["station"] for _, query in centre.asked} == {"S01"}
    assert [name for name, _ in centre.asked] == ["station", *["dataselect"] * N_PIECES]
    assert set(samples(tmp_path).values()) == {12_000}
    assert not (tmp_path / "made.fetch").exists()


def test_the_rest_of_an_instrument_that_fails_is_not_asked_for(centre, tmp_path):
    centre.fault = lambda service, query: (
        403 if (service, query.get("channel")) == ("dataselect", "HH?") else None
    )
    came = Fetched(centre, tmp_path, chunk_s=60.0, end=str(obspy.UTCDateTime(START_S + 360.0)))
    assert len([query for query in centre.of("dataselect") if query["station"] == "S01"]) == 3
    assert "not asked for after 3 failures" in [why for what, why in came.refused if what == "XX.S01..HH?"]


def test_a_passing_fault_is_asked_again(centre, tmp_path):
    seen = set()

    def once(service, query):
        key = (service, *sorted(query.items()))
        first, _ = key not in seen, seen.add(key)
        return (429 if service == "station" else CUT) if first else None

    centre.fault = once
    came = Fetched(centre, tmp_path)
    assert came.is_whole
    assert len(came.refused) == 3


def test_a_gateway_that_waited_too_long_is_asked_again(centre, tmp_path):
    """Status 504, for which ObsPy has no name."""
    seen = set()

    def once(service, query):
        first, _ = service not in seen, seen.add(service)
        return 504 if first else None

    centre.fault = once
    came = Fetched(centre, tmp_path)
    assert came.is_whole
    assert not [why for _, why in came.refused if "504" in why]


def test_a_station_without_responses_or_with_half_its_time(centre, tmp_path, parts):
    def fault(service, query):
        return 204 if query.get("level") == "response" and query["station"] == "S03" else None

    centre.fault = fault
    centre.stream = parts[1].copy()
    for trace in centre.stream.select(station="S02"):
        trace.trim(endtime=trace.stats.starttime + 50.0)
    came = Fetched(centre, tmp_path)
    assert "no responses" in dict(came.refused)["XX.S03"]
    assert came.counts["XX.S02..HHZ"] == 5001


def test_a_region_without_stations_says_so(centre, tmp_path):
    nowhere = {"south_deg": 10.0, "north_deg": 11.0, "west_deg": 10.0, "east_deg": 11.0}
    with pytest.raises(ValueError, match=r"has no station in 10 to 11 N, 10 to 11 E, .*widen source\.box"):
        Fetched(centre, tmp_path, box=nowhere)
    with pytest.raises(ValueError, match=r"none of the 5 stations .* has a channel BN\?: add codes"):
        Fetched(centre, tmp_path / "b", channels=["BN"])
    with pytest.raises(ValueError, match=r"has no station in .*networks ZZ"):
        Fetched(centre, tmp_path / "c", networks=["ZZ"])


def test_no_data_at_all_says_so(centre, tmp_path):
    centre.stream = obspy.Stream()
    with pytest.raises(ValueError, match=r"gives no waveforms of the 4 stations .*no data in that time"):
        Fetched(centre, tmp_path)


def test_stations_that_never_meet_make_an_archive(centre, tmp_path, parts, caplog):
    centre.stream = obspy.Stream()
    for trace in parts[1].select(channel="HH?").copy():
        later_s = 38.0 * int(trace.stats.station[1:])
        centre.stream.append(trace.slice(*(trace.stats.starttime + later_s + each for each in (0.0, 36.0))))
    assert build_sequence(configured(centre, tmp_path)) == {}
    assert "is an archive for a store, not a sequence to replay: " in caplog.text
    assert len(samples(tmp_path)) == 9


def test_a_data_centre_that_is_not_there(tmp_path):
    with pytest.raises(ConnectionError, match=r"no FDSN web services answer at source\.client=http://127"):
        Fetched("http://127.0.0.1:10", tmp_path)
    with pytest.raises(
        ValueError, match=r"source\.client=NOWHERE is no data centre that ObsPy knows .*GEONET"
    ):
        Fetched("NOWHERE", tmp_path / "b")


def test_a_data_centre_that_goes_away(centre, tmp_path, monkeypatch):
    """Each request is answered by nobody, from the first waveform on."""

    def vanish(service, query):
        if service == "dataselect":
            raise ConnectionAbortedError
        return None

    monkeypatch.setattr("http.server.ThreadingHTTPServer.handle_error", lambda *_: None)
    centre.fault = vanish
    with pytest.raises(ConnectionError, match=r"answers no more .*kept; run the same command again"):
        Fetched(centre, tmp_path)


def test_services_that_are_missing(centre, tmp_path):
    centre.services.remove("event")
    with pytest.raises(
        ConnectionError, match=r"offers dataselect, station, and no .* event: .*event_client="
    ):
        Fetched(centre, tmp_path)
    assert Fetched(centre, tmp_path / "b", event_client=None).fetch.catalogue is None


def test_a_list_of_stations_too_long_for_an_address_says_so(centre, tmp_path):
    """ObsPy asks to contact its developers."""
    centre.fault = lambda service, query: 414
    with pytest.raises(RefusedError, match=r"too long for this data centre \(status 414\): ask for fewer"):
        Fetched(centre, tmp_path, stations=[f"S{i:03}" for i in range(300)])


def test_events_that_cannot_be_had_are_no_empty_catalogue(centre, tmp_path):
    centre.fault = lambda service, query: 500 if service == "event" else None
    with pytest.raises(RefusedError, match=r"gives no events from .* \(.*Internal.*\): try again later"):
        Fetched(centre, tmp_path)
    centre.fault = lambda service, query: GARBAGE if service == "event" else None
    with pytest.raises(RefusedError, match=r"is no QuakeML: .*event_client"):
        Fetched(centre, tmp_path / "b")


def test_a_page_in_place_of_stations_is_not_kept(centre, tmp_path):
    centre.fault = lambda service, query: GARBAGE if query.get("level") == "station" else None
    with pytest.raises(
        RefusedError, match=r"does not tell its stations in .* is no StationXML.*try again later"
    ):
        Fetched(centre, tmp_path)
    centre.fault = lambda service, query: None
    assert Fetched(centre, tmp_path).is_whole


def test_credentials_come_from_a_file_and_stay_there(parts, tmp_path, caplog, capsys, call):
    (tmp_path / "mine.txt").write_text("me:so-secret\n")
    with serving(DataCentreServer(*parts, secret="so-secret")) as closed:
        with pytest.raises(ValueError, match=r"gives no waveforms .*source\.credentials_file"):
            Fetched(closed, tmp_path, event_client=None)
        mine = (f"source.credentials_file={tmp_path / 'mine.txt'}", "source.event_client=null")
        call("fcn.build_sequence", *LINE, f"source.client='{closed.url}'", *mine, f"out={tmp_path / 'made'}")
    assert set(samples(tmp_path).values()) == {12_000}
    printed = capsys.readouterr()
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "mine.txt"]
    assert any(b"mine.txt" in text for text in texts)  # Hydra's record of the command line
    assert not any(b"so-secret" in text for text in texts)
    assert "so-secret" not in caplog.text + printed.out + printed.err


TOKEN = "-----BEGIN PGP MESSAGE-----\nSo/+secret=\n-----END PGP MESSAGE-----"


@pytest.fixture
def without_tls(monkeypatch):
    """Addresses that ObsPy asks: with TLS, which the server on loopback does not speak, as without."""
    asked, download = [], Client._download

    def plainly(client, url, **options):
        asked.append(url)
        return download(client, url.replace("https://", "http://"), **options)

    monkeypatch.setattr(Client, "_download", plainly)
    return asked


def test_a_token_of_eida_opens_what_is_restricted(parts, tmp_path, caplog, capsys, call, without_tls):
    (tmp_path / "mine.txt").write_text(TOKEN + "\n")
    with serving(DataCentreServer(*parts, secret="so-secret", token=TOKEN)) as closed:
        mine = (f"source.credentials_file={tmp_path / 'mine.txt'}", "source.event_client=null")
        call("fcn.build_sequence", *LINE, f"source.client='{closed.url}'", *mine, f"out={tmp_path / 'made'}")
    assert [url for url in without_tls if "/auth" in url] == [
        f"https{closed.url[4:]}/fdsnws/dataselect/1/auth"
    ]
    assert set(samples(tmp_path).values()) == {12_000}
    printed = capsys.readouterr()
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "mine.txt"]
    assert any(b"mine.txt" in text for text in texts)
    assert not any(word in text for text in texts for word in (b"so-secret", b"So/+secret", b"temporary"))
    assert not re.search("so-secret|So/[+]secret|temporary", caplog.text + printed.out + printed.err)


@pytest.mark.parametrize(
    ("taken", "message"),
    [
        ("another", r"does not accept the token in .*mine\.txt \(.*token has expired\): .* get a new one"),
        (None, r"takes no tokens, and source\.credentials_file=.*mine\.txt holds one: .*password"),
    ],
)
def test_a_token_that_is_not_taken(parts, tmp_path, without_tls, taken, message):
    (tmp_path / "mine.txt").write_text(TOKEN)
    with (
        serving(DataCentreServer(*parts, secret="so-secret", token=taken)) as closed,
        pytest.raises(ValueError, match=message) as raised,
    ):
        Fetched(closed, tmp_path, event_client=None, credentials_file=str(tmp_path / "mine.txt"))
    assert "So/+secret" not in str(raised.value)


def test_credentials_that_are_none_are_not_repeated(centre, tmp_path):
    (tmp_path / "mine.txt").write_text("so-secret\n")
    with pytest.raises(ValueError, match=r"mine\.txt holds neither") as raised:
        Fetched(centre, tmp_path, credentials_file=str(tmp_path / "mine.txt"))
    assert "so-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("command", "source", "other"),
    [("build_sequence", "knet", "build_store"), ("build_store", "fdsn", "build_sequence")],
)
def test_a_source_of_the_other_command(command, source, other, call):
    with pytest.raises(SystemExit, match=rf"^source={source} is for python -m fcn\.{other}; "):
        call(f"fcn.{command}", f"source={source}", "out=x")
