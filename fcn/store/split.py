"""Which records train, tune and test: no source in two splits, nor a station where that can be had."""

import zlib
from collections.abc import Mapping, Sequence

from fcn import checked
from fcn.seeding import Purpose, derive_rng

SPLITS = ("train", "dev", "test")
# Fewer separate groups than this could not fill three splits in anything like the wanted shares.
MINIMUM_STATION_GROUPS = 20


def split_by_source(
    source_ids: Sequence[str], station_codes: Sequence[str], split_fractions: Mapping[str, float], seed: int
) -> tuple[list[str], bool]:
    """Split name per record, and whether stations are kept apart too.

    Sources that share a station form a group; where there are enough groups, and none is larger than the
    training share, whole groups are assigned, else sources alone.
    split_fractions: share of each of train, dev, test; they sum to 1.
    """
    fractions = checked_fractions(split_fractions)
    groups = _station_groups(source_ids, station_codes)
    sizes: dict[str, int] = {}
    for source in set(source_ids):
        sizes[groups[source]] = sizes.get(groups[source], 0) + 1
    largest_share = max(sizes.values(), default=0) / max(len(groups), 1)
    by_station = len(sizes) >= MINIMUM_STATION_GROUPS and largest_share <= 0.5 * fractions["train"]
    if not by_station:
        groups = {source: source for source in groups}
        sizes = dict.fromkeys(groups, 1)
    assigned = _fill(sizes, fractions, seed)
    return [assigned[groups[source]] for source in source_ids], by_station


def checked_fractions(split_fractions: Mapping[str, float]) -> dict[str, float]:
    """The three shares, or ValueError naming what is wrong with them."""
    if set(split_fractions) != set(SPLITS):
        raise ValueError(f"split_fractions needs exactly {', '.join(SPLITS)}: {dict(split_fractions)}")
    shares = {name: checked.number(f"split_fractions.{name}", split_fractions[name], 0, 1) for name in SPLITS}
    if abs(sum(shares.values()) - 1.0) > 1e-6:
        raise ValueError(f"split_fractions must sum to 1: {dict(split_fractions)}")
    return shares


def _station_groups(source_ids: Sequence[str], station_codes: Sequence[str]) -> dict[str, str]:
    """A representative source for each source: the same for all that a chain of shared stations connects."""
    parent: dict[str, str] = {source: source for source in source_ids}

    def root(source: str) -> str:
        while parent[source] != source:
            parent[source] = parent[parent[source]]
            source = parent[source]
        return source

    first_at: dict[str, str] = {}
    for source, station in zip(source_ids, station_codes, strict=True):
        parent[root(source)] = root(first_at.setdefault(station, source))
    return {source: root(source) for source in parent}


def _fill(sizes: Mapping[str, int], fractions: Mapping[str, float], seed: int) -> dict[str, str]:
    """Groups in an order keyed by their name, each to the split furthest below its share."""
    keyed = sorted(
        sizes, key=lambda name: (derive_rng(seed, Purpose.SPLIT, zlib.crc32(name.encode())).random(), name)
    )
    total = sum(sizes.values())
    missing = {name: fraction * total for name, fraction in fractions.items()}
    assigned = {}
    for group in keyed:
        split = max(missing, key=lambda name: missing[name])
        missing[split] -= sizes[group]
        assigned[group] = split
    return assigned
