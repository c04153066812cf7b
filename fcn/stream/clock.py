"""What time it is: the wall's, or a replay's."""

import time

LONGEST_S = 1.0  # of a sleep: a clock may be set, and a signal wants an answer


class WallClock:
    """POSIX time as the machine has it."""

    def now_s(self) -> float:
        """POSIX time."""
        return time.time()

    def wait_until(self, time_s: float) -> None:
        """Sleep until a POSIX time, if it is not past, or for `LONGEST_S`."""
        if (left_s := time_s - self.now_s()) > 0:
            time.sleep(min(left_s, LONGEST_S))


class ReplayClock:
    """Time of a recording, from `start_s` on.

    pace: seconds of it per second; None: as fast as it goes, time stands still while something is done.
    """

    def __init__(self, start_s: float, pace: float | None) -> None:
        if pace is not None and not 0 < pace < 1e6:
            raise ValueError(f"source.pace must be above 0, or null for as fast as it goes: {pace}")
        self._start_s, self._pace, self._began_s = start_s, pace, time.monotonic()

    def now_s(self) -> float:
        """POSIX time in the recording."""
        if self._pace is None:
            return self._start_s
        return self._start_s + (time.monotonic() - self._began_s) * self._pace

    def wait_until(self, time_s: float) -> None:
        """Until the recording has come to a time, if it is not past; or for `LONGEST_S` of the machine's."""
        if self._pace is None:
            self._start_s = max(self._start_s, time_s)
        elif (left_s := time_s - self.now_s()) > 0:
            time.sleep(min(left_s / self._pace, LONGEST_S))
