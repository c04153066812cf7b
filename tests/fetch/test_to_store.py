"""From a data centre to a base store, by the two commands."""

import csv
import functools

import numpy as np
import obspy
import pytest
from fdsn_server import DataCentreServer, serving
from made_networks import COUNTS_PER_MPS, START_S, make_site, make_trace
from made_quakes import importer, shaking
from obspy.core import event as quakeml

from fcn.store.cut import Quake
from fcn.waveform.inventory import make_inventory
from fcn.waveform.response import Sensitivity

predicted = functools.cache(lambda: importer("archive"))
DURATION_S, AFTER_S = 270.0, 130.0
QUAKE = Quake("e1", 32.8, 130.75, 10.0, 3.5, "ML")
SITES = [make_site(code, 32.7 + 0.1 * i, 130.7 + 0.1 * i) for i, code in enumerate("ABC")]


def centre():
    """Three stations that record one earthquake on the arrivals predicted, at a data centre."""
    stream = obspy.Stream()
    for number, site in enumerate(SITES):
        path = predicted().path(QUAKE, site)
        velocity = shaking(DURATION_S, AFTER_S + path.p_s, AFTER_S + path.s_s, 100.0, number)
        for component, row in zip("ZNE", np.round(velocity * COUNTS_PER_MPS).astype(np.int32), strict=True):
            stream.append(make_trace(f"{site.id}..HH{component}", row))
    stated = {trace.id: Sensitivity(COUNTS_PER_MPS, "velocity") for trace in stream}
    origin = quakeml.Origin(
        time=obspy.UTCDateTime(START_S + AFTER_S), latitude=32.8, longitude=130.75, depth=10_000.0
    )
    event = quakeml.Event(
        resource_id=quakeml.ResourceIdentifier("smi:local/e1"),
        origins=[origin],
        magnitudes=[quakeml.Magnitude(mag=3.5, magnitude_type="ML")],
    )
    return DataCentreServer(make_inventory(SITES, stream, stated), stream, quakeml.Catalog([event]))


def test_what_is_fetched_becomes_records_of_a_store(tmp_path, call):
    with serving(centre()) as server:
        call(
            "fcn.build_sequence",
            *("source=fdsn", f"source.client='{server.url}'", "source.chunk_s=100", "out=fetched"),
            "source.centre={latitude_deg: 32.8, longitude_deg: 130.8}",
            *("source.radius_km=50", "source.start=2016-04-14T12:26:30", "source.end=2016-04-14T12:31:00"),
        )
    call("fcn.build_store", "source=archive", "source.archive.root=fetched", "out=store")
    with (tmp_path / "store" / "metadata.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["trace_category"] == "earthquake"]
    assert sorted((row["station_network_code"], row["station_code"]) for row in rows) == [
        ("XX", "A"),
        ("XX", "B"),
        ("XX", "C"),
    ]
    assert {float(row["source_magnitude"]) for row in rows} == {3.5}
    for row in rows:
        s_minus_p_s = (float(row["trace_s_arrival_sample"]) - float(row["trace_p_arrival_sample"])) / 20.0
        site = next(site for site in SITES if site.code == row["station_code"])
        path = predicted().path(QUAKE, site)
        assert s_minus_p_s == pytest.approx(path.s_s - path.p_s, abs=0.3)
