import csv
import io
import json
import shutil

import pytest
from rich.console import Console
from sweep_example import write_job, write_plan, write_sweep, write_test_job

from fcn.report.sweep.figures import curve_figure, outcome_figure, setting_of
from fcn.report.sweep.jobs import read_jobs, what_differs
from fcn.report.sweep.page import compare_jobs, write_sweep_report
from fcn.report.sweep.tables import sweep_table


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return write_sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def written(sweep):
    console = Console(file=io.StringIO(), width=140)
    path = write_sweep_report(sweep, sweep / "report", console)
    return path.parent, path.read_text(encoding="utf-8"), console.file.getvalue()


def test_jobs_are_in_order_with_their_overrides(sweep):
    jobs = read_jobs(sweep)
    assert [job.number for job in jobs] == list(range(6))
    assert jobs[3].swept == {"experiment": "smoke", "stations.count": "[8,8]", "seed": "2"}
    assert what_differs(jobs) == ["stations.count", "seed"]


def test_that_a_sweep_was_resumed_or_how_it_was_watched_is_no_setting(tmp_path):
    write_job(tmp_path / "0", ["without=path"], [2.0])
    write_job(tmp_path / "1", ["without=mechanism", "resume=logs/sweep"], [])  # has no manifest yet
    write_job(tmp_path / "2", ["without=path", "trainer.enable_progress_bar=false", "logger=csv"], [2.0])
    assert what_differs(read_jobs(tmp_path)) == ["without"]


def test_a_word_of_python_is_that_of_the_command_line(tmp_path):
    """`-m` writes True where a test by itself, added to the sweep, writes true."""
    write_job(tmp_path / "0", ["subset.n_stations=3", "a.b=True", "c=None"], [2.0])
    write_job(tmp_path / "1", ["subset.n_stations=4", "a.b=true", "c=null"], [2.0])
    assert what_differs(read_jobs(tmp_path)) == ["subset.n_stations"]


def test_a_test_that_is_added_to_a_sweep_is_one_more_setting(tmp_path):
    """As of a 3-D velocity model, which is no choice of the sweep's file."""
    swept = ["sweep=crust_mismatch", "velocity_model=own"]
    write_job(tmp_path / "0", swept, [3.0])
    write_job(tmp_path / "1", ["velocity_model=grid3d", "velocity_model.path=a.h5"], [2.0])
    assert what_differs(read_jobs(tmp_path)) == ["velocity_model", "velocity_model.path"]


def test_failed_and_stopped_jobs_say_so(sweep):
    states = [job.state for job in read_jobs(sweep)]
    assert states == [
        *["done"] * 3,
        "failed before validation: ValueError: no base store at nowhere",
        "done",
        "stopped at step 200 of 300",
    ]


def test_a_job_counts_with_the_checkpoint_it_kept_and_not_its_last(sweep):
    job = read_jobs(sweep)[0]
    assert [row["val/loss"] for row in job.curve] == pytest.approx([6.1, 3.1, 3.7])
    assert job.figure("val/epicentre_p50_km") == pytest.approx(6 * 3.1)
    assert job.figure("recall") == pytest.approx(1 / 3)
    assert job.figure("unheard of") is None


def test_a_resumed_job_may_have_kept_what_was_best_before(tmp_path):
    first, resumed = tmp_path / "first", tmp_path / "s" / "0"
    write_job(first, ["seed=1"], [2.0, 1.0, 3.0])  # the last was validated beyond the checkpoint
    write_job(resumed, ["seed=1"], [9.0, 9.0, 1.5])
    manifest = json.loads((resumed / "manifest.json").read_text())
    manifest["config"]["ckpt"] = str(first / "checkpoints" / "last.ckpt")
    (resumed / "manifest.json").write_text(json.dumps(manifest))
    log = resumed / "csv" / "metrics.csv"
    rows = log.read_text().splitlines(keepends=True)
    log.write_text("".join(line for line in rows if ",99," not in line and ",199," not in line))
    (job,) = read_jobs(tmp_path / "s")
    assert [row["val/loss"] for row in job.curve] == [2.0, 1.0, 1.5]
    assert job.figure("val/loss") == 1.0
    assert job.state == "done"


