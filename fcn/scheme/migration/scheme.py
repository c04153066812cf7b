"""The scheme of the migration network: `conf/scheme/migration.yaml`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from fcn.scheme.base import JoinedScheme
from fcn.scheme.migration.anchors import AnchorPrior
from fcn.scheme.migration.migrate import Migration
from fcn.scheme.migration.neighbourhood import Neighbourhood
from fcn.scheme.migration.objective import MigrationObjective
from fcn.scheme.migration.reader import MigrationReader
from fcn.scheme.migration.reading import Reading
from fcn.scheme.migration.sizing import Sizing
from fcn.scheme.migration.training_volumes import ModelError
from fcn.scheme.migration.volume import VolumeSpec
from fcn.scheme.station_p import StationP


@dataclass(frozen=True)
class MigrationScheme(JoinedScheme):
    """Several events per window, each in volumes about a P pick.

    visible_snr, arrival_sigma_s, positive_weight: see `StationP`.
    hypocentre_jitter_km, travel_time_error: see `Sizing`. own_share, heard_share: see
    `MigrationObjective`.
    neighbourhood, sizing: see `Migration`.
    """

    sampling_rate_hz: float
    visible_snr: float
    arrival_sigma_s: float
    positive_weight: float
    anchors: AnchorPrior
    volume: VolumeSpec
    model_error: ModelError
    neighbourhood: Neighbourhood
    sizing: Neighbourhood
    hypocentre_jitter_km: Sequence[float]
    travel_time_error: float
    own_share: float
    heard_share: float
    reading: Reading
    partial: ClassVar[bool] = True

    @cached_property
    def core(self) -> Migration:
        """What both share."""
        across, down = self.reading.uncertainty_factor
        factor = (float(across), float(down))
        return Migration(self.sampling_rate_hz, self.volume, self.neighbourhood, self.sizing, factor)

    @cached_property
    def objective(self) -> MigrationObjective:
        """How the network is trained."""
        return MigrationObjective(
            core=self.core,
            station_p=StationP(
                visible_snr=self.visible_snr,
                sigma_s=self.arrival_sigma_s,
                positive_weight=self.positive_weight,
                sampling_rate_hz=self.sampling_rate_hz,
            ),
            anchors=self.anchors,
            model_error=self.model_error,
            sizing=Sizing(self.hypocentre_jitter_km, self.travel_time_error, self.visible_snr),
            own_share=self.own_share,
            heard_share=self.heard_share,
        )

    @cached_property
    def reader(self) -> MigrationReader:
        """How it is read."""
        return MigrationReader(self.core, self.reading, self.visible_snr)
