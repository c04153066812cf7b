"""When a solution is looked at: at its alarm, so many seconds after the first P, and at the end."""

from fcn.catalogue.event import DeclaredEvent, Event, Update

Pair = tuple[DeclaredEvent, Event]  # matched, declared and catalogued

ELAPSED_S = (
    2,
    4,
    6,
    10,
    20,
    30,
)  # after the true first P: when a warning is of use, and when it should be right
FINAL, AT_ALARM = "", "_at_alarm"  # endings of names
TIMED = tuple(f"_at_{elapsed_s}s" for elapsed_s in ELAPSED_S)
MOMENTS = (FINAL, AT_ALARM, *TIMED)


def elapsed_s(moment: str) -> float:
    """Seconds after the first P of one of MOMENTS that is counted so."""
    return float(moment.removeprefix("_at_").removesuffix("s"))


def update_at(moment: str, declared: DeclaredEvent, true: Event) -> Update | None:
    """What was said of a true event at a moment of MOMENTS; None if nothing yet or its first P is unknown."""
    if moment == FINAL:
        return declared.final
    if moment == AT_ALARM:
        return declared.alarm
    if true.first_p_time_s is None:
        return None
    return declared.at(true.first_p_time_s + elapsed_s(moment))
