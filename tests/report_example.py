"""A small simulated sequence with a catalogue, and what a plausible network declared in it."""

import dataclasses
from pathlib import Path

import numpy as np
import obspy
import torch

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Update, WindowEstimate
from fcn.data.sequences import Sequence
from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.waveform.stored import StoredStream

FRAME = LocalFrame(32.74, 130.81)
RATE_HZ = 20.0
START_S = 1_460_636_780.0
MODEL = LayeredModel(
    "two layers", "made up for tests", (0.0, 15.0), (5.8, 6.6), (3.35, 3.8), (2.7, 2.9), (300.0, 500.0),
    (150.0, 250.0),
)  # fmt: skip


def make_network(rng, n_stations=12):
    angle = np.linspace(0, 2 * np.pi, n_stations, endpoint=False) + rng.uniform(-0.2, 0.2, n_stations)
    radius = rng.uniform(8, 42, n_stations)
    latitude, longitude = FRAME.to_geographic(radius * np.sin(angle), radius * np.cos(angle))
    return Network(
        tuple(
            Station("XX", f"S{i:02d}", "", float(lat), float(lon), float(rng.uniform(0, 800)))
            for i, (lat, lon) in enumerate(zip(latitude, longitude, strict=True))
        )
    )


def make_catalogue(rng, n_events, duration_s):
    east, north = rng.normal(0, 12, n_events), rng.normal(0, 12, n_events)
    latitude, longitude = FRAME.to_geographic(east, north)
    magnitude = np.clip(2 + rng.exponential(0.8, n_events), 0, 6.5)
    magnitude[0] = 6.2
    times = START_S + 40 + np.sort(rng.uniform(0, duration_s - 80, n_events))
    return [
        Event(f"jma{i:03d}", float(times[i]), float(latitude[i]), float(longitude[i]),
              float(rng.uniform(3, 18)),
              float(round(magnitude[i], 1)), "Mj")
        for i in range(n_events)
    ]  # fmt: skip


def make_sequence(seed=3, n_events=10, duration_s=240.0, catalogue=True):
    """Sequence of double-onset wavelets on noise; first P times in the catalogue are true."""
    rng = np.random.default_rng(seed)
    network, n_samples = make_network(rng), round(duration_s * RATE_HZ)
    station_km = network.local_km(FRAME)
    events = make_catalogue(rng, n_events, duration_s)
    table = TravelTimeTable.build(MODEL, max_depth_km=30, max_distance_km=150, step_km=1.0)
    velocity = 2e-7 * rng.standard_normal((len(network), 3, n_samples))
    true = []
    for event in events:
        x, y = FRAME.to_local_km(np.array([event.latitude_deg]), np.array([event.longitude_deg]))
        source_km = torch.tensor([[x[0], y[0], event.depth_km]], dtype=torch.float32)
        times_s = table.between(source_km, torch.from_numpy(station_km).float())[:, 0].numpy()
        distance_km = np.linalg.norm(station_km - source_km.numpy(), axis=1)
        add_waveforms(velocity, event, times_s, distance_km, rng)
        true.append(
            dataclasses.replace(event, first_p_time_s=event.origin_time_s + float(times_s[:, 0].min()))
        )
    velocity = velocity.astype(np.float32)
    return Sequence(
        name="example", root=Path("example"), simulated=True, network=network, frame=FRAME, box=(41.0, 50.0),
        catalogue=Catalogue("example", tuple(true)) if catalogue else None, velocity_model=MODEL,
        start_time_s=START_S, sampling_rate_hz=RATE_HZ, narrow=velocity, broad=velocity,
        known=np.ones((len(network), 3, n_samples), dtype=bool),
        uses=((),) * len(network), stream=StoredStream(()), inventory=obspy.Inventory(),
    )  # fmt: skip


def add_waveforms(velocity, event, times_s, distance_km, rng):
    time_s = START_S + np.arange(velocity.shape[2]) / RATE_HZ
    peak_mps = 10 ** (0.75 * event.magnitude - 5.6) * (10 / distance_km) ** 1.5
    for station, (p_s, s_s) in enumerate(times_s):
        for phase, arrival_s, amplitude in ((0, p_s, 0.3), (1, s_s, 1.0)):
            since_s = np.clip(time_s - event.origin_time_s - arrival_s, 0, None)
            decay_s = (1.5, 4.0)[phase] * (1 + event.magnitude / 6)
            envelope = amplitude * peak_mps[station] * since_s / 0.2 * np.exp(1 - since_s / decay_s) / 4
            velocity[station] += envelope * rng.standard_normal((3, len(time_s)))


def make_declared(sequence, seed=5):
    """Updates that improve with time, two events missed, one far off, one false alarm."""
    rng = np.random.default_rng(seed)
    declared, estimates = [], []
    for i, true in enumerate(sequence.catalogue):
        if i in (3, 4):
            estimates.append(estimate_of(true, 0.45, 0.3))
            continue
        event_id, said = f"fcn{i:03d}", []
        alarm_s, direction = rng.uniform(3.5, 6.5), rng.uniform(0, 2 * np.pi)
        for now_s in np.arange(true.first_p_time_s + alarm_s, true.first_p_time_s + alarm_s + 14, 0.5):
            elapsed_s = now_s - true.first_p_time_s
            off_km = (2 + 30 * np.exp(-elapsed_s / 2.5)) * (12 if i == 7 else 1)
            off = np.array([np.cos(direction), np.sin(direction)]) * off_km + rng.normal(0, 0.4, 2)
            said.append(
                update_of(true, event_id, float(now_s), off, float(rng.normal(0, 0.1 + 1 / elapsed_s)))
            )
            estimates.append(dataclasses.replace(estimate_of(true, 0.9, 0.85), now_s=float(now_s)))
        declared.append(DeclaredEvent(event_id, said))
    false = dataclasses.replace(sequence.catalogue[2], origin_time_s=START_S + 300.0, event_id="fcn999")
    declared.append(DeclaredEvent("fcn999", [Update(START_S + 305.0, false, 0.72, 0.61)]))
    return declared, estimates


def estimate_of(true, detection, location):
    x, y = FRAME.to_local_km(np.array([true.latitude_deg]), np.array([true.longitude_deg]))
    return WindowEstimate(
        true.first_p_time_s + 5, detection, true.first_p_time_s, location, float(x[0]), float(y[0]),
        true.depth_km, true.origin_time_s, true.magnitude,
    )  # fmt: skip


def update_of(true, event_id, now_s, off_km, magnitude_error):
    x, y = FRAME.to_local_km(np.array([true.latitude_deg]), np.array([true.longitude_deg]))
    latitude, longitude = FRAME.to_geographic(x + off_km[0], y + off_km[1])
    event = dataclasses.replace(
        true, event_id=event_id, latitude_deg=float(latitude[0]), longitude_deg=float(longitude[0]),
        depth_km=true.depth_km + float(off_km[0]) * 0.5, magnitude=true.magnitude + magnitude_error,
        origin_time_s=true.origin_time_s + float(off_km[1]) * 0.05,
        horizontal_uncertainty_km=3.0, depth_uncertainty_km=4.0,
    )  # fmt: skip
    return Update(now_s, event, 0.9, 0.85)
