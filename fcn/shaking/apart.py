"""Stations as sites: each is warned of what was declared, and of what the others observed.

Its own record is then a truth that no warning has seen.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from fcn.alert.site_warning import SiteWarning
from fcn.catalogue.event import Update
from fcn.shaking.site import Site
from fcn.shaking.site_warnings import SiteWarnings


@dataclass(frozen=True, eq=False)
class Heard:
    """What stations observed as a clock went.

    intensity: of station j, "NET.STA", at clock time now_s[i], POSIX s; NaN where none was known.
    """

    station_ids: tuple[str, ...]
    now_s: Float64[np.ndarray, " tick"]
    intensity: Float64[np.ndarray, "tick station"]


def warn_apart(
    sites: Sequence[Site],
    stations: Sequence[Site],
    of_site: Callable[[Site, list[Site]], SiteWarnings],
    said: Iterable[Update],
    heard: Heard,
) -> Iterator[SiteWarning]:
    """What each site would have been told, site by site, in order of the clock.

    stations: those heard; the one that a site is does not count for it. of_site: warnings of a site, by the
    other stations. said: of declared events, in order of time; what travel times do not reach is left out, as
    a monitor does.
    """
    last_words = _last_words(said, heard.now_s)
    for site in sites:
        others = [each for each in stations if each.name != site.name]
        warnings = of_site(site, others)
        named = [(heard.station_ids.index(each.name), each.name) for each in others]
        for now_s, events, row in zip(heard.now_s.tolist(), last_words, heard.intensity, strict=True):
            reached = [each for each in events if warnings.reaches(each)]
            yield from warnings.process(now_s, reached, {name: row[at] for at, name in named})


def _last_words(said: Iterable[Update], now_s: Float64[np.ndarray, " tick"]) -> list[list[Update]]:
    """The last update of every event declared by each time; the same list while nothing is said."""
    coming = deque(said)
    last: dict[str, Update] = {}
    found: list[list[Update]] = []
    for time_s in now_s.tolist():
        n_due = len(coming)
        while coming and coming[0].now_s <= time_s:
            update = coming.popleft()
            last[update.event.event_id] = update
        found.append(found[-1] if found and len(coming) == n_due else list(last.values()))
    return found
