"""From scene and records to a batch: what each step does to a record, and that it can be turned off."""

import copy
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from recombined import composition, dataset, rngs
from toy import RATE_HZ, toy_noise, toy_record, write_toy_store

from fcn.recombine.compose import given
from fcn.recombine.dataset import RecombinedDataset
from fcn.recombine.faults import draw_faults
from fcn.recombine.synthesise import p_radiation
from fcn.store.writer import StoreWriter
from fcn.waveform.amplitude import AMPLITUDES, block_peaks
from fcn.waveform.level import window_levels
from fcn.waveform.preprocess import Banded, Bands, Chunk
from fcn.waveform.window_bands import filter_windows

LONG = AMPLITUDES.index("long-period displacement m")
OFF = {
    "magnitude": False,
    "spreading_exponents": (0.0, 0.0),
    "q": math.inf,
    "rotate": False,
    "polarity": False,
    "radiation": False,
    "source_term": False,
}


@pytest.fixture(scope="module")
def pulses(tmp_path_factory) -> RecombinedDataset:
    """Examples of records of magnitude 4: Z moves by 1 at P, up or down, and R by 1 at S; else all is still.

    A sample after P Z has half that motion.
    """
    path, rng = tmp_path_factory.mktemp("stores") / "pulses", np.random.default_rng(0)
    way = np.random.default_rng(1).choice([-1.0, 1.0], 300)
    with StoreWriter(path, RATE_HZ, {"train": 0.8, "dev": 0.1, "test": 0.1}, seed=0) as writer:
        for index in range(300):
            record = toy_record(rng, index, float(rng.uniform(1, 110)), float(rng.uniform(1, 25)))
            p, s = round(record.p_arrival_sample), round(record.s_arrival_sample)
            record.waveform_mps[:] = 0.0
            record.waveform_mps[0, p : p + 2] = way[index] * np.array([1.0, 0.5])
            record.waveform_mps[1, s] = 1.0
            object.__setattr__(record, "p_arrival_sample", float(p))
            object.__setattr__(record, "s_arrival_sample", float(s))
            object.__setattr__(record, "source_magnitude", 4.0)
            writer.add(record)
        for index in range(10):
            writer.add(toy_noise(rng, index))
    return dataset(path, "data.events.elapsed_s=[15,25]")


class Placed:
    """The records of twelve windows, on their places, before any filter."""

    def __init__(self, pulses: RecombinedDataset, **change: Any) -> None:
        """`change` is made to corrections that are all off, but for the alignment on S."""
        made = copy.copy(pulses)
        corrections = replace(pulses.recipe.corrections, **{**OFF, **change})
        made.recipe = replace(pulses.recipe, corrections=corrections)
        scene = made.draw(rngs(12))
        composed, library = composition(made, scene), made.open()
        self.record = library.choose(composed.places).record
        spectra = composed.ground_motion(library.records(composed.places))
        self.scene, self.store, self.at = scene, library.store, composed.places.at
        # seconds of the window; a sample that wrapped around from before the lead is before it, too
        self.z, self.n, self.e = torch.fft.irfft(spectra, made.recipe.n_fft)[..., :700].unbind(dim=1)
        self.target = composed.places.arrival_s * RATE_HZ + made.recipe.n_lead
        # both pulses unambiguously inside; S clear of the cross-fade from the P alignment
        gap = self.target[:, 1] - self.target[:, 0]
        self.inside = (self.target[:, 0] > 5) & (self.target[:, 1] < 690) & (gap > 45)
        self.offset_km = composed.places.offset_km


def test_p_and_s_arrive_within_25_ms(pulses):
    placed = Placed(pulses)
    for traces, phase in ((placed.z, 0), (placed.n, 1)):
        error_s = (traces.abs().argmax(dim=1) - placed.target[:, phase]) / RATE_HZ
        assert placed.inside.sum() > 40
        assert float(error_s[placed.inside].abs().max()) <= 0.0251
        assert float(error_s[placed.inside].std()) > 0.01  # the targets fall between samples


def test_without_s_alignment_records_keep_their_s_minus_p(pulses):
    placed = Placed(pulses, align_s=False)
    own = torch.from_numpy((placed.store.s_sample - placed.store.p_sample)[placed.record])
    found = placed.n.abs().argmax(dim=1) - placed.z.abs().argmax(dim=1)
    fits = placed.inside & (placed.target[:, 0] + own < 690)
    assert torch.equal(found[fits].double(), own[fits])


