"""What records there are: the store's earthquakes by what shapes a record, its noise, its source terms."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64

from fcn.recombine import radiation
from fcn.recombine.amplitudes import measure_residuals
from fcn.recombine.compose import Places, Records
from fcn.recombine.noise import NoiseBank
from fcn.recombine.recipe import Recipe
from fcn.recombine.ruptures import RuptureIndex
from fcn.recombine.scene import Scene
from fcn.recombine.select import Choice, OriginIndex, RecordIndex, record_features
from fcn.recombine.source_terms import SourceTerms, measure_source_terms
from fcn.recombine.synthesise import level_db
from fcn.store.reader import BaseStore
from fcn.store.schema import RUPTURES
from fcn.waveform.preprocess import Band

SLACK = 4  # samples beyond what a place needs of its record: shifts are whole samples


@dataclass(frozen=True)
class Library:
    """One split of a base store, indexed as a recipe asks.

    source_term, term_deviation: (log10) of every record of the store, that of its source, and the standard
        deviation between sources of its origin; zeros where `corrections.source_term` is off.
    ruptures: that large events are recorded of as a whole.
    """

    store: BaseStore
    recipe: Recipe
    index: OriginIndex
    ruptures: RuptureIndex
    noise: NoiseBank
    source_term: Float[np.ndarray, " store"]
    term_deviation: Float[np.ndarray, " store"]

    @classmethod
    def open(cls, path: Path, split: str, recipe: Recipe, noise_path: Path | None) -> "Library":
        """Read the index of the store at `path`; waveforms stay in their file until they are asked for.

        noise_path: of the store whose noise is taken; None: the same.
        Raises ValueError for a store of another sampling rate, or one without usable records or noise.
        """
        store = _at_rate(BaseStore.open(path), recipe)
        of_noise = store if noise_path is None else _at_rate(BaseStore.open(noise_path), recipe)
        source_term, term_deviation = np.zeros((2, len(store)))
        indexes = []
        usable, of_ruptures = _usable(store, split, recipe)
        for group in _groups(store, usable, recipe):
            measured = _measure(store, group, recipe)
            source_term[group], term_deviation[group] = measured.terms.of_record, measured.terms.deviation
            indexes.append(_index_of(store, group, measured, recipe))
        return cls(
            store,
            recipe,
            OriginIndex(indexes),
            RuptureIndex.of(store, of_ruptures),
            NoiseBank(of_noise, split, recipe.noise_texture),
            source_term,
            term_deviation,
        )

    def with_ruptures(self, scene: Scene) -> Scene:
        """The scene with a rupture of the store for every event of `one_rupture_from`, and its magnitude.

        The scene as it is where the store has none.
        """
        large = scene.exists & (scene.magnitude >= self.recipe.one_rupture_from) & (scene.rupture < 0)
        if len(self.ruptures) == 0 or not large.any():
            return scene
        wanted = (scene.magnitude, scene.source_km[..., 2], scene.origin_pick)
        chosen = self.ruptures.draw(*(values[large].double().cpu().numpy() for values in wanted))
        rupture, magnitude, release_s = (
            scene.rupture.clone(),
            scene.magnitude.clone(),
            scene.release_s.clone(),
        )
        rupture[large] = torch.from_numpy(chosen).to(rupture)
        magnitude[large] = torch.from_numpy(self.ruptures.magnitude[chosen]).to(magnitude)
        release_s[large] = torch.from_numpy(self.ruptures.release_s[chosen]).to(release_s)
        return replace(scene, rupture=rupture, magnitude=magnitude, release_s=release_s)

    def records(self, places: Places) -> Records:
        """A record for every place, on its device."""
        store, choice, device = self.store, self.choose(places), places.depth_km.device
        record, common = choice.record, (places.rupture >= 0).cpu().numpy()
        first, last = self._needed(places, record, common)
        picks, magnitude, hypocentral_km, source_term, term_deviation = (
            torch.from_numpy(values).float().to(device)
            for values in (
                np.stack([store.p_sample[record], store.s_sample[record]], axis=1) - first[:, None],
                store.magnitude[record],
                np.hypot(store.distance_km[record], store.depth_km[record]),
                self.source_term[record],
                self.term_deviation[record],
            )
        )
        return Records(
            velocity_mps=torch.from_numpy(store.waveforms(record, first, last)).to(device),
            npts=torch.from_numpy(store.npts[record] - first).to(device),
            picks=picks,
            magnitude=magnitude,
            hypocentral_km=hypocentral_km,
            source_term=source_term,
            term_deviation=term_deviation,
            widened=torch.from_numpy(choice.widened).to(device),
            common=places.rupture >= 0,
            vertical_only=torch.from_numpy(store.vertical_only[record]).to(device),
        )

    def _needed(
        self, places: Places, record: Int64[np.ndarray, " k"], common: Bool[np.ndarray, " k"]
    ) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]:
        """First sample of each record that can fall into the window and its lead, and one past the last.

        From P on where its first motion is asked for.
        """
        store, recipe = self.store, self.recipe
        arrival = places.arrival_s.double().cpu().numpy() * recipe.sampling_rate_hz + recipe.n_lead
        pick = np.stack([store.p_sample[record], store.s_sample[record]], axis=1)
        shift = arrival - pick  # of P and of S; either may be that of any sample
        first = np.floor(-shift.max(axis=1)).astype(np.int64) - SLACK
        last = np.ceil(recipe.n_lead + recipe.n_samples - shift.min(axis=1)).astype(np.int64) + SLACK
        at_p = np.floor(pick[:, 0]).astype(np.int64)
        first = np.where(common, first, np.minimum(first, at_p))
        last = np.where(common, last, np.maximum(last, at_p + SLACK))
        first = np.clip(first, 0, store.npts[record] - 2)
        return first, np.maximum(last, first + 2)

    def choose(self, places: Places) -> Choice:
        """Index into the store of the record that stands in for each place, and whether it was widened."""
        choice, common = self._choose_each(places), (places.rupture >= 0).cpu().numpy()
        if not common.any():
            return choice
        rupture, distance_km, azimuth_rad, pick = (
            values.cpu().numpy()[common]
            for values in (
                places.rupture,
                places.distance_km.double(),
                (places.azimuth_rad - places.turn_rad).double(),
                places.pick.double(),
            )
        )
        record, widened = choice.record.copy(), choice.widened.copy()
        of_array = self.ruptures.choose(rupture, distance_km, azimuth_rad, pick)
        record[common], widened[common] = of_array.record, of_array.widened
        return Choice(record, widened)

    def _choose_each(self, places: Places) -> Choice:
        """Records of any earthquakes like the event."""
        distance_km, depth_km, magnitude, s_minus_p_s, away_km, p_pattern, pick, origin_pick = (
            values.double().cpu().numpy()
            for values in (
                places.distance_km,
                places.depth_km,
                places.magnitude,
                places.arrival_s[:, 1] - places.arrival_s[:, 0],
                places.away_km,
                places.p_pattern,
                places.pick,
                places.origin_pick,
            )
        )
        return self.index.choose(
            record_features(distance_km, depth_km, magnitude, s_minus_p_s),
            expected_level_db(magnitude, away_km, self.recipe.preprocess.narrow),
            pick,
            radiation.rank(p_pattern),
            origin_pick,
        )


def expected_level_db(
    magnitude: Float[np.ndarray, " n"], hypocentral_km: Float[np.ndarray, " n"], band: Band
) -> Float[np.ndarray, " n"]:
    """Expected amplitude in the middle of a band, dB to any reference."""
    middle_hz = (band.low_hz * band.high_hz) ** 0.5
    arguments = (torch.from_numpy(magnitude).double(), torch.from_numpy(hypocentral_km).double())
    return level_db(*arguments, frequency_hz=middle_hz).numpy()


@dataclass(frozen=True)
class _Measured:
    """Of the records of one origin, a row each; see `SourceTerms` and `RecordIndex`."""

    terms: SourceTerms
    p_strength: Float[np.ndarray, " n"]
    p_coherence: float


def _at_rate(store: BaseStore, recipe: Recipe) -> BaseStore:
    """The store. Raises ValueError where its records have another sampling rate than the recipe's."""
    if store.sampling_rate_hz != recipe.sampling_rate_hz:
        raise ValueError(
            f"the store at {store.path} has {store.sampling_rate_hz} Hz, the preprocessing "
            f"{recipe.sampling_rate_hz} Hz; build the store again at that rate"
        )
    return store


