"""Speed of the Green's functions: a bank of the default store, and the ratio to pygrt-kit on one job.

Run: pytest benchmarks/bench_greens.py. The ratio needs pygrt-kit and minutes.
"""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from fcn.earth.greens import GreensBank, compute_greens
from fcn.earth.velocity import LayeredModel

# thickness km, vp, vs, density, Qp, Qs: seven layers with a slow top
LAYERS = np.array(
    [
        [0.5, 3.20, 1.70, 2.25, 200, 100],
        [1.5, 4.80, 2.75, 2.50, 300, 150],
        [3.0, 5.70, 3.30, 2.65, 500, 250],
        [5.0, 5.95, 3.47, 2.70, 600, 300],
        [10.0, 6.15, 3.58, 2.75, 700, 350],
        [15.0, 6.65, 3.82, 2.90, 800, 400],
        [0.0, 7.80, 4.46, 3.25, 1000, 500],
    ]
)
DEPTHS_KM = (5.01, 11.0, 20.01)
DISTANCES_KM = tuple(np.linspace(5.0, 100.0, 20))
N_SAMPLES, SAMPLING_RATE_HZ, MAX_FREQUENCY_HZ = 800, 20.0, 9.0


def model() -> LayeredModel:
    tops_km = np.concatenate([[0], np.cumsum(LAYERS[:-1, 0])])
    return LayeredModel("seven", "benchmark", tuple(tops_km), *map(tuple, LAYERS.T[1:]))


def ours() -> GreensBank:
    return compute_greens(
        model(),
        DEPTHS_KM,
        DISTANCES_KM,
        duration_s=N_SAMPLES / SAMPLING_RATE_HZ,
        sampling_rate_hz=SAMPLING_RATE_HZ,
        max_frequency_hz=MAX_FREQUENCY_HZ,
        reference_frequency_hz=MAX_FREQUENCY_HZ,
    )


@pytest.mark.timeout(0)
def test_ratio_to_pygrt_kit(benchmark, short, tmp_path: Path):
    if short:
        pytest.skip("minutes")
    pygrt = pytest.importorskip("pygrt", reason="pygrt-kit is not installed")
    np.savetxt(tmp_path / "model", LAYERS)
    theirs = pygrt.PyModel1D(grn=tmp_path / "grn", modelpath=tmp_path / "model")
    start = time.perf_counter()
    theirs.greenfn(
        depsrc=DEPTHS_KM,
        deprcv=0.0,
        dists=DISTANCES_KM,
        nt=N_SAMPLES,
        dt=1 / SAMPLING_RATE_HZ,
        freqband=(-1.0, MAX_FREQUENCY_HZ),
        gf_source=["EX", "DC"],  # moment tensors alone, as ours
        nthreads=1,
        print_log=False,
    )
    theirs_s = time.perf_counter() - start
    benchmark.pedantic(ours, rounds=3)
    ratio = theirs_s / benchmark.stats.stats.min
    benchmark.extra_info["pygrt_kit_s"] = theirs_s
    benchmark.extra_info["ratio"] = ratio
    print(f"\npygrt-kit {theirs_s:.1f} s, ours {benchmark.stats.stats.min:.2f} s: {ratio:.0f} times")  # noqa: T201
    assert ratio >= 20


def test_a_bank_of_the_store(benchmark):
    """10 depths x 25 distances x 80 s to 9.8 Hz."""
    benchmark.pedantic(
        compute_greens,
        args=(
            model(),
            [1.0, 2.0, 4.0, 6.0, 8.0, 11.0, 14.0, 18.0, 24.0, 30.0],
            list(np.linspace(3, 110, 25)),
        ),
        kwargs={
            "duration_s": 80.0,
            "sampling_rate_hz": 20.0,
            "max_frequency_hz": 9.8,
            "reference_frequency_hz": 9.8,
        },
        rounds=2,
    )


def test_records_of_a_bank(benchmark):
    """Moment tensor, source time function and inverse transform of 512 three-component records."""
    bank = ours()
    generator = torch.Generator().manual_seed(0)
    depth = torch.randint(len(DEPTHS_KM), (512,), generator=generator)
    distance = torch.randint(len(DISTANCES_KM), (512,), generator=generator)
    tensor = torch.randn(512, 6, generator=generator)
    azimuth_deg = 360 * torch.rand(512, generator=generator)
    pulse = ((1 + bank.laplace_per_s / 30) ** -2).to(torch.complex64)
    benchmark(lambda: bank.to_time(bank.radiate(depth, distance, tensor, azimuth_deg) * pulse))
