"""A figure drawn once, for a page and for a file."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

RESOLUTION_DPI = 160


@dataclass(frozen=True)
class Picture:
    """PNG of a figure, and how wide it is meant to be."""

    png: bytes
    width_in: float

    @classmethod
    def of(cls, figure: Figure) -> "Picture":
        """Draw a figure."""
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=RESOLUTION_DPI)
        return cls(buffer.getvalue(), float(figure.get_figwidth()))

    def write(self, path: Path) -> None:
        """Write the PNG, with its folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.png)

    @property
    def data_uri(self) -> str:
        """The src of an <img> that needs no other file."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()