def _usable(
    store: BaseStore, split: str, recipe: Recipe
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " m"]]:
    """The records that may be drawn, with P, S and `min_snr_db`: one by one, and of whole ruptures."""
    records = store.select(split=split, category="earthquake")
    records = records[np.isfinite(store.p_sample[records]) & np.isfinite(store.s_sample[records])]
    # a record without noise of its own has none to measure: NaN where nothing comes before P
    records = records[~(store.snr_db[records] < recipe.min_snr_db)]
    of_rupture = store.origin[records] == RUPTURES
    return records[~of_rupture], records[of_rupture]


def _groups(
    store: BaseStore, records: Int64[np.ndarray, " n"], recipe: Recipe
) -> list[Int64[np.ndarray, " _"]]:
    """The records, apart by origin where asked."""
    if not recipe.one_origin or len(records) == 0:
        return [records]
    origin = store.origin[records]
    return [records[origin == each] for each in np.unique(origin)]


def _measure(store: BaseStore, records: Int64[np.ndarray, " n"], recipe: Recipe) -> _Measured:
    """What the corrections ask for; zeros where they do not."""
    fix, nothing = recipe.corrections, np.zeros(len(records))
    if len(records) == 0 or not (fix.source_term or fix.radiation):
        return _Measured(SourceTerms(nothing, 0.0), nothing, 0.0)
    residuals, source_id = (
        measure_residuals(store, records, recipe.preprocess.narrow),
        store.source_id[records],
    )
    terms = measure_source_terms(residuals.whole, source_id) if fix.source_term else SourceTerms(nothing, 0.0)
    if not fix.radiation:
        return _Measured(terms, nothing, 0.0)
    azimuth_rad = np.radians(store.azimuth_deg[records])
    distance_km, up_km = store.distance_km[records], store.depth_km[records]
    along = np.stack([distance_km * np.sin(azimuth_rad), distance_km * np.cos(azimuth_rad), up_km], axis=1)
    direction = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    coherence = radiation.coherence(residuals.p, source_id, direction)
    return _Measured(terms, np.nan_to_num(residuals.p - terms.of_record), coherence)


def _index_of(
    store: BaseStore, records: Int64[np.ndarray, " n"], measured: _Measured, recipe: Recipe
) -> RecordIndex:
    distance_km, depth_km, magnitude = (
        values[records] for values in (store.distance_km, store.depth_km, store.magnitude)
    )
    s_minus_p_s = (store.s_sample[records] - store.p_sample[records]) / store.sampling_rate_hz
    return RecordIndex(
        record_features(distance_km, depth_km, magnitude, s_minus_p_s),
        records,
        expected_level_db(magnitude, np.hypot(distance_km, depth_km), recipe.preprocess.narrow),
        np.isfinite(store.snr_db[records]),
        n_candidates=recipe.n_candidates,
        tolerances=recipe.tolerances,
        limits=recipe.limits,
        p_strength=measured.p_strength,
        p_coherence=measured.p_coherence,
    )
