"""Waveforms of fixed seeds: another physics under an old name would be served from old caches."""

import numpy as np
import pytest
from simulated_records import build

from fcn.simulate import VERSION
from fcn.simulate.ensemble.earth import earthquake_records, noise_records

REMEDY = "waveforms changed: if that was meant, raise fcn.simulate.VERSION and note the new levels here"


def level_db(waveform):
    """Mean square of 1 m/s or counts, in dB."""
    return 10.0 * float(np.log10(np.mean(np.square(waveform, dtype=float))))


def test_levels_are_those_of_this_version(recipe):
    assert VERSION == 5
    store = build("source.simulated", ["source=simulated_smoke"])
    quakes = [level_db(record.waveform_mps) for record in earthquake_records(store.recipe, 1, 0)[::24]]
    noise = [level_db(record.waveform_mps) for record in noise_records(store.recipe, 1, 0, 2)]
    twin = build("dataset.builder", ["+dataset=kumamoto"])
    shaken = [level_db(twin.ground().motion(twin.shock(row)).velocity_mps) for row in twin.catalogued()[:2]]
    expected = [-201.71, -160.49, -137.22, -110.85, -70.5, -89.21, -64.5, -54.78]
    expected += [-133.23, -122.74, -49.05, -86.35]
    found = [*quakes, *noise, *shaken]
    assert found == pytest.approx(expected, abs=0.02), REMEDY
