"""Makes greens.npz beside it: full-wave seismograms of pygrt-kit, an independent code (GPL-3.0, Zhu Dengda).

    pip install "pygrt-kit==0.18.0" && python tests/earth/golden/make_greens.py

Seismograms are displacement for moment released at once (m per N m), convolved with a Gaussian pulse.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

# thickness km, vp, vs km/s, density g/cm3, Qp, Qs: a slow top, a low-velocity layer, a half-space
LAYERS = np.array(
    [
        [1.2, 3.60, 1.90, 2.30, 200, 100],
        [2.8, 5.60, 3.20, 2.60, 500, 250],
        [4.0, 5.20, 2.95, 2.55, 400, 200],
        [12.0, 6.15, 3.58, 2.75, 700, 350],
        [0.0, 6.80, 3.90, 2.90, 800, 400],
    ]
)
DEPTHS_KM = (5.3, 13.1)
DISTANCES_KM = (8.0, 35.0, 90.0)
AZIMUTHS_DEG = (20.0, 137.0)
MOMENT_TENSOR = (0.3, -0.5, 0.2, 0.4, -0.7, 0.6)  # nn, ee, dd, ne, nd, ed
N_SAMPLES, SAMPLING_RATE_HZ, MAX_FREQUENCY_HZ = 1000, 20.0, 9.0
PULSE_WIDTH_S, PULSE_DELAY_S = 0.12, 1.0  # Gaussian exp(-t^2 / 2 width^2), negligible above 5 Hz


def pulse() -> np.ndarray:
    """The Gaussian pulse of unit area, per s."""
    time_s = np.arange(N_SAMPLES) / SAMPLING_RATE_HZ - PULSE_DELAY_S
    return np.exp(-(time_s**2) / (2 * PULSE_WIDTH_S**2)) / (PULSE_WIDTH_S * np.sqrt(2 * np.pi))


def synthesise(model: Any, out: Path, depth_km: float, distance_km: float, azimuth_deg: float) -> np.ndarray:
    """Z, R, T in m per N m, not yet convolved."""
    import obspy

    nn, ee, dd, ne, nd, ed = MOMENT_TENSOR
    model.syn(
        depsrc=depth_km,
        deprcv=0.0,
        dist=distance_km,
        azimuth=azimuth_deg,
        output_path=str(out),
        scale=1e25,  # dyn cm
        moment_tensor=(nn, ne, nd, ee, ed, dd),
        interpolate=False,
    )
    traces = [obspy.read(str(next(out.glob(f"*{component}.sac"))))[0] for component in "ZRT"]
    return np.stack([trace.data for trace in traces]) * 1e-2 / 1e18


def main() -> None:
    """Run pygrt-kit and write the file."""
    import pygrt

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        np.savetxt(root / "model", LAYERS)
        model = pygrt.PyModel1D(grn=root / "grn", modelpath=root / "model")
        model.greenfn(
            depsrc=DEPTHS_KM,
            deprcv=0.0,
            dists=DISTANCES_KM,
            nt=N_SAMPLES,
            dt=1 / SAMPLING_RATE_HZ,
            freqband=(-1.0, MAX_FREQUENCY_HZ),
            keepAllFreq=True,  # without the lowest frequencies its records drift
            nthreads=1,
        )
        shape = len(DEPTHS_KM), len(DISTANCES_KM), len(AZIMUTHS_DEG), 3, N_SAMPLES
        seismograms = np.zeros(shape)
        for index in np.ndindex(shape[:3]):
            i, j, k = index
            place = DEPTHS_KM[i], DISTANCES_KM[j], AZIMUTHS_DEG[k]
            seismograms[index] = synthesise(model, root / "_".join(map(str, index)), *place)
    spectra = np.fft.rfft(seismograms) * np.fft.rfft(pulse()) / SAMPLING_RATE_HZ
    # The pulse leaves nothing above 5 Hz, so that every other sample will do.
    convolved = np.fft.irfft(spectra, N_SAMPLES)[..., ::2]
    np.savez_compressed(
        Path(__file__).with_name("greens.npz"), seismograms=convolved.astype(np.float32) * 1e18
    )


if __name__ == "__main__":
    main()
