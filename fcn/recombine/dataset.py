"""The endless supply: a map-style dataset whose items are keyed by (epoch, example) and made on demand."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from fcn.earth.travel_time import TravelTimeTable
from fcn.recombine.batch import Batch, Targets
from fcn.recombine.faults import FaultPrior, damage, draw_faults, silence
from fcn.recombine.noise import NoiseBank
from fcn.recombine.priors import EventPrior, Scene, StationPrior, draw_scene
from fcn.recombine.select import Choice, RecordIndex, record_features
from fcn.recombine.synthesise import change_magnitude, place_records, rotate_to_north_east, spreading_gain
from fcn.seeding import Purpose, derive_rng
from fcn.store.reader import BaseStore
from fcn.waveform.preprocess import PreprocessSpec, filter_windows

Key = tuple[int, int]  # (epoch, example)
SNR_WINDOW_S = 3.0  # of signal after P in which its peak counts


@dataclass(frozen=True)
class Recipe:
    """Everything a recombined example depends on besides its generator.

    half_width_km:  (east, north) of the box stations and sources are drawn in.
    lead_s:         made before the window and thrown away: the filters' start-up.
    n_candidates, tolerances: see `RecordIndex`.
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
    visible_snr: float
    preprocess: PreprocessSpec

    def __post_init__(self) -> None:
        half = self.half_width_km
        if len(half) != 2 or min(half) <= 0 or self.window_s <= 0 or self.lead_s < 0:
            raise ValueError(
                f"the recipe needs two positive half-widths, a positive window and a lead >= 0, got "
                f"{list(half)} km, {self.window_s} s, {self.lead_s} s"
            )

    @property
    def box_km(self) -> tuple[float, float]:
        """Half-widths of the box, east and north."""
        return float(self.half_width_km[0]), float(self.half_width_km[1])

    @property
    def n_samples(self) -> int:
        """Samples of one window."""
        return round(self.window_s * self.preprocess.sampling_rate_hz)


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
    _index: RecordIndex | None = field(default=None, repr=False)
    _noise: NoiseBank | None = field(default=None, repr=False)

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
            self._store = store
        return self._store

    def _build_index(self, store: BaseStore) -> RecordIndex:
        records = store.select(split=self.split, category="earthquake")
        records = records[np.isfinite(store.p_sample[records]) & np.isfinite(store.s_sample[records])]
        s_minus_p_s = (store.s_sample[records] - store.p_sample[records]) / store.sampling_rate_hz
        features = record_features(
            store.distance_km[records], store.depth_km[records], store.magnitude[records], s_minus_p_s
        )
        return RecordIndex(
            features, records, n_candidates=self.recipe.n_candidates, tolerances=self.recipe.tolerances
        )

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_store": None, "_index": None, "_noise": None}

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

    def synthesise(self, scene: Scene, rngs: list[np.random.Generator]) -> Batch:
        """Waveforms and targets of a drawn scene."""
        noise_bank = self._noise
        if noise_bank is None:
            raise RuntimeError("RecombinedDataset.synthesise needs an open store; call open() first")
        recipe, rate = self.recipe, self.recipe.preprocess.sampling_rate_hz
        n_lead = round(recipe.lead_s * rate)
        n_total = n_lead + recipe.n_samples
        tables = self.tables[scene.model_index]
        n_stations = scene.mask.sum(dim=1).tolist()
        faults = draw_faults(rngs, recipe.faults, n_stations)
        arrival_s, origin_s = self._arrivals(scene, tables)
        arrival_s = arrival_s + faults.clock_s[:, :, None, None]
        signal, widened = self._signal(scene, arrival_s, n_total=n_total, n_lead=n_lead)
        noise = noise_bank.draw(rngs, n_stations, n_total)
        recorded = damage(noise + signal.sum(dim=2), faults)
        silent = silence(faults, n_total, sampling_rate_hz=rate)[:, :, None]
        narrow, broad = (
            band.masked_fill(silent, 0.0)[..., n_lead:].contiguous()
            for band in filter_windows(recipe.preprocess, recorded)
        )
        narrow_noise, _ = filter_windows(recipe.preprocess, noise)
        narrow_events, _ = filter_windows(recipe.preprocess, signal)  # (b, n, e, 3, t)
        narrow_events = narrow_events.masked_fill(silent[:, :, None], 0.0)
        snr = self._p_snr(narrow_events[..., n_lead:], narrow_noise[..., n_lead:], arrival_s[..., 0])
        snr = snr * scene.mask[..., None]
        targets = self._targets(scene, arrival_s, origin_s, snr, widened)
        return Batch(
            waveforms=narrow,
            waveforms_broad=broad,
            station_km=scene.station_km,
            mask=scene.mask,
            travel_time=tables,
            now_s=torch.zeros(len(rngs), dtype=torch.float64),
            targets=targets,
        )

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
        located = torch.where(latest.isfinite().any(dim=1), latest.argmax(dim=1), 0)
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
        travel_s = (travel_s + scatter * torch.tensor([1.0, 1.7])).clamp_min(0.05)
        first_s = travel_s[..., 0].masked_fill(~scene.mask[..., None], torch.inf).amin(dim=1)
        origin_s = scene.first_p_s - first_s
        arrival_s = origin_s[:, None, :, None] + travel_s
        s_after_p = torch.maximum(arrival_s[..., 1], arrival_s[..., 0] + 0.1)
        arrival_s = torch.stack([arrival_s[..., 0], s_after_p], dim=-1)
        return arrival_s.masked_fill(~scene.exists[:, None, :, None], torch.inf), origin_s

    def _signal(
        self, scene: Scene, arrival_s: Float[Tensor, "b n e 2"], *, n_total: int, n_lead: int
    ) -> tuple[Float[Tensor, "b n e 3 t"], Float[Tensor, " b"]]:
        """Ground velocity of every event at every station, m/s, Z, N, E, lead included; share widened."""
        rate, store = self.recipe.preprocess.sampling_rate_hz, self.open()
        n_b, n_n, n_e = arrival_s.shape[:3]
        active = (scene.mask[..., None] & scene.exists[:, None]).nonzero(as_tuple=True)
        b, n, e = active
        offset_km = scene.station_km[b, n] - scene.source_km[b, e]
        distance_km = torch.linalg.vector_norm(offset_km[:, :2], dim=1)
        depth_km, magnitude = scene.source_km[b, e, 2], scene.magnitude[b, e]
        times_s = arrival_s[b, n, e]
        choice = self._choose(
            distance_km, depth_km, magnitude, times_s[:, 1] - times_s[:, 0], scene.pick[b, n, e]
        )
        record, wide = choice.record, torch.from_numpy(choice.widened).float()
        picks = torch.from_numpy(np.stack([store.p_sample[record], store.s_sample[record]], axis=1)).float()
        placed = place_records(
            torch.from_numpy(store.waveforms(record)),
            torch.from_numpy(store.npts[record]),
            picks,
            times_s * rate + n_lead,
            n_out=n_total,
            sampling_rate_hz=rate,
        )
        own_magnitude = torch.from_numpy(store.magnitude[record]).float()
        placed = change_magnitude(placed, own_magnitude, magnitude, sampling_rate_hz=rate)
        own_km = torch.from_numpy(np.hypot(store.distance_km[record], store.depth_km[record])).float()
        gain = spreading_gain(
            own_km.clamp_min(1.0), torch.linalg.vector_norm(offset_km, dim=1).clamp_min(1.0)
        )
        azimuth_rad = torch.atan2(offset_km[:, 0], offset_km[:, 1])
        signal = torch.zeros(n_b, n_n, n_e, 3, n_total)
        signal[active] = rotate_to_north_east(placed * gain[:, None, None], azimuth_rad)
        count = torch.bincount(b, minlength=n_b).clamp_min(1)
        return signal, torch.bincount(b, weights=wide, minlength=n_b).float() / count

    def _choose(self, *query: Tensor) -> Choice:
        """Records for (distance, depth, magnitude, S minus P, pick)."""
        if self._index is None:
            raise RuntimeError("RecombinedDataset needs an open store; call open() first")
        *geometry, pick = (q.double().numpy() for q in query)
        return self._index.choose(record_features(*geometry), pick)

    def _p_snr(
        self,
        events: Float[Tensor, "b n e 3 t"],
        noise: Float[Tensor, "b n 3 t"],
        p_arrival_s: Float[Tensor, "b n e"],
    ) -> Float[Tensor, "b n e"]:
        """Peak of each event's 2-8 Hz signal within `SNR_WINDOW_S` of its P over the noise's deviation."""
        rate = self.recipe.preprocess.sampling_rate_hz
        time_s = torch.arange(events.shape[-1]) / rate
        since_p_s = time_s - p_arrival_s[..., None]
        near = ((since_p_s >= 0) & (since_p_s <= SNR_WINDOW_S))[..., None, :]
        peak = (events.abs() * near).amax(dim=(-1, -2))
        return peak / noise.std(dim=(-1, -2)).clamp_min(1e-20)[..., None]


class EpochSampler(Sampler[Key]):
    """Keys (epoch, example) of one epoch; every rank takes every n-th, in the order one process would.

    epoch: asked at the start of each pass. Lightning's `set_epoch` is not used: after a resume it is called
        with an epoch too many (docs/decisions/002-examples-keyed-by-epoch.md).
    """

    def __init__(self, n_examples: int, *, rank: int, n_ranks: int, epoch: Callable[[], int]) -> None:
        if n_examples < 1:
            raise ValueError(f"an epoch needs at least one example, got {n_examples}")
        self.n_examples, self.rank, self.n_ranks, self.epoch = n_examples, rank, n_ranks, epoch

    def __iter__(self) -> Iterator[Key]:
        epoch = self.epoch()
        return ((epoch, example) for example in range(self.rank, self.n_examples, self.n_ranks))

    def __len__(self) -> int:
        return len(range(self.rank, self.n_examples, self.n_ranks))
