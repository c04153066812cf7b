"""What records there are: the store's earthquakes by what shapes a record, its noise, its source terms."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64

from fcn.recombine import radiation
from fcn.recombine.amplitudes import measure_residuals
from fcn.recombine.compose import Places, Records
from fcn.recombine.noise import NoiseBank
from fcn.recombine.recipe import Recipe
from fcn.recombine.select import Choice, OriginIndex, RecordIndex, record_features
from fcn.recombine.source_terms import SourceTerms, measure_source_terms
from fcn.recombine.synthesise import level_db
from fcn.store.reader import BaseStore
from fcn.waveform.preprocess import Band


@dataclass(frozen=True)
class Library:
    """One split of a base store, indexed as a recipe asks.

    source_term, term_deviation: (log10) of every record of the store, that of its source, and the standard
        deviation between sources of its origin; zeros where `corrections.source_term` is off.
    narrow: the band in whose middle amplitudes are expected.
    """

    store: BaseStore
    index: OriginIndex
    noise: NoiseBank
    source_term: Float[np.ndarray, " store"]
    term_deviation: Float[np.ndarray, " store"]
    narrow: Band

    @classmethod
    def open(cls, path: Path, split: str, recipe: Recipe) -> "Library":
        """Read the index of the store at `path`; waveforms stay in their file until they are asked for.

        Raises ValueError for a store of another sampling rate, or one without usable records or noise.
        """
        store = BaseStore.open(path)
        if store.sampling_rate_hz != recipe.sampling_rate_hz:
            raise ValueError(
                f"the store at {store.path} has {store.sampling_rate_hz} Hz, the preprocessing "
                f"{recipe.sampling_rate_hz} Hz; build the store again at that rate"
            )
        source_term, term_deviation = np.zeros((2, len(store)))
        indexes = []
        for group in _groups(store, split, recipe):
            measured = _measure(store, group, recipe)
            source_term[group], term_deviation[group] = measured.terms.of_record, measured.terms.deviation
            indexes.append(_index_of(store, group, measured, recipe))
        return cls(
            store,
            OriginIndex(indexes),
            NoiseBank(store, split, recipe.noise_texture),
            source_term,
            term_deviation,
            recipe.preprocess.narrow,
        )

    def records(self, places: Places) -> Records:
        """A record for every place, on its device."""
        store, choice, device = self.store, self.choose(places), places.depth_km.device
        record = choice.record
        picks, magnitude, hypocentral_km, source_term, term_deviation = (
            torch.from_numpy(values).float().to(device)
            for values in (
                np.stack([store.p_sample[record], store.s_sample[record]], axis=1),
                store.magnitude[record],
                np.hypot(store.distance_km[record], store.depth_km[record]),
                self.source_term[record],
                self.term_deviation[record],
            )
        )
        return Records(
            velocity_mps=torch.from_numpy(store.waveforms(record)).to(device),
            npts=torch.from_numpy(store.npts[record]).to(device),
            picks=picks,
            magnitude=magnitude,
            hypocentral_km=hypocentral_km,
            source_term=source_term,
            term_deviation=term_deviation,
            widened=torch.from_numpy(choice.widened).to(device),
        )

    def choose(self, places: Places) -> Choice:
        """Index into the store of the record that stands in for each place, and whether it was widened."""
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
            expected_level_db(magnitude, away_km, self.narrow),
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


def _groups(store: BaseStore, split: str, recipe: Recipe) -> list[Int64[np.ndarray, " n"]]:
    """The records that may be drawn: with P, S and `min_snr_db`, apart by origin where asked."""
    records = store.select(split=split, category="earthquake")
    records = records[np.isfinite(store.p_sample[records]) & np.isfinite(store.s_sample[records])]
    # a record without noise of its own has none to measure: NaN where nothing comes before P
    records = records[~(store.snr_db[records] < recipe.min_snr_db)]
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
