"""Records for the tests of the store."""

import numpy as np

from fcn.store.schema import StoreRecord


def make_record(index: int = 0, n_samples: int = 600, **changes) -> StoreRecord:
    rng = np.random.default_rng(index)
    waveform = 1e-7 * rng.standard_normal((3, n_samples))
    waveform[:, 200:] += 1e-5 * rng.standard_normal((3, n_samples - 200))
    values = {
        "waveform_mps": waveform.astype(np.float32),
        "category": "earthquake",
        "source_id": f"event{index // 3}",
        "station_code": f"XX.S{index:03d}",
        "source_magnitude": 2.5 + 0.01 * index,
        "source_magnitude_type": "Mw",
        "source_depth_km": 8.25,
        "path_ep_distance_km": 21.5 + index,
        "path_azimuth_deg": 123.0,
        "p_arrival_sample": 200.5,
        "s_arrival_sample": 260.25,
        "origin": "made",
    }
    return StoreRecord(**{**values, **changes})


def make_noise(index: int = 0, **changes) -> StoreRecord:
    nan = float("nan")
    absent = dict.fromkeys(
        (
            "source_magnitude",
            "source_depth_km",
            "path_ep_distance_km",
            "path_azimuth_deg",
            "p_arrival_sample",
            "s_arrival_sample",
        ),
        nan,
    )
    return make_record(
        index,
        **{
            "category": "noise",
            "source_id": f"noise{index}",
            "source_magnitude_type": "",
            **absent,
            **changes,
        },
    )