def test_records_without_horizontals_leave_them_unknown(tmp_path):
    """At their stations, from before P on; peaks of all components are the vertical's there."""
    rng = np.random.default_rng(0)
    with StoreWriter(tmp_path / "store", RATE_HZ, {"train": 0.8, "dev": 0.1, "test": 0.1}, seed=0) as writer:
        for index in range(80):
            record = toy_record(rng, index, float(rng.uniform(1, 110)), float(rng.uniform(1, 25)))
            record.waveform_mps[1:] = 0.0
            writer.add(replace(record, vertical_only=True))
        for index in range(10):
            writer.add(toy_noise(rng, index))
    made = dataset(tmp_path / "store", "data.events.elapsed_s=[1,4]")
    scene = made.draw(rngs(4))
    batch = made.synthesise(scene, rngs(4))
    b, n, _ = composition(made, scene).places.at
    reached = torch.zeros_like(scene.mask)
    reached[b, n] = True
    others = scene.mask & ~reached
    assert reached.any()
    assert others.any()
    there = batch.known[..., -1]
    assert torch.equal(there[..., 0], scene.mask)
    for component in (1, 2):
        assert torch.equal(there[..., component], others)
    assert not batch.waveforms[:, :, 1:][reached].any()
    assert torch.equal(batch.peaks[:, :, 0][reached], batch.peaks[:, :, 1][reached])


def test_without_corrections_records_keep_their_amplitudes_and_directions(pulses):
    placed = Placed(pulses)
    for traces in (placed.z, placed.n):
        torch.testing.assert_close(
            traces.abs().amax(dim=1)[placed.inside], torch.ones(int(placed.inside.sum())), atol=1e-4, rtol=0
        )
    assert placed.e.abs().max() < 1e-4


def test_rotation_turns_radial_motion_to_the_stations_azimuth(pulses):
    placed = Placed(pulses, rotate=True)
    place = (placed.n.square() + placed.e.square()).argmax(dim=1, keepdim=True)
    motion = torch.cat([placed.e.gather(1, place), placed.n.gather(1, place)], dim=1)
    away = torch.nn.functional.normalize(placed.offset_km[:, :2], dim=1)
    torch.testing.assert_close(motion[placed.inside], away[placed.inside], atol=1e-4, rtol=0)


def test_spreading_scales_by_the_ratio_of_distances(pulses):
    plain, scaled = Placed(pulses), Placed(pulses, spreading_exponents=(1.0, 1.0))
    own_km = np.hypot(plain.store.distance_km, plain.store.depth_km)[plain.record]
    want = torch.from_numpy(own_km).float() / torch.linalg.vector_norm(plain.offset_km, dim=1)
    torch.testing.assert_close(
        scaled.z.abs().amax(dim=1)[plain.inside], want[plain.inside], rtol=1e-3, atol=0
    )
    assert float(want.log().std()) > 0.03


def test_magnitudes_raise_and_lower_records(pulses):
    plain, scaled = Placed(pulses), Placed(pulses, magnitude=True)
    step = plain.scene.magnitude[plain.at[0], plain.at[2]] - 4.0
    louder = (scaled.z.abs().amax(dim=1) / plain.z.abs().amax(dim=1))[plain.inside].log10()
    step = step[plain.inside]
    assert (louder[step < -0.3] < -0.2).all()
    assert (louder[step > 0.3] > 0.1).all()
    torch.testing.assert_close(louder[step < -1], 1.5 * step[step < -1], atol=0.5, rtol=0)  # below the corner


def test_attenuation_takes_from_records_moved_farther(pulses):
    plain, scaled = Placed(pulses), Placed(pulses, q=20.0)
    own_km = np.hypot(plain.store.distance_km, plain.store.depth_km)[plain.record]
    farther_km = torch.linalg.vector_norm(plain.offset_km, dim=1) - torch.from_numpy(own_km).float()
    louder = (scaled.z.abs().amax(dim=1) / plain.z.abs().amax(dim=1)).log()
    for sign in (1, -1):
        moved = plain.inside & (sign * farther_km > 2)
        assert moved.sum() > 5
        assert (sign * louder[moved] < 0).all()


