"""Gathering records from a store, preprocessing streams and windows, decoding WIN32.

Run: pytest benchmarks/bench_waveform_store.py
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from store_records import make_record
from win32_files import table_line, win32_channel, win32_file, win32_frame

from fcn.config import CONF_DIR
from fcn.store.reader import BaseStore
from fcn.store.writer import StoreWriter
from fcn.waveform.nied_channels import read_channel_table
from fcn.waveform.preprocess import Bands, PreprocessSpec, ToVelocity
from fcn.waveform.win32 import read_win32
from fcn.waveform.window_bands import filter_windows

N_RECORDS, N_SAMPLES, BATCH = 20_000, 1200, 500
SPLITS = {"train": 0.8, "dev": 0.1, "test": 0.1}


@pytest.fixture(scope="module")
def spec() -> PreprocessSpec:
    return instantiate(OmegaConf.load(CONF_DIR / "preprocess" / "default.yaml"), _convert_="all")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "store"
    record = make_record(n_samples=N_SAMPLES)
    with StoreWriter(path, 20.0, SPLITS, seed=0) as writer:
        for index in range(N_RECORDS):
            writer.add(replace(record, source_id=f"e{index}", station_code=f"XX.{index}"))
    return BaseStore.open(path)


def test_gather_500_records(benchmark, store):
    """60 s, three components, drawn from 20,000."""
    rng = np.random.default_rng(0)
    benchmark(lambda: store.waveforms(rng.integers(0, N_RECORDS, BATCH)))


def test_open_a_store_of_20000(benchmark, store):
    benchmark(BaseStore.open, store.path)


def test_preprocess_ten_minutes(benchmark, spec):
    """One station, three components of acceleration at 100 Hz, to both bands."""
    counts = np.random.default_rng(0).standard_normal((3, 60_000))

    def run():
        chunk = ToVelocity(spec, 100.0, "acceleration", 1.0, 3).whole(1e9, counts)
        return Bands(spec, 3).process(chunk)

    benchmark(run)


def test_preprocess_half_a_second_live(benchmark, spec):
    """One station, one step of the monitor."""
    converter, bands = ToVelocity(spec, 100.0, "velocity", 1.0, 3), Bands(spec, 3)
    counts = np.random.default_rng(0).standard_normal((3, 50))
    clock = iter(range(10**9))

    def step():
        return [bands.process(chunk) for chunk in converter.process(1e9 + 0.5 * next(clock), counts)]

    benchmark(step)


def test_filter_a_batch_of_windows(benchmark, spec):
    """16 examples of 12 stations, 40 s, to both bands."""
    windows = torch.randn(16, 12, 3, 800)
    benchmark(filter_windows, spec, windows)


def test_decode_ten_minutes_of_win32(benchmark, tmp_path):
    """36 channels at 100 Hz."""
    lines = [table_line(i, f"N.S{i // 3:03d}", "UNE"[i % 3]) for i in range(36)]
    (tmp_path / "a.ch").write_text("\n".join(lines))
    channels = read_channel_table(tmp_path / "a.ch")
    rng = np.random.default_rng(0)
    blocks = [win32_channel(i, np.round(200 * rng.standard_normal(100)).astype(int)) for i in range(36)]
    (tmp_path / "a.cnt").write_bytes(
        win32_file([win32_frame(1_460_636_400.0 + k, blocks) for k in range(600)])
    )
    benchmark(read_win32, [tmp_path / "a.cnt"], channels)
