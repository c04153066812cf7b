"""Packets of one channel, brought into order without waiting for those that are late."""

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
    was missing, where it comes in that time, is put in its place and what followed it done again. Other
    repeats are left out. counts: of what was done with packets.
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
        if self._gap is not None and (
            clock_s - self._gap[1] > self.patience_s or len(self._since) > MOST_KEPT
        ):
            self._gap, self._since = None, []
        tolerance_s = ON_TIME / self.rate_hz
        late_s = 0.0 if self._due_s is None else packet.start_time_s - self._due_s
        if late_s < -tolerance_s:
            yield from self._come_late(packet, tolerance_s)
            return
        if late_s > tolerance_s:
            self.counts["gaps"] += 1
            if self._gap is None and self._due_s is not None:
                # one that is ahead of time is of a false clock: what it passes over is still to come
                self._open(self._due_s, max(clock_s, packet.start_time_s))
        yield from self._use(packet)

    def _open(self, due_s: float, since_s: float) -> None:
        """A gap from here on."""
        self._gap = (due_s, since_s, [each.state() for each in self.motions])

    def _come_late(self, packet: Packet, tolerance_s: float) -> Work[None]:
        """A packet of which at least the beginning has been passed over."""
        assert self._due_s is not None
        fills = self._gap is not None and packet.end_time_s > self._gap[0] + tolerance_s
        if not fills or self._has_come(packet, tolerance_s):
            self.counts["repeated"] += 1
            if packet.end_time_s > self._due_s + tolerance_s:
                yield from self._use(packet)  # the end of it is new
            return
        assert self._gap is not None
        self.counts["reordered"] += 1
        self._due_s, since_s, before = self._gap
        for motion, state in zip(self.motions, before, strict=True):
            motion.restore(state)
        packets, self._since = sorted([*self._since, packet], key=lambda each: each.start_time_s), []
        self._gap = None
        for each in packets:
            if self._gap is None and each.start_time_s > self._due_s + tolerance_s:
                self._open(self._due_s, since_s)  # what is left of it
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
            "since": [[each.start_time_s, each.sampling_rate_hz, each.counts] for each in self._since],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, with the same epochs."""
        self._due_s, self.counts = state["due_s"], Counter(state["counts"])
        for motion, each in zip(self.motions, state["motions"], strict=True):
            motion.restore(each)
        gap, seed_id = state["gap"], self.motions[0].described.seed_id
        self._gap = None if gap is None else (gap[0], gap[1], gap[2])
        self._since = []
        for start_s, *rate_hz, counts in state["since"]:  # older states have no rate
            self._since.append(Packet(seed_id, start_s, rate_hz[0] if rate_hz else self.rate_hz, counts))
