"""The endless supply: a map-style dataset whose items are keyed by (epoch, example) and made on demand."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Complex64, Float, Int, Int64, Shaped
from scipy.fft import next_fast_len
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from fcn.batch import Batch, Targets
from fcn.earth.travel_time import TravelTimeTable
from fcn.recombine.faults import FaultPrior, damage, draw_faults, silence
from fcn.recombine.noise import NoiseBank
from fcn.recombine.priors import EventPrior, Scene, StationPrior, draw_scene
from fcn.recombine.select import OriginIndex, RecordIndex, record_features
from fcn.recombine.source_terms import SourceTerms, measure_source_terms
from fcn.recombine.synthesise import (
    NEAREST_KM,
    P_GUARD_S,
    SHEAR_VELOCITY_MPS,
    SOURCE_TAIL_S,
    Corrections,
    attenuation_response,
    first_motion,
    level_db,
    p_radiation,
    place_records,
    rotate_to_north_east,
    source_ratio,
    spreading_gain,
)
from fcn.seeding import Purpose, derive_rng
from fcn.store.reader import BaseStore
from fcn.waveform.filters import bandpass_response, transform_length
from fcn.waveform.preprocess import Band, PreprocessSpec, filter_windows

Key = tuple[int, int]  # (epoch, example)
SNR_WINDOW_S = 3.0  # of signal after P in which its peak counts
SILENT_MPS = 1e-20  # noise below it is none
OTHERS_S = (-2.0, 1.0)  # about P, in which other events' signal counts as noise


@dataclass(frozen=True)
class Recipe:
    """Everything a recombined example depends on besides its generator.

    half_width_km:  (east, north) of the box stations and sources are drawn in.
    lead_s:         made before the window and thrown away: the filters' start-up.
    n_candidates, tolerances, limits: see `RecordIndex`.
    min_snr_db:     of the records used, S over noise.
    one_origin:     all records of an event come from one origin of the store; False mixes them.
    noise_gain:     factor on the stations' noise; 0 switches it off.
    visible_snr:    P counts as visible above this peak signal over noise standard deviation.
    """

    stations: StationPrior
    events: EventPrior
    faults: FaultPrior
    half_width_km: Sequence[float]
    window_s: float
    lead_s: float
    n_candidates: int
    tolerances: Mapping[str, float]
    limits: Mapping[str, float]
    min_snr_db: float
    one_origin: bool
    corrections: Corrections
    noise_gain: float
    visible_snr: float
    preprocess: PreprocessSpec

    def __post_init__(self) -> None:
        half = self.half_width_km
        if len(half) != 2 or min(half) <= 0 or self.window_s <= 0 or self.lead_s < 0:
            raise ValueError(
                f"the recipe needs two positive half-widths, a positive window and a lead >= 0, got "
                f"{list(half)} km, {self.window_s} s, {self.lead_s} s"
            )
        if self.noise_gain < 0:
            raise ValueError(f"data.noise_gain must be >= 0, got {self.noise_gain}")

    @property
    def box_km(self) -> tuple[float, float]:
        """Half-widths of the box, east and north."""
        return float(self.half_width_km[0]), float(self.half_width_km[1])

    @property
    def n_samples(self) -> int:
        """Samples of one window."""
        return round(self.window_s * self.preprocess.sampling_rate_hz)

    @property
    def n_lead(self) -> int:
        """Samples made before the window."""
        return round(self.lead_s * self.preprocess.sampling_rate_hz)

    @property
    def n_fft(self) -> int:
        """Points of the transforms: lead, window, and the tail of whatever filter rings longest."""
        n, rate = self.n_lead + self.n_samples, self.preprocess.sampling_rate_hz
        bands = (self.preprocess.narrow, self.preprocess.broad)
        ringing = [transform_length(b.low_hz, b.high_hz, b.order, rate, n) for b in bands]
        return int(next_fast_len(max(*ringing, n + round(SOURCE_TAIL_S * rate)), real=True))

    def response(self, band: Band) -> Complex64[Tensor, " f"]:
        """Of the preprocessing's filter, at the frequencies of the transforms."""
        rate = self.preprocess.sampling_rate_hz
        values = bandpass_response(band.low_hz, band.high_hz, band.order, rate, self.n_fft)
        return torch.from_numpy(values.astype(np.complex64))


