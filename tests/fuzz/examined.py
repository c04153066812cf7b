"""Examples of a strategy, the same in every run."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Found = TypeVar("Found")


def examined(
    count: int, strategy: st.SearchStrategy[Any], attack_one: Callable[[Any], Found]
) -> dict[Any, Found]:
    """What came of each, by what was done."""
    outcomes: dict[Any, Found] = {}

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def one(done: Any) -> None:
        outcomes[done] = attack_one(done)

    one()
    return outcomes
