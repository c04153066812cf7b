"""What a sweep says of the velocity models its networks were tested in, beside those of their training."""

from collections.abc import Mapping, Sequence

from fcn.report.kit.table import ABSENT, Table
from fcn.report.sweep.answer import cell
from fcn.report.sweep.comparison import BEST_BY, Comparison, compare_settings
from fcn.report.sweep.scored import INSIDE, Scored

STATED = "stated"  # name of the crust that a sequence states itself (conf/evaluation/none.yaml)


def crusts_table(compared: Mapping[str, Comparison]) -> Table | None:
    """F1 by setting (rows), and what it was tested on in which velocity model; None for less than two."""
    sets = {where: found for where, found in compared.items() if INSIDE in where}
    if len(sets) < 2:
        return None
    names = list(dict.fromkeys(each.name for found in sets.values() for each in found.settings))
    cells = {
        (each.name, where): cell(each.figures[BEST_BY], 3)
        for where, found in sets.items()
        for each in found.settings
    }
    rows = tuple((name, *(cells.get((name, where), ABSENT) for where in sets)) for name in names)
    return Table("F1 by what it is trained and tested in", ("trained with", *sets), rows, prose=(0,))


def compare_crusts(
    compared: Mapping[str, Comparison], scored: Mapping[str, Sequence[tuple[str, Scored]]]
) -> dict[str, Comparison]:
    """The crusts to be tested in beside each other, on the same events, of what is best in the stated one.

    scored: by set, jobs as (setting, score). By set and setting; empty where there is one crust.
    """
    found = {}
    for where, comparison in compared.items():
        on, inside, crust = where.partition(INSIDE)
        if not inside or crust != STATED:
            continue
        best = comparison.best.name
        jobs = [
            (f"tested in {other.partition(INSIDE)[2]}", each)
            for other, of_set in scored.items()
            if other.startswith(on + INSIDE)
            for name, each in of_set
            if name == best
        ]
        if (of_crusts := compare_settings(jobs)) is not None and len(of_crusts.settings) > 1:
            found[f"{on}, {best}"] = of_crusts
    return found


def is_told_whole(where: str) -> bool:
    """Whether a set has figures on the page; of other crusts than the stated one the tables say enough."""
    return INSIDE not in where or where.endswith(f"{INSIDE}{STATED}")