@dataclass
class RecombinedDataset(Dataset[Batch]):
    """Whole batches of recombined events: `dataset.__getitems__([(epoch, example), ...])`.

    Every example depends on (seed, purpose, epoch, example) alone. The store is opened on first use in
    each process.
    """

    store_path: Path
    split: str
    seed: int
    purpose: Purpose
    recipe: Recipe
    tables: TravelTimeTable
    n_models: int
    _store: BaseStore | None = field(default=None, repr=False)
    _index: OriginIndex | None = field(default=None, repr=False)
    _noise: NoiseBank | None = field(default=None, repr=False)
    _terms: SourceTerms | None = field(default=None, repr=False)

    def open(self) -> BaseStore:
        """The store, opened in this process on first use."""
        if self._store is None:
            store = BaseStore.open(self.store_path)
            if store.sampling_rate_hz != self.recipe.preprocess.sampling_rate_hz:
                raise ValueError(
                    f"the store at {store.path} has {store.sampling_rate_hz} Hz, the preprocessing "
                    f"{self.recipe.preprocess.sampling_rate_hz} Hz; build the store again at that rate"
                )
            self._index = self._build_index(store)
            self._noise = NoiseBank(store, self.split)
            if self.recipe.corrections.source_term:
                self._terms = measure_source_terms(store, self._index.records, self.recipe.preprocess.narrow)
            self._store = store
        return self._store

    def _build_index(self, store: BaseStore) -> OriginIndex:
        records = store.select(split=self.split, category="earthquake")
        records = records[np.isfinite(store.p_sample[records]) & np.isfinite(store.s_sample[records])]
        # a record without noise of its own has none to measure: NaN where nothing comes before P
        records = records[~(store.snr_db[records] < self.recipe.min_snr_db)]
        if not self.recipe.one_origin or len(records) == 0:
            return OriginIndex([self._build_record_index(store, records)])
        origin = store.origin[records]
        return OriginIndex(
            [self._build_record_index(store, records[origin == each]) for each in np.unique(origin)]
        )

    def _build_record_index(self, store: BaseStore, records: Int64[np.ndarray, " n"]) -> RecordIndex:
        s_minus_p_s = (store.s_sample[records] - store.p_sample[records]) / store.sampling_rate_hz
        return RecordIndex(
            record_features(
                store.distance_km[records], store.depth_km[records], store.magnitude[records], s_minus_p_s
            ),
            records,
            self._level_db(
                torch.from_numpy(store.magnitude[records]),
                torch.from_numpy(np.hypot(store.distance_km[records], store.depth_km[records])),
            ),
            np.isfinite(store.snr_db[records]),
            n_candidates=self.recipe.n_candidates,
            tolerances=self.recipe.tolerances,
            limits=self.recipe.limits,
        )

    def _level_db(
        self, magnitude: Float[Tensor, " n"], hypocentral_km: Float[Tensor, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Expected amplitude in the middle of the narrow band."""
        band = self.recipe.preprocess.narrow
        middle_hz = (band.low_hz * band.high_hz) ** 0.5
        return level_db(magnitude.double(), hypocentral_km.double(), frequency_hz=middle_hz).cpu().numpy()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_store": None, "_index": None, "_noise": None, "_terms": None}

    def __getitem__(self, key: Key) -> Batch:
        return self.__getitems__([key])

    def __getitems__(self, keys: Sequence[Key]) -> Batch:
        """The batch of these (epoch, example) keys."""
        self.open()
        rngs = [derive_rng(self.seed, self.purpose, epoch, example) for epoch, example in keys]
        recipe = self.recipe
        scene = draw_scene(
            rngs,
            recipe.stations,
            recipe.events,
            half_width_km=recipe.box_km,
            window_s=recipe.window_s,
            n_models=self.n_models,
        )
        return self.synthesise(scene, rngs)

    def synthesise(self, scene: Scene, rngs: Sequence[np.random.Generator]) -> Batch:
        """Waveforms and targets of a drawn scene, on its device, which must be that of `tables`.

        All is linear but the faults: events, noise and filters meet in the frequency domain, and only the
        faulty stations are filtered again after their damage.
        """
        noise_bank = self._noise
        if noise_bank is None:
            raise RuntimeError("RecombinedDataset.synthesise needs an open store; call open() first")
        recipe, device = self.recipe, scene.mask.device
        rate, n_fft = recipe.preprocess.sampling_rate_hz, recipe.n_fft
        n_total = recipe.n_lead + recipe.n_samples
        tables = self.tables[scene.model_index]
        n_stations = scene.mask.sum(dim=1).tolist()
        faults = draw_faults(rngs, recipe.faults, n_stations).to(device)
        arrival_s, origin_s = self._arrivals(scene, tables)
        arrival_s = arrival_s + faults.clock_s[:, :, None, None]
        noise = noise_bank.draw_spectra(rngs, n_stations, n_fft).to(device) * recipe.noise_gain
        at, events, widened = self._events(scene, arrival_s)

        narrow_response, broad_response = (
            recipe.response(band).to(device) for band in (recipe.preprocess.narrow, recipe.preprocess.broad)
        )
        ground = _add(noise.clone(), at, events)
        broad = self._window(ground * broad_response)
        narrow_noise, narrow_events = (
            self._window(noise * narrow_response),
            self._window(events * narrow_response),
        )
        narrow_signal = _add(torch.zeros_like(narrow_noise), at, narrow_events)
        narrow = narrow_noise + narrow_signal
        bad = faults.damaging & scene.mask
        if bad.any():
            recorded = damage(torch.fft.irfft(ground[bad], n_fft)[None, ..., :n_total], faults.at(bad))[0]
            narrow[bad], broad[bad] = (
                band[..., recipe.n_lead :] for band in filter_windows(recipe.preprocess, recorded)
            )
        silent = silence(faults, n_total, sampling_rate_hz=rate)[..., recipe.n_lead :]
        snr = self._p_snr(
            at, narrow_events, narrow_signal, narrow_noise, silent=silent, p_arrival_s=arrival_s[..., 0]
        )
        return Batch(
            waveforms=narrow.masked_fill(silent[:, :, None], 0.0),
            waveforms_broad=broad.masked_fill(silent[:, :, None], 0.0),
            station_km=scene.station_km,
            mask=scene.mask,
            travel_time=tables,
            now_s=torch.zeros(len(rngs), dtype=torch.float64),
            targets=self._targets(scene, arrival_s, origin_s, snr, widened),
        )

    def _window(self, spectra: Complex64[Tensor, "*n f"]) -> Float[Tensor, "*n t"]:
        """Time series of the window, without the lead."""
        first, last = self.recipe.n_lead, self.recipe.n_lead + self.recipe.n_samples
        if spectra.numel() == 0:  # MKL refuses empty batches
            return torch.zeros(*spectra.shape[:-1], self.recipe.n_samples, device=spectra.device)
        return torch.fft.irfft(spectra, self.recipe.n_fft)[..., first:last]

    def _targets(
        self,
        scene: Scene,
        arrival_s: Float[Tensor, "b n e 2"],
        origin_s: Float[Tensor, "b e"],
        p_snr: Float[Tensor, "b n e"],
        widened: Float[Tensor, " b"],
    ) -> Targets:
        """The truth, with the event to locate first."""
        seen = (p_snr > self.recipe.visible_snr).any(dim=1) & (scene.first_p_s < self.recipe.window_s)
        latest = scene.first_p_s.masked_fill(~(seen & scene.locatable), -torch.inf)
        located = torch.where(latest.isfinite().any(dim=1), latest.argmax(dim=1), 0)  # none: as drawn
        order = torch.arange(latest.shape[1], device=latest.device).repeat(len(latest), 1)
        rows = torch.arange(len(latest), device=latest.device)
        order[:, 0], order[rows, located] = located, 0
        at = (rows[:, None], order)
        event_km, magnitude, origin_s = scene.source_km[at], scene.magnitude[at], origin_s[at]
        arrival_s, p_snr = (x.transpose(1, 2)[at].transpose(1, 2) for x in (arrival_s, p_snr))
        return Targets(
            source_km=event_km[:, 0],
            magnitude=magnitude[:, 0],
            origin_time_s=origin_s[:, 0],
            elapsed_s=self.recipe.window_s - scene.first_p_s[rows, located],
            is_event=(seen & scene.locatable)[rows, located],
            event_km=event_km,
            event_magnitude=magnitude,
            event_origin_time_s=origin_s,
            event_exists=scene.exists[at],
            p_arrival_s=arrival_s[..., 0],
            s_arrival_s=arrival_s[..., 1],
            p_snr=p_snr,
            widened=widened,
        )

    def _arrivals(
        self, scene: Scene, tables: TravelTimeTable
    ) -> tuple[Float[Tensor, "b n e 2"], Float[Tensor, "b e"]]:
        """True P and S times (inf where an event does not exist) and origin times, in window seconds."""
        travel_s = tables.between(scene.source_km, scene.station_km).float()
        scatter = self.recipe.events.arrival_residual_s * scene.residual
        # S residuals of a path are larger than P's by about Vp / Vs
        travel_s = (travel_s + scatter * torch.tensor([1.0, 1.7], device=scatter.device)).clamp_min(0.05)
        first_s = travel_s[..., 0].masked_fill(~scene.mask[..., None], torch.inf).amin(dim=1)
        origin_s = scene.first_p_s - first_s
        arrival_s = origin_s[:, None, :, None] + travel_s
        s_after_p = torch.maximum(arrival_s[..., 1], arrival_s[..., 0] + 0.1)
        arrival_s = torch.stack([arrival_s[..., 0], s_after_p], dim=-1)
        return arrival_s.masked_fill(~scene.exists[:, None, :, None], torch.inf), origin_s

    def _events(
        self, scene: Scene, arrival_s: Float[Tensor, "b n e 2"]
    ) -> tuple[tuple[Int[Tensor, " k"], ...], Complex64[Tensor, "k 3 f"], Float[Tensor, " b"]]:
        """The records that have begun by now.

        (window, station, event) of each; their spectra, ground velocity in m/s, Z, N, E, lead included; and
        the share of widened choices of each window.
        """
        recipe, store, device = self.recipe, self.open(), scene.mask.device
        fix, rate = recipe.corrections, recipe.preprocess.sampling_rate_hz
        begun = arrival_s[..., 0] < recipe.window_s + P_GUARD_S + 1 / rate
        b, n, e = at = (scene.mask[..., None] & scene.exists[:, None] & begun).nonzero(as_tuple=True)
        if len(b) == 0:
            nothing = torch.zeros(0, 3, recipe.n_fft // 2 + 1, dtype=torch.complex64, device=device)
            return at, nothing, torch.zeros(len(scene.mask), device=device)
        offset_km = scene.station_km[b, n] - scene.source_km[b, e]
        away_km = torch.linalg.vector_norm(offset_km, dim=1)
        distance_km = torch.linalg.vector_norm(offset_km[:, :2], dim=1)
        azimuth_rad = torch.atan2(offset_km[:, 0], offset_km[:, 1])
        depth_km, magnitude, times_s = scene.source_km[b, e, 2], scene.magnitude[b, e], arrival_s[b, n, e]
        record, wide = self._choose(
            distance_km,
            depth_km,
            magnitude,
            times_s[:, 1] - times_s[:, 0],
            away_km,
            scene.pick[b, n, e],
            scene.origin_pick[b, e],
        )
        picks, own_magnitude, own_km = (
            torch.from_numpy(values).float().to(device)
            for values in (
                np.stack([store.p_sample[record], store.s_sample[record]], axis=1),
                store.magnitude[record],
                np.hypot(store.distance_km[record], store.depth_km[record]),
            )
        )
        records = torch.from_numpy(store.waveforms(record)).to(device)
        targets = times_s * rate + recipe.n_lead
        if not fix.align_s:
            targets = torch.stack([targets[:, 0], targets[:, 0] + picks[:, 1] - picks[:, 0]], dim=1)
        placed = place_records(
            records,
            torch.from_numpy(store.npts[record]).to(device),
            picks,
            targets,
            n_out=recipe.n_lead + recipe.n_samples,
            sampling_rate_hz=rate,
        )
        gain = spreading_gain(
            own_km.clamp_min(NEAREST_KM),
            away_km.clamp_min(NEAREST_KM),
            exponents=(fix.spreading_exponents[0], fix.spreading_exponents[1]),
            break_km=fix.spreading_break_km,
        )
        if fix.source_term and self._terms is not None:
            own = torch.from_numpy(self._terms.of_record[record]).float().to(device)
            gain = gain * 10 ** (self._terms.deviation * scene.source_term[b, e] - own)
        if fix.polarity:
            takeoff_rad = torch.atan2(distance_km, offset_km[:, 2])  # along the straight line
            wanted = p_radiation(scene.mechanism_rad[b, e], azimuth_rad, takeoff_rad)
            gain = gain * torch.where(wanted < 0, -1.0, 1.0)
            gain = gain * first_motion(records, picks[:, 0], sampling_rate_hz=rate)
        if fix.rotate:
            placed = rotate_to_north_east(placed, azimuth_rad)
        spectra = torch.fft.rfft(placed * gain[:, None, None], recipe.n_fft)
        response = self._correction(own_magnitude, magnitude, away_km - own_km)
        count = torch.bincount(b, minlength=len(scene.mask)).clamp_min(1)
        widened = (
            torch.bincount(b, weights=wide.to(device).float(), minlength=len(scene.mask)).float() / count
        )
        return at, spectra * response[:, None], widened

    def _correction(
        self,
        from_magnitude: Float[Tensor, " k"],
        to_magnitude: Float[Tensor, " k"],
        farther_km: Float[Tensor, " k"],
    ) -> Complex64[Tensor, "k f"]:
        """What turns a record's source and path into its event's, at the frequencies of the transforms."""
        fix, rate, n_fft = self.recipe.corrections, self.recipe.preprocess.sampling_rate_hz, self.recipe.n_fft
        response = attenuation_response(
            farther_km * 1000 / SHEAR_VELOCITY_MPS,
            n_fft,
            sampling_rate_hz=rate,
            q=fix.q,
            q_exponent=fix.q_exponent,
        )
        if not fix.magnitude:
            return response
        frequency_hz = torch.fft.rfftfreq(n_fft, 1 / rate, device=farther_km.device)
        return response * source_ratio(from_magnitude, to_magnitude, frequency_hz, sampling_rate_hz=rate)

    def _choose(
        self,
        distance_km: Float[Tensor, " k"],
        depth_km: Float[Tensor, " k"],
        magnitude: Float[Tensor, " k"],
        s_minus_p_s: Float[Tensor, " k"],
        hypocentral_km: Float[Tensor, " k"],
        pick: Float[Tensor, " k"],
        origin_pick: Float[Tensor, " k"],
    ) -> tuple[Int[np.ndarray, " k"], Bool[Tensor, " k"]]:
        """Index into the store of the record that stands in for each arrival, and whether it was widened."""
        if self._index is None:
            raise RuntimeError("RecombinedDataset needs an open store; call open() first")
        query = record_features(
            *(q.double().cpu().numpy() for q in (distance_km, depth_km, magnitude, s_minus_p_s))
        )
        choice = self._index.choose(
            query,
            self._level_db(magnitude, hypocentral_km),
            pick.double().cpu().numpy(),
            origin_pick.double().cpu().numpy(),
        )
        return choice.record, torch.from_numpy(choice.widened)

    def _p_snr(
        self,
        at: tuple[Int[Tensor, " k"], ...],
        events: Float[Tensor, "k 3 t"],
        signal: Float[Tensor, "b n 3 t"],
        noise: Float[Tensor, "b n 3 t"],
        *,
        silent: Bool[Tensor, "b n t"],
        p_arrival_s: Float[Tensor, "b n e"],
    ) -> Float[Tensor, "b n e"]:
        """Peak of each event's 2-8 Hz signal within `SNR_WINDOW_S` of its P over the deviation around it.

        That of the noise and of what other events add to it within `OTHERS_S` of P.
        """
        rate, n_samples = self.recipe.preprocess.sampling_rate_hz, events.shape[-1]
        b, n, _ = at
        first, last = round(OTHERS_S[0] * rate), round(SNR_WINDOW_S * rate)
        lag = torch.arange(first, last + 1, device=events.device)
        sample = (p_arrival_s[at] * rate).ceil().long()[:, None] + lag
        inside = (sample >= 0) & (sample < n_samples)
        sample = sample.clamp(0, n_samples - 1)
        everywhere = sample[:, None].expand(-1, 3, -1)
        own = torch.gather(events, 2, everywhere)
        seen = inside & (lag >= 0) & ~silent[b[:, None], n[:, None], sample]
        peak = (own.abs() * seen[:, None]).amax(dim=(1, 2))
        near = (inside & (lag <= OTHERS_S[1] * rate))[:, None]
        others = (torch.gather(signal[b, n], 2, everywhere) - own) * near
        variance = others.square().sum(dim=(1, 2)) / (3 * near.sum(dim=(1, 2))).clamp_min(1)
        # filtered noise has no mean, and the mean of squares is 20 times as fast as a variance
        deviation = (noise.flatten(2).square().mean(dim=2)[b, n] + variance).sqrt().clamp_min(SILENT_MPS)
        out = torch.zeros_like(p_arrival_s)
        out[at] = peak / deviation
        return out


def _add(
    total: Shaped[Tensor, "b n 3 x"], at: tuple[Int[Tensor, " k"], ...], parts: Shaped[Tensor, "k 3 x"]
) -> Shaped[Tensor, "b n 3 x"]:
    """`total` with the parts added to the stations they belong to, in place."""
    b, n, _ = at
    total.view(-1, *total.shape[2:]).index_add_(0, b * total.shape[1] + n, parts)
    return total


class EpochSampler(Sampler[Key]):
    """Keys (epoch, example) of one epoch, as one process would draw them.

    epoch: asked at the start of each pass. Lightning's `set_epoch` is not used: after a resume it is called
        with an epoch too many (docs/decisions/002-examples-keyed-by-epoch.md).
    """

    def __init__(self, n_examples: int, *, epoch: Callable[[], int]) -> None:
        if n_examples < 1:
            raise ValueError(f"an epoch needs at least one example, got {n_examples}")
        self.n_examples, self.epoch = n_examples, epoch

    def __iter__(self) -> Iterator[Key]:
        epoch = self.epoch()
        return ((epoch, example) for example in range(self.n_examples))

    def __len__(self) -> int:
        return self.n_examples
