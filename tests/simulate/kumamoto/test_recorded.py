import csv

import numpy as np
import pytest
from simulated_records import build

from fcn.simulate.kumamoto.recorded import compare, peaks_and_duration, read_observed


@pytest.fixture(scope="module")
def twin():
    return build("dataset.builder", ["+dataset=kumamoto"])


def test_peaks_of_a_known_motion():
    """A 5 Hz burst of 10 s and 2 cm/s, half as large on the other component."""
    time_s = np.arange(0.0, 40.0, 0.01)
    burst = 0.02 * np.sin(2.0 * np.pi * 5.0 * time_s) * ((time_s > 15.0) & (time_s < 25.0))
    pga, pgv, duration_s = peaks_and_duration(np.stack([burst, 0.5 * burst]), 100.0)
    assert pgv == pytest.approx(2.0 * np.sqrt(0.5), rel=0.05)
    assert pga == pytest.approx(0.02 * 10.0 * np.pi * np.sqrt(0.5), rel=0.06)
    assert duration_s == pytest.approx(9.0, abs=0.2)


def test_observed_figures_are_those_of_the_records(shared_dir):
    with (shared_dir / "tables" / "kmmh14_observed_peaks.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = ("pga_mps2", "pgv_cmps", "significant_duration_5_95_s")
    observed = read_observed()
    assert len(observed) == 11
    for record in observed:
        pair = [row for row in rows if row["origin_minute_jst_yymmddhhmm"] == record.record_jst]
        assert len(pair) == 2
        means = [np.sqrt(float(pair[0][name]) * float(pair[1][name])) for name in names]
        assert record.peaks == pytest.approx(means, rel=0.02)


def test_records_of_the_hour_have_the_catalogues_hypocentre(twin):
    rows = {row.event_id: row for row in twin.catalogued()}
    observed = {record.record_jst: record for record in read_observed()}
    for jst, event in (("1604142126", "jma-20160414212634"), ("1604142222", "jma-20160414222218")):
        record, row = observed[jst], rows[event]
        assert record.place_deg == (row.latitude_deg, row.longitude_deg)
        assert (record.depth_km, record.magnitude_mj) == (row.depth_km, row.magnitude)


def test_a_comparison_has_one_row_per_trial(twin):
    comparisons = compare(twin, 1)
    assert [each.record.record_jst for each in comparisons] == [
        record.record_jst for record in read_observed() if record.magnitude_mj is not None
    ]
    for each in comparisons:
        assert each.trials.shape == (1, 3)
        assert (each.trials > 0.0).all()
        np.testing.assert_allclose(each.ratio, each.trials[0] / each.record.peaks)


@pytest.mark.slow
def test_simulated_peaks_are_those_observed_within_a_factor_of_two(twin):
    """Geometric mean over the six records of median simulated / observed; each single one within three."""
    ratios = np.array([each.ratio for each in compare(twin, 16)])
    means = np.exp(np.log(ratios).mean(0))
    assert (means > 0.5).all()
    assert (means < 2.0).all()
    assert (ratios > 1.0 / 3.0).all()
    assert (ratios < 3.0).all()