@pytest.mark.parametrize("formers", [("1", "0"), ("1", "2", "1"), ("0",)])
def test_jobs_that_went_on_from_one_another_end_somewhere(tmp_path, formers):
    """Manifests keep the names that folders had: after a renaming they may go round in a circle."""
    for number, former in enumerate(formers):
        folder = tmp_path / str(number)
        write_job(folder, ["seed=1"], [2.0 + number, 1.0])
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["config"]["ckpt"] = str(tmp_path / former / "checkpoints" / "last.ckpt")
        (folder / "manifest.json").write_text(json.dumps(manifest))
    assert [len(job.curve) for job in read_jobs(tmp_path)] == [2] * len(formers)


def test_of_a_figure_that_grows_with_quality_the_largest_was_kept(sweep, tmp_path):
    folder = tmp_path / "sweep" / "0"
    shutil.copytree(sweep / "0", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["config"]["callbacks"]["checkpoint"]["mode"] = "max"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (job,) = read_jobs(tmp_path / "sweep")
    assert job.figure("val/epicentre_p50_km") == pytest.approx(6 * 6.1)


@pytest.mark.parametrize(
    ("commits", "precisions", "flags"),
    [
        (("a" * 40, "b" * 40), ("32-true", "32-true"), ["not of one commit: aaaaaaa, bbbbbbb"]),
        (("a" * 40, "a" * 40), ("32-true", "bf16-mixed"), ["not of one precision: 32-true, bf16-mixed"]),
        (("a" * 40, None), (None, "32-true"), []),
    ],
)
def test_that_jobs_were_made_unlike_is_said(tmp_path, commits, precisions, flags):
    """Each went on another machine, or after a change: settings may differ in more than what was swept."""
    for number, (commit, precision) in enumerate(zip(commits, precisions, strict=True)):
        folder = tmp_path / "s" / str(number)
        write_job(folder, [f"seed={number}"], [2.0, 1.0])
        manifest = json.loads((folder / "manifest.json").read_text())
        made = {"git": {"commit": commit}, "precision": precision}
        (folder / "manifest.json").write_text(json.dumps({**manifest, **made}))
    page = write_sweep_report(tmp_path / "s", tmp_path / "page").read_text()
    assert [flag for flag in ("not of one commit", "not of one precision") if flag in page] == [
        each.partition(":")[0] for each in flags
    ]
    assert all(flag in page for flag in flags)


def test_a_job_that_went_on_at_another_commit_or_precision_is_of_both(tmp_path):
    write_job(tmp_path / "s" / "0", ["seed=0"], [2.0, 1.0])
    path = tmp_path / "s" / "0" / "manifest.json"
    parts = [{"git": {"commit": "a" * 40}, "precision": "bf16-mixed"}, {"git": {"commit": None}}]
    made = {"git": {"commit": "b" * 40}, "parts": parts, "precision": "32-true"}
    path.write_text(json.dumps({**json.loads(path.read_text()), **made}))
    page = write_sweep_report(tmp_path / "s", tmp_path / "p").read_text()
    assert "not of one commit: aaaaaaa, bbbbbbb" in page
    assert "not of one precision: 32-true, bf16-mixed" in page


def test_table_and_page(sweep, written):
    folder, page, printed = written
    header, first, *_ = [sweep_table("s", read_jobs(sweep)).header, *sweep_table("s", read_jobs(sweep)).rows]
    assert header == (
        *("job", "state", "stations.count", "seed", "val epicentre p50 (km)", "val depth RMSE (km)"),
        *("val magn. MAE", "test recall", "test epicentre RMSE (km)"),
    )
    assert first == ("0", "done", "[4,4]", "1", "18.600", "12.400", "0.620", "0.333", "15.000")
    for text in (page, printed):
        assert "[12,12]" in text
        assert "18.600" in text
    assert "tested on simulated data" in page
    assert "Jobs that are not done (2)" in page
    assert "no base store at nowhere" in page
    assert page.count('src="data:image/png') == 2
    assert {path.name for path in (folder / "figures").iterdir()} == {"curves.png", "outcomes.png"}


def test_csv_holds_everything(written):
    with (written[0] / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert float(rows[2]["val/depth_rmse_km"]) == pytest.approx(8.4)
    assert rows[3]["val/depth_rmse_km"] == ""
    assert rows[0]["simulated"] == "True"
    assert {row["stations.count"] for row in rows} == {"[4,4]", "[8,8]", "[12,12]"}


def test_numbers_are_placed_as_numbers_and_words_evenly(sweep, tmp_path):
    figure = outcome_figure(read_jobs(sweep))
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["4", "8", "12"]
    assert list(figure.axes[0].get_xticks()) == [4.0, 8.0, 12.0]
    for i, arch in enumerate(("eewnet", "lite", "eewnet")):
        write_job(tmp_path / "words" / str(i), [f"arch={arch}", f"optim.lr={10**-i}"], [2.0, 1.0, 1.0 + i])
    figure = outcome_figure(read_jobs(tmp_path / "words"))
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["eewnet", "lite"]
    assert list(figure.axes[0].get_xticks()) == [0.0, 1.0]


def test_repeats_share_a_setting():
    jobs = [job(seed) for seed in ("1", "2")]
    assert {setting_of(each, ["arch", "seed"]) for each in jobs} == {"arch=lite"}
    assert setting_of(jobs[1], ["seed"]) == "seed=2"


def job(seed):
    from fcn.report.sweep.jobs import Job

    return Job(0, "done", {"arch": "lite", "seed": seed}, (), {}, {})


def test_a_sweep_of_failures_is_a_report_without_figures(tmp_path):
    for i in range(2):
        write_job(tmp_path / "s" / str(i), [f"seed={i}"], [])
    page = write_sweep_report(tmp_path / "s", tmp_path / "out", Console(file=io.StringIO())).read_text()
    assert "Jobs that are not done (2)" in page
    assert "<img" not in page
    assert "no answer: nothing was scored" in page
    assert curve_figure(read_jobs(tmp_path / "s")) is None


@pytest.mark.parametrize("minutes", [None, 10.0])
def test_a_sweep_of_tests_has_a_question_and_an_answer_while_it_runs(tmp_path, minutes):
    sweep = tmp_path / "s"
    for job, (choice, n_found) in enumerate((("own", 36), ("prem", 20))):
        found = [True] * n_found + [False] * (40 - n_found)
        write_test_job(sweep / str(job), f"velocity_model={choice}", found, minutes=minutes)
    write_job(sweep / "2", ["ckpt=generalized", "velocity_model=cus"], [])
    (sweep / "2" / "failure.txt").write_text("Traceback\n  ...\nValueError: no crust at all\n")
    (sweep / "3" / ".hydra").mkdir(parents=True)
    (sweep / "3" / ".hydra" / "overrides.yaml").write_text("- ckpt=generalized\n- velocity_model=fnet\n")
    given = ["ckpt=generalized", "velocity_model=own,prem,cus,fnet,jma2001"]
    write_plan(sweep, given, choice="crust_mismatch")
    console = Console(file=io.StringIO(), width=140)
    page = write_sweep_report(sweep, tmp_path / "out", console).read_text(encoding="utf-8")
    assert "What is it worth to know the crust a network stands on?" in page
    assert "velocity_model=own does best by F1: it finds 90 %" in page
    assert "Behind it in F1: velocity_model=prem by 0.2" in page
    assert "2 of 5 planned jobs are done" in page
    assert "The others: 1 failed, 1 unfinished, 1 not begun." in page
    assert "5 jobs; they differ in: velocity_model." in page
    assert "Jobs that are not done (3)" in page
    assert 'ckpt=generalized velocity_model=jma2001</td><td class="left prose">not begun' in page
    assert "failed: ValueError: no crust at all" in page
    assert "unfinished: nothing to show yet" in page
    assert ("not an answer: of each sequence 10 minutes" in page) == (minutes is not None)
    assert {path.name for path in (tmp_path / "out" / "figures").glob("*-kumamoto.png")} == {
        "settings-kumamoto.png",
        "elapsed-kumamoto.png",
        "trade-kumamoto.png",
        "magnitudes-kumamoto.png",
        "parallel-kumamoto.png",
        "maps-kumamoto.png",
    }
    with (tmp_path / "out" / "settings.csv").open() as file:
        rows = {(row["setting"], row["figure"]): row for row in csv.DictReader(file)}
    assert float(rows["velocity_model=own", "recall"]["value"]) == 0.9
    assert float(rows["velocity_model=own", "recall_at_4s"]["value"]) == pytest.approx(15 / 40)
    assert float(rows["velocity_model=own", "epicentre_p50_km_at_4s"]["value"]) == 5.0
    assert float(rows["velocity_model=own", "magnitude_mae_at_30s"]["high_95"]) == pytest.approx(1 / 30)


def test_what_a_trained_job_was_scored_on_is_taken_together(tmp_path):
    for job in range(2):
        folder = tmp_path / "s" / str(job)
        write_job(folder, [f"seed={job}", "arch=lite"], [2.0, 1.0, 1.5])
        for name in ("v0", "v1"):
            write_test_job(folder, "", [True] * 5 + [False] * 5, place=f"scores/{name}")
            manifest = {"config": {"dataset": {"name": f"validation-{name[1]}"}}}
            (folder / "scores" / name / "manifest.json").write_text(json.dumps(manifest))
        (folder / "metrics.json").write_text(json.dumps({"v0": {"recall": 0.5}, "v1": {"recall": 0.5}}))
    jobs = read_jobs(tmp_path / "s")
    assert jobs[0].figure("v1/recall") == 0.5
    assert {kind: len(scored.events) for kind, scored in jobs[0].scored.items()} == {"validation": 20}
    assert jobs[0].scored["validation"].n_false == {"validation-0": 1, "validation-1": 1}
    (setting,) = compare_jobs(jobs, ["seed"])["validation"].settings[:1]
    assert setting.figures["recall"].value == 0.5


def test_what_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no sweep folder at .*nowhere"):
        read_jobs(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no jobs"):
        read_jobs(tmp_path)


def test_overrides_that_look_like_markup_are_shown_as_they_are(tmp_path):
    hostile = r"[/b] $\frac{1$ <i>"
    for job, name in enumerate((hostile, "plain")):
        write_job(tmp_path / "s" / str(job), [f"name={name}", f"arch={name}"], [2.0, 1.0, 1.5])
    console = Console(file=io.StringIO(), width=140)
    page = write_sweep_report(tmp_path / "s", tmp_path / "out", console).read_text(encoding="utf-8")
    assert hostile in console.file.getvalue()
    assert "<i>" not in page


@pytest.mark.parametrize("budget", ["equal", "unequal", "none"])
def test_the_page_says_what_trainings_cost_and_whether_as_much(tmp_path, budget):
    for number, arch in enumerate(("eewnet", "lite")):
        folder = tmp_path / "s" / str(number)
        write_job(folder, [f"arch={arch}"], [2.0, 1.0, 1.5])
        for crust in ("stated", "slow"):
            write_test_job(folder, "", [True] * 5 + [False] * 5, place=f"scores/v0-in-{crust}")
        if budget != "none":
            spent = 40.0 if budget == "equal" or arch == "lite" else 20.0
            cost = {"step_tflop": 0.1 + number, "max_steps": 300 + number, "training_tflop": spent}
            (folder / "cost.json").write_text(json.dumps(cost))
    page = write_sweep_report(tmp_path / "s", tmp_path / "out", Console(file=io.StringIO())).read_text()
    assert ("Equal cost: every network trained for 40 TFLOP" in page) == (budget == "equal")
    assert ("Networks trained for 20 to 40 TFLOP" in page) == (budget == "unequal")
    assert ("which are 300 to 301 steps" in page) == (budget != "none")
    assert ("not at equal cost" in page) == (budget != "equal")
    assert ("each network trained as its experiment says" in page) == (budget == "none")
    assert "Each setting was trained once: how far luck goes is not known" in page
    assert "So few repeats" not in page
    assert "On kumamoto, arch=eewnet (10 events) tested in stated and tested in slow are equal" in page
    assert (tmp_path / "out" / "crusts.csv").is_file()


def test_of_what_is_planned_the_page_says_what_is_missing(sweep, tmp_path):
    """The first of six jobs, of which the page knows what it will be compared with."""
    shutil.copytree(sweep / "0", tmp_path / "s" / "0")
    params = {"stations.count": "[4,4],[8,8],[12,12]", "seed": "${budget.seeds}"}
    write_plan(tmp_path / "s", ["experiment=smoke"], params=params, budget={"seeds": "1,2"})
    jobs = read_jobs(tmp_path / "s")
    assert [job.state for job in jobs] == ["done", *["not begun"] * 5]
    assert jobs[5].swept == {"stations.count": "[12,12]", "seed": "2", "experiment": "smoke"}
    assert [row[1] for row in sweep_table("s", jobs).rows] == ["done", *["not begun"] * 5]
    page = write_sweep_report(tmp_path / "s", tmp_path / "out", Console(file=io.StringIO())).read_text()
    assert "6 jobs; they differ in: stations.count, seed." in page
    assert "1 of 6 planned jobs are done" in page
    assert "The others: 5 not begun." in page
    assert "Jobs that are not done (5)" in page
    assert page.count(">not begun</td>") == 10  # of both tables


def test_how_many_trials_a_search_has_is_known_and_what_they_are_is_not(tmp_path):
    write_job(tmp_path / "s" / "0", ["optim.lr=0.01"], [2.0, 1.0, 1.5])
    write_plan(tmp_path / "s", [], params={"optim.lr": "interval(1e-3, 1e-1)"}, sweeper={"n_trials": 20})
    page = write_sweep_report(tmp_path / "s", tmp_path / "out", Console(file=io.StringIO())).read_text()
    assert '<p class="lead">20 jobs.</p>' in page
    assert "1 of 20 planned jobs are done" in page
    assert "The others: 19 not begun." in page
    assert "default" not in page


def test_one_job_differs_in_nothing_and_is_not_said_to(tmp_path):
    write_job(tmp_path / "s" / "0", ["seed=1"], [2.0, 1.0, 1.5])
    page = write_sweep_report(tmp_path / "s", tmp_path / "out", Console(file=io.StringIO())).read_text()
    assert '<p class="lead">1 job.</p>' in page
    assert "differ" not in page.partition("<h2>")[0]
    write_job(tmp_path / "s" / "1", ["seed=1"], [2.0, 1.0, 1.5])
    page = write_sweep_report(tmp_path / "s", tmp_path / "out", Console(file=io.StringIO())).read_text()
    assert "2 jobs, of the same overrides." in page


def test_a_word_sums_up_each_state(sweep, tmp_path):
    shutil.copytree(sweep / "0", tmp_path / "0")
    (tmp_path / "0" / "metrics.json").unlink()
    manifest = json.loads((tmp_path / "0" / "manifest.json").read_text())
    manifest["config"]["evaluation"] = {"sequences": {"kumamoto": {}}}
    (tmp_path / "0" / "manifest.json").write_text(json.dumps(manifest))
    write_job(tmp_path / "1", ["seed=2"], [])
    (tmp_path / "1" / "failure.txt").write_text("ValueError: no crust\n")
    (tmp_path / "2" / ".hydra").mkdir(parents=True)
    jobs = [*read_jobs(tmp_path), *read_jobs(sweep)]
    assert jobs[0].state == "trained, not scored yet"
    assert [job.word for job in jobs] == [
        *("trained", "failed", "unfinished"),
        *(*["done"] * 3, "failed", "done", "stopped"),
    ]


@pytest.mark.parametrize("n_found", [0, 3])
def test_nothing_scored_is_no_short_answer(tmp_path, n_found):
    """A short budget says how little was scored only where something was."""
    folder = tmp_path / "s" / "0"
    write_job(folder, ["seed=1"], [2.0, 1.0, 1.5])
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["config"]["budget"] = {"minutes": 10.0, "answers": False}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    if n_found:
        write_test_job(folder, "", [True] * n_found + [False] * 5, place="scores/kumamoto")
    page = write_sweep_report(tmp_path / "s", tmp_path / "out", Console(file=io.StringIO())).read_text()
    assert ("not an answer: of each sequence 10 minutes were scored" in page) == (n_found > 0)
    assert ("no answer: nothing was scored" in page) == (n_found == 0)


def test_events_of_before_moments_were_written_have_no_curves(tmp_path):
    for job in range(2):
        write_test_job(tmp_path / "s" / str(job), f"declare={job}", [True] * 6 + [False] * 2)
        path = tmp_path / "s" / str(job) / "events.csv"
        with path.open(newline="") as file:
            rows = [row[:10] for row in csv.reader(file)]
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    write_sweep_report(tmp_path / "s", tmp_path / "out", Console(file=io.StringIO()))
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert "settings-kumamoto.png" in figures
    assert "elapsed-kumamoto.png" not in figures
