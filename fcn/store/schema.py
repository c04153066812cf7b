"""What one record of the base store is, and how it is spelled in a SeisBench data set."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

from fcn import checked
from fcn.constants import RELEASED

METADATA_FILE = "metadata.csv"
SIMULATED = "simulated"  # what the origins of simulated records begin with
WAVEFORM_FILE = "waveforms.hdf5"
REFUSED_FILE = "refused.csv"
UNIT = "m/s"
CATEGORIES = ("earthquake", "noise")
YES = "yes"  # in trace_vertical_only; empty: no
DECIMALS = 4  # of samples, magnitudes, kilometres and degrees in the table
LONGEST_CELL = 256  # characters: readers keep a column as wide as its widest cell
RUPTURES = f"{SIMULATED}_rupture"  # origin of large ruptures, each recorded by a dense array

# What a record can be: outside, its units are others or its file is damaged.
SAMPLING_RATES_HZ = (1.0, 1000.0)
FASTEST_MPS = 100.0  # the ground moved at 3 to 5 m/s in the strongest records (Chi-Chi 1999, Hualien 2018)
RANGES = {
    "source_magnitude": (-5.0, 10.0),
    "source_depth_km": (-10.0, 800.0),
    "path_ep_distance_km": (0.0, 20_038.0),  # half around the equator
    "path_azimuth_deg": (-360.0, 360.0),
}
TIMES = ("p_arrival_sample", "s_arrival_sample", "path_p_travel_s")

# SeisBench names: CATEGORY_PARAMETER_UNIT (Woollam et al. 2022, SRL 93(3), table 1).
COLUMNS = (
    "trace_name",
    "trace_name_original",
    "trace_category",
    "trace_origin",
    "trace_npts",
    "trace_sampling_rate_hz",
    "trace_component_order",
    "trace_unit",
    "trace_p_arrival_sample",
    "trace_s_arrival_sample",
    "trace_snr_db",
    "station_network_code",
    "station_code",
    "source_id",
    "source_type",
    "source_magnitude",
    "source_magnitude_type",
    "source_depth_km",
    "path_ep_distance_km",
    "path_azimuth_deg",
    "path_p_travel_s",
    "source_release_s",
    "trace_vertical_only",
    "split",
)
LATER_COLUMNS = (
    "path_p_travel_s",
    "source_release_s",
    "trace_vertical_only",
)  # stores written before these existed do without them


@dataclass(frozen=True)
class StoreRecord:
    """One three-component record of ground velocity at one station.

    waveform_mps: Z, R, T in m/s, (3, npts); R away from the source, T 90 degrees clockwise of R. Noise has
        no source: its horizontals are any two perpendicular ones. Stored in single precision.
    source_id: what shares a split: records of one earthquake carry the same.
    station_code: "NET.STA", or a code alone.
    source_magnitude, source_depth_km, path_ep_distance_km, path_azimuth_deg (source to station, clockwise
        from north), p_arrival_sample, s_arrival_sample (fractional, from the first sample): NaN for noise.
    origin: which source of records it came from, e.g. "simulated" or "knet".
    path_p_travel_s: from origin to P; NaN where that is not known.
    source_release_s: when the shares `RELEASED` of the moment are out, seconds after origin; empty where that
        is not known.
    vertical_only: nobody recorded horizontals: R and T are zero.
    """

    waveform_mps: Float[np.ndarray, "..."]
    category: Literal["earthquake", "noise"]
    source_id: str
    station_code: str
    source_magnitude: float
    source_magnitude_type: str
    source_depth_km: float
    path_ep_distance_km: float
    path_azimuth_deg: float
    p_arrival_sample: float
    s_arrival_sample: float
    origin: str
    path_p_travel_s: float = float("nan")
    source_release_s: tuple[float, ...] = ()
    vertical_only: bool = False

    @classmethod
    def noise(
        cls, waveform_mps: Float32[np.ndarray, "3 npts"], source_id: str, station_code: str, origin: str
    ) -> "StoreRecord":
        """A record of noise; source_id keeps it in the split of the earthquake it was cut from, if any."""
        nan = float("nan")
        return cls(waveform_mps, "noise", source_id, station_code, nan, "", nan, nan, nan, nan, nan, origin)

    @property
    def name(self) -> str:
        """How messages call this record."""
        return f"record of {self.source_id or 'unnamed source'} at {self.station_code or 'unnamed station'}"

    def check(self) -> None:
        """Raise ValueError, naming the record, the value and the remedy, unless it may enter a store.

        What enters is read: of all that the reader refuses of a table, nothing gets past this.
        """
        if not self.source_id or not self.station_code.rpartition(".")[2] or not self.origin:
            raise ValueError(f"{self.name}: source_id, station_code and origin must not be empty")
        if self.category not in CATEGORIES:
            raise ValueError(f"{self.name}: category is {self.category!r}, must be {' or '.join(CATEGORIES)}")
        names = (f"{self.source_id}_{self.station_code}", self.source_magnitude_type, self.origin)
        longest = max(names, key=len)
        if len(longest) > LONGEST_CELL:
            raise ValueError(
                f"record of {checked.shown(longest)}: a name of {len(longest)} characters, {LONGEST_CELL} at "
                "most: give it a shorter one"
            )
        self._check_waveform()
        if self.category == "earthquake":
            self._check_source()
            return
        given = [name for name in (*RANGES, *TIMES) if not np.isnan(getattr(self, name))]
        if given or self.source_release_s:
            named = ", ".join(given or ("source_release_s",))
            raise ValueError(f"{self.name}: noise has no source, and this has {named}: StoreRecord.noise")

    def _check_waveform(self) -> None:
        shape = self.waveform_mps.shape
        if len(shape) != 2 or shape[0] != 3 or shape[1] < 2:
            raise ValueError(f"{self.name}: waveform has shape {shape}, expected (3, npts) in order Z, R, T")
        finite = np.isfinite(self.waveform_mps)
        if not finite.all():
            raise ValueError(
                f"{self.name}: {int((~finite).sum())} samples are NaN or infinite; "
                "cut the gap out or leave the record out"
            )
        if np.abs(self.waveform_mps).max() > FASTEST_MPS:
            raise ValueError(
                f"{self.name}: the ground moves at {np.abs(self.waveform_mps).max():.3g} m/s, at most "
                f"{FASTEST_MPS:g} is believed: state its unit or sensitivity"
            )
        if not self.waveform_mps.any():
            raise ValueError(f"{self.name}: every sample is zero (dead channels)")
        if self.vertical_only and (self.category == "noise" or self.waveform_mps[1:].any()):
            raise ValueError(
                f"{self.name}: a record without horizontals is of an earthquake, and zero in R and T: noise "
                "needs three components, and what was recorded is said to be"
            )

    def _check_source(self) -> None:
        if not np.isfinite(self.source_magnitude):
            raise ValueError(
                f"{self.name}: the catalogue event has no magnitude; give it one or leave the event out"
            )
        for column, (low, high) in RANGES.items():
            value = getattr(self, column)
            if not low <= value <= high:
                raise ValueError(f"{self.name}: {column} is {value}, must be {low:g} to {high:g}")
        if self.path_p_travel_s < 0.0 or np.isinf(self.path_p_travel_s):
            raise ValueError(f"{self.name}: path_p_travel_s is {self.path_p_travel_s}, must not be negative")
        release_s = np.array(self.source_release_s)
        known = len(release_s) in (0, len(RELEASED)) and np.isfinite(release_s).all()
        if not known or (np.diff(release_s, prepend=0.0) < 0.0).any():
            raise ValueError(
                f"{self.name}: source_release_s is {list(self.source_release_s)}, must be {len(RELEASED)} "
                "times after origin, none before the one in front of it, or none at all"
            )
        n_samples = self.waveform_mps.shape[1]
        p_sample = round(self.p_arrival_sample, DECIMALS)  # as it will be read
        s_sample = round(self.s_arrival_sample, DECIMALS)
        if not 0.0 <= p_sample < s_sample < n_samples:
            raise ValueError(
                f"{self.name}: P at sample {self.p_arrival_sample}, S at {self.s_arrival_sample}; "
                f"both must lie in the record of {n_samples} samples, P before S"
            )
