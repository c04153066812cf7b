"""P and S of recombined windows, picked again by the simple picker of the importers, against the targets."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from toy import resolved

from fcn.assemble import build_datamodule
from fcn.cache import cached_store
from fcn.config import CONF_DIR, build
from fcn.seeding import Purpose
from fcn.waveform.pick import Picker

CLEAR = (  # one event a window, loud, seen until after S
    *(
        "store=smoke",
        "store.recipe.n_records=384",
        "store.recipe.n_ruptures=0",
        "store.recipe.n_noise=60",
        "data.velocity.count=2",
    ),
    # points: ruptures begin small, and are picked late
    *("store.recipe.recipe.prior.magnitude=[3.5,5.4]", "data.events.magnitude=[4.4,5.4]"),
    *("data.events.elapsed_s=[22,25]", "data.events.overlap_share=0"),
)
SOUND = tuple(
    f"data.faults.{name}=0" for name in ("gap", "dead", "spike", "step", "clip", "swap", "reverse", "clock")
)
RATE_HZ, SEARCHED_S = 20.0, 2.0
LEAST_SNR = 30.0
SAMPLE_S = 1 / RATE_HZ


@pytest.fixture(scope="module")
def picker() -> Picker:
    return build(OmegaConf.to_container(OmegaConf.load(CONF_DIR / "importer" / "default.yaml").picker))


@pytest.fixture(scope="module")
def errors_s(picker, tmp_path_factory) -> np.ndarray:
    """Picked minus true P and S, s, (record, 2), from 0.5-9 Hz velocity."""
    config = resolved("train", *CLEAR, *SOUND)
    store: Path = cached_store(config["store"], tmp_path_factory.mktemp("cache"))
    made = build_datamodule(config, store).recombined(Purpose.TRAIN, "train")
    batch = made.__getitems__([(0, i) for i in range(24)])
    p_s, s_s = batch.targets.p_arrival_s[..., 0].numpy(), batch.targets.s_arrival_s[..., 0].numpy()
    clear = batch.mask.numpy() & (batch.targets.p_snr[..., 0].numpy() > LEAST_SNR)
    clear &= (p_s > 4) & (s_s < 27) & (s_s - p_s > 1.5)
    errors = []
    for b, n in np.argwhere(clear):
        p, s = float(p_s[b, n]) * RATE_HZ, float(s_s[b, n]) * RATE_HZ
        around = (p - SEARCHED_S * RATE_HZ, p + SEARCHED_S * RATE_HZ)
        record = batch.waveforms_broad[b, n].double().numpy()
        try:
            found = picker.pick(record, RATE_HZ, (s - p) / RATE_HZ, around)
        except ValueError:
            found = (np.nan, np.nan)
        errors.append((np.array(found) - (p, s)) / RATE_HZ)
    return np.array(errors)


def test_most_onsets_are_picked(errors_s):
    assert len(errors_s) > 80
    assert np.isfinite(errors_s).all(axis=1).mean() > 0.8


def test_p_is_where_the_targets_say(errors_s):
    p_s = errors_s[np.isfinite(errors_s).all(axis=1), 0]
    # 0.08 s in the median, nine of ten within 0.13 s; late, as the band's upper edge delays every onset
    assert np.median(np.abs(p_s)) < 2 * SAMPLE_S
    assert np.median(p_s) > 0.0
    assert np.percentile(np.abs(p_s), 90) < 0.25


def test_s_is_where_the_targets_say(errors_s):
    s_s = errors_s[np.isfinite(errors_s).all(axis=1), 1]
    # 0.20 s in the median, late: S sets in within the coda of P, and is picked where it has risen
    assert np.median(np.abs(s_s)) < 0.3
    assert np.median(s_s) > -0.1