def test_first_motions_agree_with_a_double_couple_where_asked(pulses):
    def agreement(polarity: bool) -> float:
        placed = Placed(pulses, polarity=polarity)
        b, _, e = placed.at
        distance_km = torch.linalg.vector_norm(placed.offset_km[:, :2], dim=1)
        wanted = p_radiation(
            placed.scene.mechanism_rad[b, e],
            torch.atan2(placed.offset_km[:, 0], placed.offset_km[:, 1]),
            torch.atan2(distance_km, placed.offset_km[:, 2]),
        )
        strongest = placed.z.gather(1, placed.z.abs().argmax(dim=1, keepdim=True))[:, 0]
        return float((strongest.sign() == wanted.sign())[placed.inside].float().mean())

    assert agreement(True) == 1.0
    assert 0.2 < agreement(False) < 0.8


def test_a_records_own_noise_does_not_announce_the_earthquake(tmp_path):
    """Noisy records, P after now, and no noise of the stations: nothing moves."""
    store = write_toy_store(tmp_path / "noisy", n_records=200, noise_mps=1e-6)
    quiet = dataset(
        store, "data.noise_gain=0", "data.events.overlap_share=0", "data.events.elapsed_s=[-4,-0.6]"
    )
    batch = quiet.__getitems__([(0, i) for i in range(8)])
    assert not batch.targets.is_event.any()
    assert batch.waveforms.abs().max() == 0


def test_windows_are_what_the_streams_filters_make_of_the_ground(toy_store):
    """Coda of an earlier event included: mixing in the frequency domain wraps nothing around."""
    made = dataset(
        toy_store,
        *("data.noise_gain=0", "data.events.overlap_share=1", "data.events.kinds.coda=9"),
        "data.events.magnitude=[2,6.5]",
    )
    scene = made.draw(rngs(12))
    batch = made.synthesise(scene, rngs(12, seed=1))
    composed = composition(made, scene)
    (b, n, _), spectra = composed.places.at, composed.ground_motion(made.open().records(composed.places))
    ground = torch.zeros(*batch.mask.shape, 3, 700)
    moved = torch.fft.irfft(spectra, made.recipe.n_fft)[..., :700]
    ground.index_put_((b, n), moved, accumulate=True)
    bands = filter_windows(made.recipe.preprocess, ground)
    window = Banded(*(band[..., 100:] for band in bands))
    peak = ground.abs().amax(dim=(2, 3), keepdim=True).clamp_min(1e-20)
    for band, made_band in zip(window[:2], (batch.waveforms, batch.waveforms_broad), strict=True):
        torch.testing.assert_close(band / peak, made_band / peak, atol=2e-5, rtol=0)
    known = batch.mask[..., None, None].expand_as(ground)
    peaks = block_peaks(bands.broad, bands.displacement, bands.long, known, sampling_rate_hz=20.0)
    torch.testing.assert_close(batch.peaks / peak, peaks / peak, atol=2e-5, rtol=0)
    assert torch.equal(batch.known, known[..., 100:])


def test_a_gap_is_known_of_nothing(toy_store):
    gappy = dataset(toy_store, "data.faults.gap=1", "data.faults.gap_s=[4,4]")
    batch = gappy.__getitems__([(0, i) for i in range(8)])
    silent = (batch.waveforms == 0).all(dim=2) & batch.mask[..., None]
    assert 0.05 < silent[batch.mask].float().mean() < 0.15
    assert not (batch.known & silent[:, :, None]).any()
    blocks = silent.unflatten(-1, (-1, 5)).all(dim=-1)
    peaks = batch.peaks[..., -120:]  # of the window
    assert not peaks.masked_select(blocks[:, :, None]).any()
    assert (peaks[:, :, 0] > 0)[~blocks & batch.mask[..., None]].all()
    assert (batch.background_mps[batch.mask] > 0).float().mean() > 0.95
    assert not batch.background_mps[~batch.mask].any()


def test_levels_of_a_window_begin_in_its_lead():
    """Blocks of half a second; a station comes back a second into the window, 6 s after the lead's start."""
    bands = Banded(*torch.randn(4, 2, 3, 3, 300, generator=torch.Generator().manual_seed(0)))
    known = torch.ones(2, 3, 3, 300, dtype=torch.bool)
    known[1, 2, :, :120] = False
    made = given(bands, known, 200, sampling_rate_hz=20.0)
    narrow = bands.narrow.masked_fill(~known, 0.0)
    levels = window_levels(narrow, known, sampling_rate_hz=20.0).repeat_interleave(10, dim=-1)
    assert torch.equal(made["background_mps"], levels[..., 100:])
    assert torch.equal(made["waveforms"], narrow[..., 100:])
    # after the block in which its filters start, and the one that is the first to count
    came_back = made["known"][1, 2].all(dim=0)
    assert not came_back[:40].any()
    assert came_back[40:].all()
    assert made["known"][0].all()
    assert made["peaks"].shape == (2, 3, 6, 60)  # and so do block peaks
    assert not made["peaks"][1, 2, :, :24].any()
    assert (made["peaks"][1, 2, :, 24:] > 0).all()
    assert (made["peaks"][0] > 0).all()


