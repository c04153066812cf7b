"""What files written by earlier versions call things: checkpoints outlive the names of classes.

The one table of former names. A class that moves or is renamed gets a row here; nothing else in the package
knows that it was ever called otherwise.
"""

from collections.abc import Callable, Mapping
from typing import Any

# former dotted path: the present one
NAMES: Mapping[str, str] = {
    "fcn.stream.declare.BestWindow": "fcn.alarm.rules.BestWindow",
    "fcn.stream.declare.Declarer": "fcn.alarm.declarer.Declarer",
    "fcn.stream.declare.Evidence": "fcn.alarm.rules.Evidence",
    "fcn.stream.declare.Latest": "fcn.alarm.rules.Latest",
    "fcn.stream.declare.Nearness": "fcn.alarm.rules.Nearness",
    "fcn.stream.declare.Sameness": "fcn.alarm.rules.Sameness",
    "fcn.stream.declare.Settlement": "fcn.alarm.rules.Settlement",
    "fcn.stream.declare.SummedEvidence": "fcn.alarm.rules.SummedEvidence",
}

# Alarm rules once counted windows. What they were chosen for was read every so many seconds.
WINDOW_STEP_S = 0.5
# Only the migration network's events settled before their time was up, and those are read once a second.
ESTIMATE_STEP_S = 1.0


def _evidence(n_agree: int, n_windows: int, **kept: Any) -> dict[str, Any]:
    return {**kept, "agree_s": (n_agree - 1) * WINDOW_STEP_S, "within_s": n_windows * WINDOW_STEP_S}


def _summed_evidence(n_windows: int, **kept: Any) -> dict[str, Any]:
    return {**kept, "every_s": WINDOW_STEP_S, "within_s": n_windows * WINDOW_STEP_S}


def _settlement(n_stable: int, **kept: Any) -> dict[str, Any]:
    return {**kept, "stable_s": (n_stable - 1) * ESTIMATE_STEP_S}


# former dotted path of what is built with other arguments today: those arguments, from its former ones
ARGUMENTS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "fcn.stream.declare.Evidence": _evidence,
    "fcn.stream.declare.Settlement": _settlement,
    "fcn.stream.declare.SummedEvidence": _summed_evidence,
}


def current(node: Any) -> Any:
    """A copy of a plain configuration in which everything has its present name and arguments."""
    if isinstance(node, Mapping):
        renamed = {key: current(value) for key, value in node.items()}
        target = renamed.get("_target_")
        if isinstance(target, str):
            renamed = ARGUMENTS[target](**renamed) if target in ARGUMENTS else renamed
            renamed["_target_"] = NAMES.get(target, target)
        return renamed
    if isinstance(node, list | tuple):
        return [current(value) for value in node]
    return node
