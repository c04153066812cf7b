"""Packets of one channel, brought into order without waiting for those that are late."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from fcn.stream.packet import Packet
from fcn.waveform.channel import ChannelMotion
from fcn.waveform.preprocess import PreprocessSpec
from fcn.waveform.rates import in_step
from fcn.waveform.response import Described
from fcn.waveform.together import Work, alone

ON_TIME = 0.5  # of a sample: clocks of digitisers jitter
MOST_KEPT = 4096  # packets since a gap; one more, and the gap stays


class LiveChannel:
    """One channel at one sampling rate, in all epochs that StationXML has of it from since_s on, POSIX s.

    A packet is used as it comes. After a gap what came before is remembered for `patience_s`: the packet that
    was missing, where it comes in that time, is put in its place and what followed it done again. So it is of
    each gap, from when that was seen. Other repeats are left out. counts: of what was done with packets.
    """

    def __init__(
        self,
        epochs: list[Described],
        rate_hz: float,
        spec: PreprocessSpec,
        patience_s: float,
        since_s: float,
    ) -> None:
        self.motions = [ChannelMotion(epoch, rate_hz, spec) for epoch in epochs]
        self.rate_hz, self.patience_s, self.since_s = rate_hz, patience_s, since_s
        self.counts: Counter[str] = Counter()
        self._grid_hz = spec.sampling_rate_hz
        self._due_s: float | None = None
        self._gap: tuple[float, float, list[dict[str, Any]]] | None = None  # due then, since, what was then
        self._later: list[tuple[float, float]] = []  # gaps after that one: due then, since
        self._since: list[Packet] = []

    @property
    def settled(self) -> int:
        """The sample up to which nothing will change any more, but for what comes too late."""
        if self._gap is not None:
            return int(self._gap[0] * self._grid_hz)
        return max(each.reached for each in self.motions)

    def push(self, packet: Packet, clock_s: float) -> None:
        """The next packet that came, at a POSIX time of the engine's clock."""
        alone(self.work([packet], clock_s))

    def work(self, packets: Iterable[Packet], clock_s: float) -> Work[None]:
        """As `push` of one after the other, for `together`."""
        for packet in packets:
            yield from self._push(packet, clock_s)

    def _push(self, packet: Packet, clock_s: float) -> Work[None]:
        while self._gap is not None and (
            clock_s - self._gap[1] > self.patience_s or len(self._since) > MOST_KEPT
        ):
            yield from self._pass_on()
        tolerance_s = ON_TIME / self.rate_hz
        # a packet that is ahead of time is of a false clock: what it passes over is still to come
        seen_s = max(clock_s, packet.start_time_s)
        if self._due_s is None and packet.start_time_s > clock_s > -math.inf:
            self._due_s = clock_s - self.patience_s
        late_s = 0.0 if self._due_s is None else packet.start_time_s - self._due_s
        if late_s < -tolerance_s:
            yield from self._come_late(packet, seen_s)
            return
        if late_s > tolerance_s:
            self.counts["gaps"] += 1
            self._open(seen_s)
        yield from self._use(packet)

    def _open(self, since_s: float) -> None:
        """A gap from what is due on, seen at a POSIX time."""
        assert self._due_s is not None
        if self._gap is None:
            self._gap = (self._due_s, since_s, [each.state() for each in self.motions])
        else:
            self._later.append((self._due_s, since_s))

    def _pass_on(self) -> Work[None]:
        """The first gap stays; the next one, if there is one, is the first."""
        assert self._gap is not None
        if not self._later:
            self._gap, self._since = None, []
            return
        now_s, now = self._due_s, [each.state() for each in self.motions]
        packets, next_s, since_s = self._since, *self._later.pop(0)
        self._go_back()
        tolerance_s = ON_TIME / self.rate_hz
        while packets and not self._is_gap(packets[0], tolerance_s, next_s):
            yield from self._use(packets.pop(0))
        self._open(since_s)
        self._due_s, self._since = now_s, packets
        self._restore(now)

    def _go_back(self) -> None:
        """To before the first gap, as if there were none."""
        assert self._gap is not None
        self._due_s, _, before = self._gap
        self._restore(before)
        self._gap, self._since = None, []

    def _is_gap(self, packet: Packet, tolerance_s: float, least_s: float = -math.inf) -> bool:
        """Whether a packet leaves a gap before it, not sooner than where least_s is due."""
        assert self._due_s is not None
        return packet.start_time_s > self._due_s + tolerance_s and self._due_s > least_s - tolerance_s

    def _restore(self, motions: list[dict[str, Any]]) -> None:
        for motion, state in zip(self.motions, motions, strict=True):
            motion.restore(state)

    def _come_late(self, packet: Packet, seen_s: float) -> Work[None]:
        """A packet of which at least the beginning has been passed over."""
        assert self._due_s is not None
        tolerance_s = ON_TIME / self.rate_hz
        fills = self._gap is not None and packet.end_time_s > self._gap[0] + tolerance_s
        if not fills or self._has_come(packet, tolerance_s):
            self.counts["repeated"] += 1
            if packet.end_time_s > self._due_s + tolerance_s:
                yield from self._use(packet)  # the end of it is new
            return
        assert self._gap is not None
        self.counts["reordered"] += 1
        packets = sorted([*self._since, packet], key=lambda each: each.start_time_s)
        gaps, self._later = [self._gap[:2], *self._later], []
        self._go_back()
        for each in packets:
            if self._is_gap(each, tolerance_s):  # what is left of one
                since_s = [since_s for due_s, since_s in gaps if due_s <= self._due_s + tolerance_s][-1]
                is_before = each.start_time_s <= packet.start_time_s
                self._open(min(since_s, seen_s) if is_before else since_s)
            yield from self._use(each)

    def _has_come(self, packet: Packet, tolerance_s: float) -> bool:
        return any(
            each.start_time_s <= packet.start_time_s + tolerance_s
            and packet.end_time_s <= each.end_time_s + tolerance_s
            for each in self._since
        )

    def _use(self, packet: Packet) -> Work[None]:
        if self._gap is not None:
            self._since.append(packet)
        n, stated_hz = packet.counts.size, packet.sampling_rate_hz
        for start_s, piece in in_step(packet.start_time_s, n, stated_hz, self.rate_hz):
            for motion in self.motions:
                yield from motion.work(start_s, packet.counts[piece])
        self._due_s = packet.end_time_s if self._due_s is None else max(self._due_s, packet.end_time_s)

    def forget(self, before: int) -> None:
        """Samples before this one are not asked for any more."""
        for motion in self.motions:
            motion.track.forget(before)

    def state(self) -> dict[str, Any]:
        """Plain data and arrays."""
        return {
            "due_s": self._due_s,
            "counts": dict(self.counts),
            "motions": [each.state() for each in self.motions],
            "gap": None if self._gap is None else list(self._gap),
            "later": [list(each) for each in self._later],
            "since": [[each.start_time_s, each.sampling_rate_hz, each.counts] for each in self._since],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, with the same epochs."""
        self._due_s, self.counts = state["due_s"], Counter(state["counts"])
        self._restore(state["motions"])
        gap, seed_id = state["gap"], self.motions[0].described.seed_id
        self._gap = None if gap is None else (gap[0], gap[1], gap[2])
        later = state.get("later", [])  # older states have none
        self._later = [(due_s, since_s) for due_s, since_s in later]
        self._since = []
        for start_s, *rate_hz, counts in state["since"]:  # older states have no rate
            self._since.append(Packet(seed_id, start_s, rate_hz[0] if rate_hz else self.rate_hz, counts))