def test_nothing_a_record_holds_after_now_is_used(toy_store, tmp_path):
    """Records that differ only after "now" give the same batch."""
    other = Path(shutil.copytree(toy_store, tmp_path / "other"))
    with h5py.File(other / "waveforms.hdf5", "r+") as file:
        for bucket in file["data"].values():
            if bucket.shape[2] == 1200:  # not noise; P is sample 100 of every toy record
                bucket[:, :, 100 + 5 * 20 + 2 :] *= -50.0
    common = (
        *("data.events.elapsed_s=[5,5]", "data.events.overlap_share=0", "data.corrections.align_s=false"),
        "data.corrections.source_term=false",  # a statistic of whole records, the store's and not a window's
    )
    first, second = (
        dataset(store, *common).__getitems__([(0, i) for i in range(8)]) for store in (toy_store, other)
    )
    assert first.targets.is_event.any()
    assert torch.equal(first.waveforms, second.waveforms)
    assert torch.equal(first.waveforms_broad, second.waveforms_broad)
    assert torch.equal(first.targets.p_snr, second.targets.p_snr)
    later = dataset(other, "data.events.elapsed_s=[8,8]", *common[1:]).__getitems__(
        [(0, i) for i in range(8)]
    )
    assert later.waveforms.abs().max() > 5 * first.waveforms.abs().max()


def test_p_onsets_are_where_the_targets_say(toy_store):
    """Toy records are silent before P: without noise the first motion must fall on the target."""
    quiet = dataset(
        toy_store, "data.noise_gain=1e-12", "data.events.overlap_share=0", "data.events.magnitude=[5,6]"
    )
    batch = quiet.__getitems__([(0, i) for i in range(24)])
    arrival = batch.targets.p_arrival_s[..., 0]
    inside = batch.mask & (arrival > 1) & (arrival < 29)
    level = batch.waveforms.abs().amax(dim=2)
    moved = level > 1e-3 * level.amax(dim=-1, keepdim=True)
    onset_s = moved.float().argmax(dim=-1) / 20
    error_s = (onset_s - arrival)[inside]
    assert inside.sum() > 100
    assert float(error_s.abs().median()) < 0.05
    assert float(error_s.quantile(0.05)) > -0.05  # nothing before P


def test_radial_motion_points_along_the_line_from_source_to_station(tmp_path):
    """Records with motion along R only: the horizontal motion's azimuth is the station's."""
    store = write_toy_store(tmp_path / "radial", n_records=200, radial=True)
    made = dataset(
        store, "data.noise_gain=1e-12", "data.events.overlap_share=0", "data.events.elapsed_s=[15,25]"
    )
    batch = made.__getitems__([(0, i) for i in range(16)])
    loud = batch.mask & (batch.targets.p_snr[..., 0] > 100)
    _, north, east = batch.waveforms.double().unbind(dim=2)
    # the axis of the motion, as an angle modulo 180 degrees
    axis = 0.5 * torch.atan2(2 * (north * east).sum(-1), (north**2 - east**2).sum(-1))
    offset_km = batch.station_km[..., :2] - batch.targets.source_km[:, None, :2]
    azimuth = torch.atan2(offset_km[..., 0], offset_km[..., 1])
    wrong = torch.remainder(axis - azimuth + torch.pi / 2, torch.pi) - torch.pi / 2
    assert loud.sum() > 50
    assert wrong[loud].abs().max() < 0.02


def test_nothing_after_now_is_in_a_window(toy_store):
    """The same scene with an earlier 'now' is the same window, shifted."""
    late, early = (
        dataset(
            toy_store,
            *("data.noise_gain=1e-12", "data.events.overlap_share=0", f"data.events.elapsed_s=[{s},{s}]"),
        )
        for s in (12, 5)
    )
    long, short = (made.__getitems__([(0, i) for i in range(4)]).waveforms for made in (late, early))
    shift = (12 - 5) * 20
    scale = long.abs().amax()
    # apart from the records' sub-sample rounding, what was seen by the earlier now does not change
    torch.testing.assert_close(long[..., :-shift] / scale, short[..., shift:] / scale, atol=2e-3, rtol=0)


