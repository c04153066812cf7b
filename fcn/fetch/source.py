"""What is asked of a data centre."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fcn import checked
from fcn.fetch.area import Area
from fcn.waveform.folder import iso_time_s

CODES = re.compile(r"[A-Za-z0-9*?-]{1,8}")
BAND_AND_INSTRUMENT = re.compile(r"[A-Z][A-Z0-9]")
ACCELEROMETER = "N"  # SEED's instrument code, the second letter of a channel's
SHORTEST_CHUNK_S = 60.0
# How it is asked, not what for: a fetch may go on with others.
MANNERS = ("timeout_s", "n_retries", "pause_s", "credentials_file")


@dataclass(frozen=True)
class FdsnSource:
    """A region and a time at a data centre; what each key means stands in conf/source/fdsn.yaml.

    Raises ValueError naming a key, its value and the remedy; FileNotFoundError for a credentials file that is
    not there.
    """

    client: str
    start: str
    end: str
    box: Mapping[str, float] | None
    centre: Mapping[str, float] | None
    radius_km: float | None
    networks: Sequence[str]
    stations: Sequence[str]
    channels: Sequence[str]
    accelerometer_too: bool
    event_client: str | None
    min_magnitude: float | None
    event_margin_km: float
    chunk_s: float
    timeout_s: float
    n_retries: int
    pause_s: float
    credentials_file: str | None

    def __post_init__(self) -> None:
        for key in ("client", "event_client"):
            check_address(f"source.{key}", getattr(self, key))
        start_s, end_s = self.span_s
        if end_s <= start_s:
            raise ValueError(f"source.end={self.end} is not after source.start={self.start}: exchange them?")
        Area.of(self.box, self.centre, self.radius_km)
        for key, pattern, example in (
            ("networks", CODES, "[NZ,I?]"),
            ("stations", CODES, "[KHZ,A*]"),
            ("channels", BAND_AND_INSTRUMENT, "[HH,HN]"),
        ):
            codes = getattr(self, key)
            odd = [code for code in codes if not isinstance(code, str) or not pattern.fullmatch(code)]
            if odd or not codes:
                raise ValueError(
                    f"source.{key} must be a list of codes such as {example}, got "
                    f"{checked.shown(list(codes))}"
                )
        checked.number("source.event_margin_km", self.event_margin_km, 0.0, 2000.0)
        checked.number("source.chunk_s", self.chunk_s, SHORTEST_CHUNK_S)
        checked.positive("source.timeout_s", self.timeout_s)
        checked.whole("source.n_retries", self.n_retries, 0, 20)
        checked.number("source.pause_s", self.pause_s, 0.0)
        if self.credentials_file is not None and not Path(self.credentials_file).expanduser().is_file():
            raise FileNotFoundError(f"source.credentials_file: there is no file {self.credentials_file}")

    @property
    def span_s(self) -> tuple[float, float]:
        """POSIX times of start and end."""
        return iso_time_s("source.start", self.start), iso_time_s("source.end", self.end)

    @property
    def area(self) -> Area:
        """The region of the stations."""
        return Area.of(self.box, self.centre, self.radius_km)

    @property
    def asked(self) -> dict[str, Any]:
        """All that answers depend on, in plain values; nothing that is secret."""
        return {key: value for key, value in asdict(self).items() if key not in MANNERS}

    @property
    def channel_codes(self) -> str:
        """As station services take them."""
        return ",".join(f"{code}?" for code in self.channels)


def check_address(name: str, value: str | None) -> None:
    """Raise ValueError for an address with a user or password in it, which it does not repeat."""
    if value is not None and "@" in urlsplit(value).netloc:
        raise ValueError(
            f"{name} holds a user or a password: put them into a file, and give source.credentials_file "
            "(and remove them from the run's folder logs/.../.hydra, where Hydra keeps the command line)"
        )
