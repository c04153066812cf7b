"""The scheme of EEWNet and its light version: `conf/scheme/image.yaml`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from fcn.scheme.base import JoinedScheme
from fcn.scheme.image.objective import ImageObjective
from fcn.scheme.image.reader import ImageReader
from fcn.scheme.station_p import StationP
from fcn.targets.window import WindowDecoder


@dataclass(frozen=True)
class ImageScheme(JoinedScheme):
    """One event per window, on the decoder's grid.

    visible_snr, arrival_sigma_s, positive_weight: see `StationP`.
    location_sigma_km, magnitude_sigma: see `ImageObjective`.
    """

    decoder: WindowDecoder
    visible_snr: float
    arrival_sigma_s: float
    location_sigma_km: Sequence[float]
    magnitude_sigma: float
    positive_weight: float
    partial: ClassVar[bool] = False

    @cached_property
    def objective(self) -> ImageObjective:
        """How the network is trained."""
        return ImageObjective(
            decoder=self.decoder,
            station_p=StationP(
                visible_snr=self.visible_snr,
                sigma_s=self.arrival_sigma_s,
                positive_weight=self.positive_weight,
                sampling_rate_hz=self.decoder.sampling_rate_hz,
            ),
            location_sigma_km=self.location_sigma_km,
            magnitude_sigma=self.magnitude_sigma,
        )

    @cached_property
    def reader(self) -> ImageReader:
        """How it is read."""
        return ImageReader(self.decoder)
