"""The entry point: sources in, store and account out."""

import csv
import re
from dataclasses import replace

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from store_records import make_noise, make_record

from fcn import config as configuration
from fcn.build_store import main
from fcn.cache import cached_store, simulated_recipe
from fcn.store.build import build_store, print_summary
from fcn.store.reader import BaseStore

SPLITS = {"split_fractions": {"train": 0.8, "dev": 0.1, "test": 0.1}, "seed": 0}


class MadeSource:
    """Six records, of which one is broken, and one refusal."""

    n_expected = 7

    def records(self, report):
        report("event9", "XX.BAD", "no P")
        yield from (make_record(i) for i in range(5))
        broken = make_record(5)
        waveform = broken.waveform_mps.copy()
        waveform[1, 7] = np.nan
        yield replace(broken, waveform_mps=waveform)
        yield make_noise(6)


def test_broken_records_are_refused_with_the_reason(tmp_path, capsys):
    writer = build_store({"made": MadeSource()}, tmp_path / "s", sampling_rate_hz=20.0, **SPLITS)
    store = BaseStore.open(tmp_path / "s")
    assert len(store) == 6
    with (tmp_path / "s" / "refused.csv").open() as stream:
        refused = list(csv.DictReader(stream))
    assert [row["reason"] for row in refused] == [
        "no P",
        "record of event1 at XX.S005: 1 samples are NaN or infinite; cut the gap out or leave the record out",
    ]
    assert {row["origin"] for row in refused} == {"made"}
    print_summary(writer)
    printed = capsys.readouterr().out
    assert "no P" in printed
    assert "splits share no sources" in printed
    row = next(line for line in printed.splitlines() if "made" in line)
    assert re.split(r"\s{2,}", row.strip()) == ["made", "5", "1", "2"]


def test_refusals_of_one_kind_share_a_line(tmp_path, capsys):
    class Refusing(MadeSource):
        def records(self, report):
            for i in range(40):
                report(f"event{i}", "XX.A", f"power rises {i / 10} times, 4 are needed")
            report("event9", "XX.B", "a gap")
            yield make_record()

    print_summary(build_store({"made": Refusing()}, tmp_path / "s", sampling_rate_hz=20.0, **SPLITS))
    rows = [line.strip() for line in capsys.readouterr().out.splitlines() if "XX." in line]
    assert [re.split(r"\s{2,}", row) for row in rows] == [
        ["made", "40", "power rises 0.0 times, 4 are needed", "event0 XX.A"],
        ["made", "1", "a gap", "event9 XX.B"],
    ]


def test_what_looks_like_markup_is_printed_as_it_is(tmp_path, capsys):
    class Refusing(MadeSource):
        def records(self, report):
            report("[red]event", "XX.[/b]", "bad [/i] :bug:")
            yield make_record()

    out = tmp_path / "[" / "b] store"
    print_summary(build_store({"[/u]": Refusing()}, out, sampling_rate_hz=20.0, **SPLITS))
    printed = capsys.readouterr().out
    for text in (str(out), "[/u]", "[red]event XX.[/b]", "bad [/i] :bug:"):
        assert text in printed


@pytest.mark.parametrize(
    ("choice", "sources"),
    [
        ("simulated", {"simulated": None}),
        ("knet", {"knet": "jma2001"}),
        ("archive", {"archive": "iasp91"}),
        ("[knet,seisbench]", {"knet": "jma2001", "seisbench": "iasp91"}),
    ],
)
def test_every_source_composes_and_a_list_mixes_them(choice, sources):
    roots = [f"source.{name}.root=a" for name, model in sources.items() if model]
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("build_store", [f"source={choice}", *roots, "out=x"]))["source"]
    assert list(config) == list(sources)
    for name, model in sources.items():
        assert model is None or config[name]["importer"]["velocity_model"]["name"] == model


def test_an_unknown_key_is_rejected():
    with (
        initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"),
        pytest.raises(Exception, match="sensitivity_counts"),
    ):
        compose("build_store", ["source=seisbench", "source.seisbench.sensitivity_counts=1", "out=x"])