def test_faults_change_the_waveforms_and_nothing_else(toy_store):
    good, bad = (
        # one event a window: of several, the one to locate comes first, and a gap may hide it
        dataset(toy_store, f"data.faults.gap={share}", "data.events.overlap_share=0").__getitems__(
            [(0, i) for i in range(40)]
        )
        for share in (0, 1)
    )
    assert torch.equal(good.targets.p_arrival_s, bad.targets.p_arrival_s)
    silent = (bad.waveforms == 0).all(dim=2) & good.mask[..., None]
    assert silent.any(dim=-1)[good.mask].float().mean() > 0.8  # else in the lead
    before = ((silent.cumsum(dim=-1) == 0) & silent.any(dim=-1, keepdim=True))[:, :, None]
    kept = before.expand_as(bad.waveforms) & good.mask[..., None, None]
    torch.testing.assert_close(bad.waveforms[kept], good.waveforms[kept])
    assert (bad.targets.p_snr <= good.targets.p_snr + 1e-6).all()


def test_filters_that_start_in_the_window_give_what_the_stream_gives(toy_store):
    """Bands from rest on what a station records since it started; nothing is known before."""
    made = dataset(toy_store, "data.faults.start=1", "data.events.overlap_share=0")
    scene = made.draw(rngs(6))
    batch, composed = made.synthesise(scene, rngs(6, seed=1)), composition(made, scene)
    again, n_stations = rngs(6, seed=1), scene.mask.sum(dim=1).tolist()
    draw_faults(again, made.recipe.faults, n_stations)  # whose numbers come before those of noise
    spectra = made.open().noise.draw_spectra(again, n_stations, made.recipe.n_fft)
    records = made.open().records(composed.places)
    motion = composed.ground_motion(records)
    spectra.index_put_(composed.places.at[:2], motion, accumulate=True)
    window = slice(made.recipe.n_lead, made.recipe.n_lead + made.recipe.n_samples)
    ground = torch.fft.irfft(spectra, made.recipe.n_fft)[..., window].double().numpy()
    late, off, n_withheld = 0, 0, 0
    for b, n in batch.mask.nonzero().tolist():
        start = int((~composed._known(records.vertical_only)[b, n, 0, window]).sum())
        if not 0 < start < 580:
            continue
        late += 1
        since = ground[b, n, :, start:]
        chunk = Chunk(0, since - since[:, :1], np.ones(since.shape[1], bool))
        bands = Bands(made.recipe.preprocess, 3).process(chunk)
        _, broad, displacement, long = (
            torch.from_numpy(np.pad(each, ((0, 0), (start, 0)))).float() for each in bands
        )
        known = torch.arange(made.recipe.n_samples).expand(3, -1) >= start
        peaks = block_peaks(broad, displacement, long, known, sampling_rate_hz=RATE_HZ)
        found = batch.peaks[b, n, :, -peaks.shape[-1] :]
        off += int((~torch.isclose(found, peaks, rtol=1e-3, atol=1e-4 * peaks.max())).sum())
        n_withheld += int((peaks[LONG, start // 5 + 1 :] == 0).sum())
        for found, wanted in zip((batch.waveforms, batch.waveforms_broad), bands[:2], strict=True):
            np.testing.assert_allclose(
                found[b, n, :, start:].numpy(), wanted, rtol=0, atol=1e-5 * np.abs(since).max()
            )
            assert not found[b, n, :, :start].any()
    assert late > 20
    assert n_withheld > 100
    assert off < n_withheld / 100  # roundings decide what is just withheld


def test_stations_that_are_yet_to_be_triggered_take_no_part(toy_store):
    """As in a stream, where a station of which there is no sample is not of the window."""
    kinds = "{together: 0.0, scattered: 0.0, triggered: 1.0}"
    made = dataset(
        toy_store,
        *("data.faults.network_start=1", f"data.faults.start_kinds={kinds}", "data.faults.trigger_waits=1"),
        *("data.faults.trigger_s=[3,3]", "data.events.elapsed_s=[0,2]"),
    )
    scene = made.draw(rngs(12))
    batch = made.synthesise(scene, rngs(12, seed=1))
    waits = scene.mask & ~batch.mask
    assert 10 < waits.sum() < scene.mask.sum() - 12
    assert batch.mask.any(dim=1).all()
    assert not (batch.mask & ~scene.mask).any()
    assert not batch.known[waits].any()
    assert (batch.peaks[batch.mask] > 0).flatten(1).any(dim=1).all()


@pytest.mark.parametrize(("gap_s", "anew"), [(0.5, False), (3.0, True)])
def test_a_short_gap_is_bridged_and_a_long_one_starts_filters_anew(toy_store, gap_s, anew):
    good, bad = (
        dataset(
            toy_store,
            *(f"data.faults.gap={share}", f"data.faults.gap_s=[{gap_s},{gap_s}]"),
        ).__getitems__([(0, i) for i in range(8)])
        for share in (0, 1)
    )
    gap = ~bad.known[:, :, 0] & bad.mask[..., None]
    assert int(gap.sum(dim=-1).max()) == round(gap_s * RATE_HZ)
    whole = (gap.sum(dim=-1) == round(gap_s * RATE_HZ)) & ~gap[..., 0] & ~gap[..., -1]
    after = (gap.cumsum(dim=-1) == gap.sum(dim=-1, keepdim=True)) & ~gap & whole[..., None]
    first = after & ~torch.nn.functional.pad(after, (1, 0))[..., :-1]
    peak = good.waveforms_broad.abs().amax(dim=(2, 3))[..., None] + 1e-20
    value = (bad.waveforms_broad.abs().amax(dim=2) / peak)[first]
    # the first sample since a start is the offset: zero
    assert bool(value.max() < 1e-5) is anew
    changed = (bad.waveforms - good.waveforms).abs().amax(dim=2) / peak
    assert (changed[after] > 1e-3).any()
    assert changed[(gap.cumsum(dim=-1) == 0) & whole[..., None]].max() < 1e-5


def test_missing_components_are_neither_known_nor_seen(toy_store):
    made = dataset(toy_store, "data.faults.vertical_only=1", "data.events.elapsed_s=[10,20]")
    batch = made.__getitems__([(0, i) for i in range(12)])
    assert not batch.known[:, :, 1:].any()
    assert torch.equal(batch.known[:, :, 0].all(dim=-1), batch.mask)
    assert not batch.waveforms[:, :, 1:].any()
    assert not batch.waveforms_broad[:, :, 1:].any()
    assert batch.targets.is_event.float().mean() > 0.8


def test_stations_back_on_the_air_keep_their_other_components(toy_store):
    """One component absent until a moment: the others are as they were, it starts from rest."""
    good, bad = (
        dataset(
            toy_store,
            *(
                f"data.faults.absent={share}",
                "data.faults.absent_whole=0",
                "data.faults.absent_horizontals=0",
            ),
        ).__getitems__([(0, i) for i in range(8)])
        for share in (0, 1)
    )
    lacking = ~bad.known.all(dim=-1) & bad.mask[..., None]
    assert torch.equal(lacking.sum(dim=2), bad.mask.long())
    torch.testing.assert_close(bad.waveforms_broad[~lacking], good.waveforms_broad[~lacking])
    back = lacking & ~bad.known[..., 0] & bad.known[..., -1]
    left = lacking & bad.known[..., 0] & ~bad.known[..., -1]
    assert back.sum() > 10
    assert left.sum() > 10
    assert (bad.waveforms_broad[back] != good.waveforms_broad[back])[..., -1].any()
    kept = bad.known[left]
    torch.testing.assert_close(bad.waveforms_broad[left][kept], good.waveforms_broad[left][kept])


def test_a_common_pulse_comes_at_once_and_is_no_event(toy_store):
    good, bad = (
        dataset(
            toy_store,
            *(f"data.faults.common={share}", "data.faults.common_ratio=[400,500]"),
            *("data.faults.common_stations=[1,1]", "data.events.elapsed_s=[-4,-2]"),
            "data.events.overlap_share=0",
        ).__getitems__([(0, i) for i in range(8)])
        for share in (0, 1)
    )
    assert not bad.targets.is_event.any()
    pulse = (bad.waveforms - good.waveforms).abs().amax(dim=2)
    noise = good.waveforms.square().mean(dim=(2, 3)).sqrt()
    ratio = pulse.amax(dim=-1)[bad.mask] / noise[bad.mask]
    in_window = ratio > 1  # else in the lead
    assert in_window.float().mean() > 0.6
    assert 40 < ratio[in_window].median() < 600
    at = (pulse > 0.01 * pulse.amax(dim=-1, keepdim=True)).float().argmax(dim=-1)
    for window in range(8):
        here = at[window][bad.mask[window]]
        assert int(here.max() - here.min()) <= 1
