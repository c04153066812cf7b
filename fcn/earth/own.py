"""The velocity model that a sequence states itself, faster or slower than it is."""

from dataclasses import dataclass, replace

from fcn import checked
from fcn.earth.velocity import LayeredModel


@dataclass(frozen=True)
class OwnModel:
    """Whatever model a sequence states, all of its velocities times a factor.

    Raises ValueError for a factor outside 0.5 to 2: no crust is known so badly.
    """

    factor: float

    def __post_init__(self) -> None:
        checked.number("velocity_model.factor", self.factor, 0.5, 2.0)

    def of(self, model: LayeredModel) -> LayeredModel:
        """That model; vp/vs, densities and Q stay. Raises what `LayeredModel` raises."""
        if self.factor == 1.0:
            return model
        return replace(
            model,
            name=f"{model.name} x {self.factor:g}",
            source=f"{model.source}, velocities times {self.factor:g}",
            vp_kmps=tuple(self.factor * each for each in model.vp_kmps),
            vs_kmps=tuple(self.factor * each for each in model.vs_kmps),
        )
