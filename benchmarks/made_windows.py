"""One window of a network of any size, with picks that nothing explains and one declared event."""

from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import torch
from streams import SPACING_KM, places_km
from toy import resolved

from fcn.assemble import build_module, travel_times, velocity_models
from fcn.batch import Batch
from fcn.catalogue.event import Known, WindowEstimate
from fcn.earth.travel_time import TravelTimeTable
from fcn.scheme.migration import picks as picks_of_stream
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.reader import MigrationReader
from fcn.scheme.migration.scheme import MigrationScheme
from fcn.waveform.amplitude import AMPLITUDES

N_SAMPLES, PAST = 600, 800
NOW_S = 1000.0
APART_S = 0.6  # from one pick to the next, seconds


def window(n: int) -> Batch:
    """Noise at n stations on a jittered grid."""
    generator = torch.Generator().manual_seed(0)
    horizontal_km = torch.as_tensor(places_km(n), dtype=torch.float32)
    waveforms = 1e-6 * torch.randn(1, n, 3, N_SAMPLES, generator=generator)
    config = resolved("train", "velocity_model=iasp91")
    (model,) = velocity_models(config).values()
    reach_km = 3.0 * SPACING_KM * n**0.5 + 200.0
    table = travel_times(model, {**config["data"]["table"], "max_distance_km": reach_km})
    return Batch(
        waveforms=waveforms,
        waveforms_broad=waveforms,
        station_km=torch.cat([horizontal_km, torch.zeros(n, 1)], dim=1)[None],
        mask=torch.ones(1, n, dtype=torch.bool),
        known=torch.ones(1, n, 3, N_SAMPLES, dtype=torch.bool),
        background_mps=torch.full((1, n, 2, N_SAMPLES), 1e-6),
        peaks=1e-6 * torch.rand(1, n, len(AMPLITUDES), PAST, generator=generator),
        travel_time=TravelTimeTable.stack([table]),
        now_s=torch.tensor([NOW_S], dtype=torch.float64),
    )


def declared() -> Known:
    """An event that is read again."""
    estimate = WindowEstimate(
        now_s=NOW_S - 2.0,
        detection_score=1.0,
        first_p_time_s=NOW_S - 23.0,
        location_score=1.0,
        east_km=0.0,
        north_km=0.0,
        depth_km=10.0,
        origin_time_s=NOW_S - 25.0,  # its P and S are over: they explain none of the picks
        magnitude=5.0,
    )
    return Known("one", estimate, is_open=True)


def reading(n_stations: int, n_anchors: int) -> Callable[[], None]:
    """Reads a window of so many stations and anchors, each time as if it were the first."""
    config = resolved("train", "experiment=generalized", "velocity_model=iasp91")
    module = build_module(config, trainable=False).eval()
    scheme, given, known = module.scheme, window(n_stations), [declared()]
    assert isinstance(scheme, MigrationScheme)
    asked = replace(scheme.reading, least_evidence=0.0, least_picks=0, max_anchors=n_anchors, recent_s=30.0)
    kept = MigrationReader(scheme.core, asked, scheme.visible_snr)
    station = torch.arange(n_anchors) % n_stations
    picks = Picks(station, 22.0 + APART_S * torch.arange(n_anchors), torch.full((n_anchors,), 0.9))

    def read() -> None:
        fresh = MigrationReader(scheme.core, asked, scheme.visible_snr)
        fresh.volumes = kept.volumes  # where coarse volumes lie, which no window changes
        fresh.volumes._fine.clear()
        with mock.patch.object(picks_of_stream, "find_picks", return_value=picks):
            fresh.estimates(module.network, given, known)

    return read
