"""The jobs that a multirun was to run, as Hydra's own sweeper makes them."""

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from sweep_example import write_plan

from fcn.planned import planned_jobs

GIVEN = [
    *("experiment=smoke", "without=nothing,faults", "~validation.sequences.smoke", "+a.b='x, y'"),
    *("n=range(1,4)", "trainer.enable_progress_bar=false", "stations.count=[4,4],[8,8]"),
]


def hydras(params, given):
    texts = [f"{key}={value}" for key, value in params.items()]
    parsed = OverridesParser.create().parse_overrides([*texts, *given])
    (jobs,) = BasicSweeper.split_arguments(parsed, None)
    return jobs


def test_jobs_are_those_of_hydra(tmp_path):
    """One of its own parameters is given anew on the command line, and whether it is resumed is left out."""
    params = {"seed": "1,2", "n": "7"}
    write_plan(tmp_path, [*GIVEN, "resume=true"], params=params)
    jobs = planned_jobs(tmp_path)
    assert jobs == hydras(params, GIVEN)
    assert len(jobs) == 2 * 3 * 2 * 2
    assert jobs[0][:3] == ["seed=1", "n=1", "experiment=smoke"]


def test_values_may_stand_elsewhere_in_the_configuration(tmp_path):
    write_plan(tmp_path, [], params={"seed": "${budget.seeds}"}, budget={"seeds": "1,2,3"})
    assert planned_jobs(tmp_path) == [["seed=1"], ["seed=2"], ["seed=3"]]


@pytest.mark.parametrize("given", [None, ["experiment=glob(*)"]])
def test_what_is_not_known_is_not_guessed(tmp_path, given):
    if given is not None:
        write_plan(tmp_path, given)
    assert planned_jobs(tmp_path) == []


def test_of_jobs_in_an_order_that_was_drawn_the_number_is_known(tmp_path):
    write_plan(tmp_path, ["a=shuffle(1,2,3)", "b=1,2"])
    assert planned_jobs(tmp_path) == [[]] * 6


def test_trials_of_a_search_are_counted(tmp_path):
    write_plan(tmp_path, ["seed=1"], params={"lr": "interval(0, 1)"}, sweeper={"n_trials": 3})
    assert planned_jobs(tmp_path) == [[], [], []]