def test_a_named_store_is_opened(tmp_path):
    build_store({"made": MadeSource()}, tmp_path / "s", sampling_rate_hz=20.0, **SPLITS)
    assert cached_store({"path": str(tmp_path / "s")}, tmp_path) == tmp_path / "s"
    with pytest.raises(FileNotFoundError, match="no base store at"):
        cached_store({"path": str(tmp_path / "nowhere")}, tmp_path)


def test_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("fcn.build_store.build", lambda source: MadeSource())
    overrides = ["source=simulated", f"out={tmp_path / 's'}", f"hydra.run.dir={tmp_path / 'run'}"]
    monkeypatch.setattr("sys.argv", ["build_store", *overrides])
    main()
    assert len(BaseStore.open(tmp_path / "s")) == 6
    assert "base store" in capsys.readouterr().out


@pytest.mark.parametrize(("source", "store"), [("simulated", "default"), ("simulated_smoke", "smoke")])
def test_without_out_the_store_is_the_one_training_looks_for(tmp_path, monkeypatch, capsys, source, store):
    monkeypatch.setattr("fcn.cache.build", lambda source: MadeSource())
    overrides = [f"source={source}", f"cache={tmp_path}", f"hydra.run.dir={tmp_path / 'run'}"]
    monkeypatch.setattr("sys.argv", ["build_store", *overrides])
    main()
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        wanted = configuration.plain(compose("train", [f"store={store}"]))["store"]
    (made,) = (path for path in (tmp_path / "stores").iterdir() if path.is_dir())
    assert cached_store(wanted, tmp_path) == made
    assert str(made) in capsys.readouterr().out.replace("\n", "")


def test_no_source_at_all_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["build_store", "source=[]", f"hydra.run.dir={tmp_path}"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ValueError, match=r"source=\[\] names none"):
        main()


def test_imported_records_need_a_place():
    with pytest.raises(ValueError, match="not simulated, knet: give out="):
        simulated_recipe({"simulated": {}, "knet": {}})


def test_a_recipe_is_built_once(tmp_path):
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        prior = "store.recipe.recipe.prior"
        few = [f"{prior}.sources_per_earth=2", f"{prior}.stations_per_source=8"]
        overrides = [
            "store=smoke",
            "store.recipe.n_records=16",
            "store.recipe.n_ruptures=0",
            "store.recipe.n_noise=4",
            *few,
        ]
        config = configuration.plain(compose("train", overrides))["store"]
    path = cached_store(config, tmp_path)
    before = (path / "waveforms.hdf5").stat().st_mtime_ns
    assert cached_store(config, tmp_path) == path
    assert (path / "waveforms.hdf5").stat().st_mtime_ns == before
    assert len(BaseStore.open(path)) == 20


@pytest.mark.realdata
def test_real_archives_and_a_seisbench_set_make_one_store(shared_dir, tmp_path):
    real = shared_dir / "realdata"
    overrides = [
        "source=[knet,seisbench]",
        f"source.knet.root={real / 'knet_kiknet'}",
        f"source.seisbench.root={real / 'cx_seisbench'}",
        f"out={tmp_path / 'store'}",
    ]
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("build_store", overrides))
    with pytest.raises(ValueError, match=r"source\.seisbench\.sensitivity_counts_per_mps=6\.0e8"):
        configuration.build(config["source"])
    config["source"]["seisbench"]["sensitivity_counts_per_mps"] = 6.29e8
    sources = configuration.build(config["source"])
    build_store(sources, tmp_path / "store", sampling_rate_hz=20.0, **config["splits"])
    store = BaseStore.open(tmp_path / "store")
    assert np.isfinite(store.p_sample[store.select(category="earthquake")]).all()
    counts = {
        origin: [
            int(((store.origin == origin) & (store.category == kind)).sum())
            for kind in ("earthquake", "noise")
        ]
        for origin in ("knet", "seisbench")
    }
    assert counts == {"knet": [29, 27], "seisbench": [95, 94]}
