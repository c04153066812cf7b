"""The long-period band on recorded strong motion: the size is in it, noise and starts are not."""

import numpy as np
import obspy
import pytest
from obspy.geodetics import gps2dist_azimuth
from scipy import signal

from fcn.waveform.archive import read_sds
from fcn.waveform.station import station_motion

SLOWEST_KMPS = 6.2  # of P, over a straight path


def stations(folder, spec):
    """(hypocentral distance km, motion, before P) of each station."""
    inventory = obspy.read_inventory(str(folder / "stations.xml"))
    origin = obspy.read_events(str(folder / "catalogue.xml"))[0].preferred_origin()
    origin = origin or obspy.read_events(str(folder / "catalogue.xml"))[0].origins[0]
    traces: dict[str, list[obspy.Trace]] = {}
    for trace in read_sds(folder / "waveforms"):
        traces.setdefault(trace.stats.station, []).append(trace)
    for code, found in traces.items():
        site = inventory.select(station=code)[0][0]
        place = (site.latitude, site.longitude, origin.latitude, origin.longitude)
        distance_km = np.hypot(gps2dist_azimuth(*place)[0], origin.depth) / 1e3
        motion = station_motion(found, inventory, spec)
        time_s = (motion.start_sample + np.arange(motion.valid.shape[1])) / 20.0 - origin.time.timestamp
        yield distance_km, motion, (time_s < distance_km / SLOWEST_KMPS - 1.0) & motion.valid.any(axis=0)


def melgar(pgd_m, distance_km):
    """Magnitude from peak ground displacement: Melgar et al. (2015), eq. 1 with its table's values, cm."""
    return (np.log10(100.0 * pgd_m) + 4.434) / (1.047 - 0.138 * np.log10(distance_km))


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "least", "most"), [("taitung_m65", 5.9, 6.4), ("turkey_m76", 7.1, 7.6)])
def test_peak_displacement_says_how_large(shared_dir, spec, name, least, most):
    found = [
        melgar(np.abs(motion.long_m).max(), distance_km)
        for distance_km, motion, _ in stations(shared_dir / "realdata" / name, spec)
        if motion.long_m.any()  # withheld where a record begins in the coda of the shock before
    ]
    assert len(found) > 20
    assert least < np.median(found) < most


@pytest.mark.realdata
def test_an_accelerometers_noise_is_a_tenth_of_a_millimetre_of_long_period_displacement(shared_dir, spec):
    """Resolution 1e-5 m/s2; of 0.5-9 Hz displacement it is less than a micrometre.

    Of the filter alone: what these records begin with is withheld, and so is most of it.
    """
    sos = spec.filters[3].sos()
    long, broad = [], []
    for _, motion, before in stations(shared_dir / "realdata" / "taiwan_hualien", spec):
        long.append(np.abs(signal.sosfilt(sos, motion.velocity_mps)[:, before]).max())
        broad.append(np.abs(motion.displacement_m[:, before]).std())
    assert 1e-5 < np.median(long) < 1e-4
    assert np.median(broad) < 1e-6
