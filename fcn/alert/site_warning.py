"""What a site is told of shaking that comes, or that its neighbours observe."""

import enum
import urllib.parse
from dataclasses import dataclass

from fcn.alert.alert import Producer
from fcn.alert.plain import from_line, moment, to_line, utc

SCHEMA, SCHEMA_VERSION = "fcn-site-warning", 2


class Basis(enum.StrEnum):
    """What a warning rests on: whether each, by itself, reaches the level warned of."""

    SOURCE = "source"
    PLUM = "plum"
    BOTH = "both"


@dataclass(frozen=True)
class SiteWarning:
    """What a site is told at clock time now_s.

    level: the highest of the rule's that is reached. intensity: expected, the larger of both; low and high:
    one standard deviation from it of the source's where that is the larger, else None: nobody states by how
    much what is observed nearby differs from what comes.
    event_id, s_in_s: of the source from which most is expected, and seconds until its S (negative once it is
    through); None where there is none. is_lower_bound: ground motion still grows, more may come.
    """

    site: str
    now_s: float
    level: float
    intensity: float
    low: float | None
    high: float | None
    basis: Basis
    event_id: str | None
    s_in_s: float | None
    is_lower_bound: bool


@dataclass(frozen=True)
class ToldWarning:
    """A warning that is said: when, and by whom. Monitor, site, time and level name it: see `key`."""

    issued_time_s: float
    warning: SiteWarning
    producer: Producer

    def __post_init__(self) -> None:
        object.__setattr__(self, "issued_time_s", moment("issued_time_s", self.issued_time_s))

    @property
    def place(self) -> str:
        """The site's name as a level of a topic or of an address: percent-encoded, RFC 3986."""
        return urllib.parse.quote(self.warning.site, safe="")

    @property
    def key(self) -> str:
        """That of this warning and no other: <monitor>/site/<place>/<POSIX time>/<level>."""
        now = self.warning
        return f"{self.producer.monitor}/site/{self.place}/{now.now_s}/{now.level:g}"

    def to_json(self) -> str:
        """One line of JSON; `from_json` makes an equal warning of it."""
        return to_line(SCHEMA, SCHEMA_VERSION, self)

    @classmethod
    def from_json(cls, line: str) -> "ToldWarning":
        """The warning of a line; ValueError naming the key that `to_json` would not write."""
        return from_line(SCHEMA, SCHEMA_VERSION, cls, line)

    def words(self) -> str:
        """The same for people."""
        now, replayed = self.warning, ", replayed" if self.producer.is_simulated else ""
        s = "" if now.s_in_s is None else f", S in {now.s_in_s:.0f} s"
        bound = ", at least" if now.is_lower_bound else ""
        why = "observed nearby" if now.event_id is None else f"{now.event_id} ({now.basis})"
        sure = "" if now.low is None or now.high is None else f" ({now.low:.1f} to {now.high:.1f})"
        time = utc(self.issued_time_s)[11:19]
        return f"{time} site {now.site}: intensity {now.intensity:.1f}{sure}{bound}{s}, {why}{replayed}"
