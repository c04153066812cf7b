"""What a network could read off the windows of one event: measures per station, figures per event."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from fcn.batch import Batch

MEASURES = (
    "log_peak",  # of 2-8 Hz velocity from P on, m/s, vector
    "log_p",  # of the vertical from P to S, at most P_WINDOW_S
    "log_s",  # of the horizontals in S_WINDOW_S from S
    "log_p_over_s",
    "log_centroid",  # frequency of the horizontals' energy after S, 0.5-9 Hz
    "log_duration",  # from P until DURATION_SHARE of the energy up to S_WINDOW_S after S
    "log_h_over_v",  # root mean squares after S
    "log_broad_over_narrow",  # peaks of 0.5-9 Hz over 2-8 Hz: what lies below the corner frequency
)
P_WINDOW_S, S_WINDOW_S, FIRST_MOTION_S = 2.0, 6.0, 0.4
NOISE_S = 2.0  # before P
NEAREST_S = 0.6  # S minus P below which P and S cannot be told apart in 2-8 Hz
DURATION_SHARE = 0.75
LEAST_SNR = 10.0
LEAST_STATIONS = 5
SIMILAR_AZIMUTH_RAD = np.pi / 6
SMOOTHING_S = 0.5


@dataclass(frozen=True)
class StationTable:
    """Measures of many events at their stations; NaN where `used` is False.

    values: in the order of MEASURES, logarithms to base 10. distance_km: hypocentral. polarity: the largest
    value of the vertical in FIRST_MOTION_S from P over its absolute. s_minus_p_s: of the truth.
    envelope: log10 of the horizontals' smoothed amplitude in S_WINDOW_S from S, over its mean.
    """

    values: Float[np.ndarray, "event station measure"]
    used: Bool[np.ndarray, "event station"]
    distance_km: Float[np.ndarray, "event station"]
    azimuth_rad: Float[np.ndarray, "event station"]
    station_km: Float[np.ndarray, "event station 3"]
    polarity: Float[np.ndarray, "event station"]
    s_minus_p_s: Float[np.ndarray, "event station"]
    envelope: Float[np.ndarray, "event station time"]
    magnitude: Float[np.ndarray, " event"]
    depth_km: Float[np.ndarray, " event"]

    @classmethod
    def join(cls, tables: list["StationTable"]) -> "StationTable":
        """Tables one after another; stations are padded to the most there are."""
        rows = max(table.used.shape[1] for table in tables)

        def joined(name: str) -> np.ndarray:
            parts = []
            for table in tables:
                part = getattr(table, name)
                if part.ndim > 1:
                    widths = [(0, 0), (0, rows - part.shape[1]), *[(0, 0)] * (part.ndim - 2)]
                    part = np.pad(part, widths)  # with False in `used`, and zeros that are not
                parts.append(part)
            return np.concatenate(parts)

        return cls(*(joined(name) for name in cls.__dataclass_fields__))


def measure(batch: Batch, sampling_rate_hz: float) -> StationTable:
    """Every station of every window, by the true arrivals of the event to locate.

    A station is used when P, S and S_WINDOW_S after it lie in the window, S comes NEAREST_S after P and P
    rises LEAST_SNR times over the standard deviation before it. Raises ValueError without targets.
    """
    if batch.targets is None:
        raise ValueError("these windows carry no targets: nothing says where P and S are")
    narrow, broad = batch.waveforms.double().numpy(), batch.waveforms_broad.double().numpy()
    p_s, s_s = (x[..., 0].double().numpy() for x in (batch.targets.p_arrival_s, batch.targets.s_arrival_s))
    there = np.isfinite(p_s) & np.isfinite(s_s)
    p_s, s_s = np.where(there, p_s, 0.0), np.where(there, s_s, 0.0)
    offset_km = (batch.station_km - batch.targets.source_km[:, None]).double().numpy()
    size, n_stations, _, n_samples = narrow.shape
    used = batch.mask.numpy() & there & (p_s > NOISE_S) & (s_s + S_WINDOW_S < n_samples / sampling_rate_hz)
    used &= s_s - p_s >= NEAREST_S
    values = np.full((size, n_stations, len(MEASURES)), np.nan)
    polarity = np.full((size, n_stations), np.nan)
    n_window = round(S_WINDOW_S * sampling_rate_hz)
    envelope = np.full((size, n_stations, n_window), np.nan)
    for b, n in np.argwhere(used):
        p, s = round(p_s[b, n] * sampling_rate_hz), round(s_s[b, n] * sampling_rate_hz)
        found = _measure_one(narrow[b, n], broad[b, n], p, s, sampling_rate_hz)
        if found is None:
            used[b, n] = False
            continue
        values[b, n], polarity[b, n], envelope[b, n] = found
    return StationTable(
        values,
        used,
        np.linalg.norm(offset_km, axis=-1),
        np.arctan2(offset_km[..., 0], offset_km[..., 1]),
        batch.station_km.double().numpy(),
        polarity,
        s_s - p_s,
        envelope,
        batch.targets.magnitude.double().numpy(),
        batch.targets.source_km[:, 2].double().numpy(),
    )


def _measure_one(
    narrow: Float[np.ndarray, "3 time"], broad: Float[np.ndarray, "3 time"], p: int, s: int, rate_hz: float
) -> tuple[list[float], float, Float[np.ndarray, " late"]] | None:
    """Measures, polarity, envelope; None where P does not stand out."""
    end = s + round(S_WINDOW_S * rate_hz)
    p_end = min(s, p + round(P_WINDOW_S * rate_hz))
    noise = narrow[0, : p - round(0.5 * rate_hz)].std()
    p_peak = np.abs(narrow[0, p:p_end]).max()
    if not p_peak > LEAST_SNR * noise > 0:
        return None
    horizontal = np.hypot(narrow[1], narrow[2])
    s_peak = horizontal[s:end].max()
    power = (narrow**2).sum(axis=0)
    energy = np.cumsum(power[p:end])
    duration_s = (np.searchsorted(energy, DURATION_SHARE * energy[-1]) + 1) / rate_hz
    spectrum = (np.abs(np.fft.rfft(broad[1:, s:end] * np.hanning(end - s))) ** 2).sum(axis=0)
    frequency_hz = np.fft.rfftfreq(end - s, 1 / rate_hz)
    centroid_hz = (frequency_hz * spectrum).sum() / spectrum.sum()
    h_over_v = np.sqrt((narrow[1:, s:end] ** 2).mean() / (narrow[0, s:end] ** 2).mean())
    peak = np.sqrt(power[p:end].max())
    broad_peak = np.sqrt((broad[:, p:end] ** 2).sum(axis=0).max())
    first = narrow[0, p : p + round(FIRST_MOTION_S * rate_hz)]
    extremes = first.max(), -first.min()
    smooth = np.convolve(horizontal**2, np.ones(round(SMOOTHING_S * rate_hz)), "same")[s:end]
    envelope = 0.5 * np.log10(smooth)
    ratios = (p_peak / s_peak, centroid_hz, duration_s, h_over_v, broad_peak / peak)
    values = [float(np.log10(value)) for value in (peak, p_peak, s_peak, *ratios)]
    return values, float((extremes[0] - extremes[1]) / max(extremes)), envelope - envelope.mean()


@dataclass(frozen=True)
class Regression:
    """Every measure as a linear function of magnitude, log distance, distance and depth, by least squares.

    coefficients: (term, measure); terms are 1, M, M^2, log10 R, R / 100 km, depth / 100 km.
    """

    coefficients: Float[np.ndarray, "term measure"]

    @classmethod
    def fit(cls, table: StationTable) -> "Regression":
        """Of all used stations of all events."""
        return cls(np.linalg.lstsq(_terms(table)[table.used], table.values[table.used], rcond=None)[0])

    def residuals(self, table: StationTable) -> Float[np.ndarray, "event station measure"]:
        """Measured minus regression."""
        return table.values - _terms(table) @ self.coefficients


def _terms(table: StationTable) -> Float[np.ndarray, "event station term"]:
    r_km = np.maximum(table.distance_km, 1.0)
    m, depth_km = (np.broadcast_to(x[:, None], r_km.shape) for x in (table.magnitude, table.depth_km))
    return np.stack([np.ones_like(r_km), m, m**2, np.log10(r_km), r_km / 100, depth_km / 100], axis=-1)


def feature_names() -> list[str]:
    """Names of the columns of `event_features`."""
    parts = ("mean", "deviation", "slope", "step")
    return [
        *(f"{measure}: {part}" for measure in MEASURES for part in parts),
        *("P and S correlate", "polarities agree", "S envelopes alike"),
    ]


def event_features(
    table: StationTable, regression: Regression
) -> tuple[Float[np.ndarray, "event feature"], Bool[np.ndarray, " event"]]:
    """Figures of each event, and which events have LEAST_STATIONS used stations; zeros for the others.

    Of each measure's residuals: mean over the stations, standard deviation, slope with log distance, and
    mean absolute step from a station to its nearest. Then the correlation between residuals of P and of S;
    the mean product of polarities of stations in similar azimuths; the mean correlation of S envelopes.
    """
    residual = regression.residuals(table)
    enough = table.used.sum(axis=1) >= LEAST_STATIONS
    features = np.zeros((len(enough), len(feature_names())))
    for event in np.flatnonzero(enough):
        rows = table.used[event]
        features[event] = _features_of_one(
            residual[event, rows],
            np.log10(np.maximum(table.distance_km[event, rows], 1.0)),
            table.azimuth_rad[event, rows],
            table.station_km[event, rows, :2],
            table.polarity[event, rows],
            table.envelope[event, rows],
        )
    return features, enough


def _features_of_one(
    residual: Float[np.ndarray, "station measure"],
    log_r: Float[np.ndarray, " station"],
    azimuth_rad: Float[np.ndarray, " station"],
    place_km: Float[np.ndarray, "station 2"],
    polarity: Float[np.ndarray, " station"],
    envelope: Float[np.ndarray, "station time"],
) -> list[float]:
    centred = log_r - log_r.mean()
    slope = (centred @ residual) / max((centred**2).sum(), 1e-3)
    apart_km = np.linalg.norm(place_km[:, None] - place_km, axis=-1) + np.diag(np.full(len(place_km), np.inf))
    step = np.abs(residual - residual[apart_km.argmin(axis=1)]).mean(axis=0)
    columns = np.stack([residual.mean(axis=0), residual.std(axis=0), slope, step], axis=1)
    first, second = np.triu_indices(len(log_r), 1)
    turn = np.abs(np.angle(np.exp(1j * (azimuth_rad[first] - azimuth_rad[second]))))
    similar = turn < SIMILAR_AZIMUTH_RAD
    agreement = (polarity[first] * polarity[second])[similar].mean() if similar.any() else 0.0
    p_and_s = np.corrcoef(residual[:, MEASURES.index("log_p")], residual[:, MEASURES.index("log_s")])[0, 1]
    alike = np.corrcoef(envelope)[first, second].mean()
    return [*columns.ravel(), p_and_s, agreement, alike]
