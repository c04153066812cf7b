"""Values of a configuration against the annotations and the units of the parameters they are for."""

import math

import pytest
from toy import changed, composed

from fcn import arguments


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.window_s=abc", r"data\.window_s must be a number .*got 'abc'"),
        ("data.window_s=.nan", r"data\.window_s must be within .*got nan"),
        ("data.window_s=1.0e9", r"data\.window_s must be within .*got 1000000000"),
        ("data.noise_gain=1" + 400 * "0", r"data\.noise_gain must be within .*got 1000"),
        ("data.noise_gain=.inf", r"data\.noise_gain must be within .*got inf"),
        ("data.events.depth_km=5", r"data\.events\.depth_km must be a list, got 5"),
        (
            "data.events.depth_km=[1,b]",
            r"data\.events\.depth_km must be a list of which each is a number, got",
        ),
        ("data.faults.gap_s=[1,.nan]", r"data\.faults\.gap_s must be within .*got \[1, nan\]"),
        ("data.corrections.q=.nan", r"data\.corrections\.q must be within .*got nan"),
        ("data.corrections.rotate=3", r"data\.corrections\.rotate must be true or false, got 3"),
        ("data.faults.gap=often", r"data\.faults\.gap must be a number, got 'often'"),
        (
            "data.velocity.velocity_fraction=2",
            r"data\.velocity\.velocity_fraction must be within 0 to 1, got 2",
        ),
        ("preprocess.narrow.order=4.5", r"preprocess\.narrow\.order must be a whole number, got 4\.5"),
        (
            "preprocess.narrow=null",
            r"preprocess\.narrow must be a mapping whose _target_ is a Band, got None",
        ),
        ("declare.magnitude_type=3", r"declare\.magnitude_type must be a text, got 3"),
        ("stations.weights.grid=x", r"stations\.weights must be a mapping to a number, got"),
        (
            "data.events.hurry=1",
            r"data\.events\.hurry is unknown: .*EventPrior takes depth_km",
        ),
        ("optim.optimiser.lr=.nan", r"optim\.optimiser\.lr must be a number, got nan"),
        ("arch._partial_=null", r"arch\._partial_ must be true or false, got None"),
        ("seed=abc", "seed must be a whole number of at least 0, got 'abc'"),
        ("seed=1.5", "seed must be a whole number of at least 0, got 1.5"),
        ("data.workers=-1", r"data\.workers must be a whole number of at least 0, got -1"),
    ],
)
def test_an_override_that_cannot_be_names_the_key_and_the_value(override, message):
    with pytest.raises(ValueError, match=message):
        changed(composed("train", "experiment=smoke"), override)


@pytest.mark.parametrize(
    "override",
    ["data.corrections.q=.inf", "data.min_snr_db=-.inf", "data.limits.magnitude=.inf", "data.window_s=20"],
)
def test_what_conf_says_may_be_may_be(override):
    changed(composed("train", "experiment=smoke"), override)


@pytest.mark.parametrize(
    ("command", "override", "message"),
    [
        (
            ("build_store",),
            "source.simulated.n_records=-3",
            r"source\.simulated\.n_records must be a whole number",
        ),
        (("build_store",), "source.simulated.recipe.duration_s=long", r"recipe\.duration_s must be a number"),
        (("build_grid", "out=x"), "medium.hurst=a", r"medium\.hurst must be a number, got 'a'"),
        (
            ("build_sequence", "waveforms=x", "station_file=x", "out=x"),
            "sensitivity_counts_per_mps=1.0e-300",
            r"sensitivity_counts_per_mps must be within 0\.001 to 1e\+15, got 1e-300",
        ),
        (("test", "ckpt=x"), "windows.step_s=.nan", r"windows\.step_s must be within .*got nan"),
        (("test", "ckpt=x"), "dataset.builder.duration_s=.nan", r"dataset\.builder\.duration_s must be"),
    ],
)
def test_every_entry_point_checks(command, override, message):
    with pytest.raises(ValueError, match=message):
        changed(composed(*command), override)


def test_classes_of_others_and_names_that_are_not_there_are_left_to_who_builds_them():
    arguments.check({"optimiser": {"_target_": "torch.optim.AdamW", "lr": "fast"}})
    arguments.check({"arch": {"_target_": "fcn.arch.nowhere.Net", "width": "wide"}})


OF_USERS = {
    "n_jobs": -1,
    "n_layers": "auto",
    "n_ratio": 0.5,
    "max_params": 2e9,
    "seed": None,
    "window_s": "short",
    "digits": 1234567890,
    "betas": [0.9, math.inf],
    "inner": {"n": -1, "pairs": [{"half_width_km": 1e9}]},
}


def test_names_of_others_promise_no_unit():
    arguments.check({"arch": {"_target_": "users.Net", **OF_USERS}})
    arguments.check({"trainer": {"gradient_clip_val": math.inf, "n_anything": -1}})


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ({"lr": math.nan}, r"arch\.lr must be a number, got nan"),
        ({"betas": [[0.9, math.nan]]}, r"arch\.betas\[0\]\[1\] must be a number, got nan"),
        ({"inner": {"x": math.nan}}, r"arch\.inner\.x must be a number, got nan"),
        ({"band": {"_target_": "fcn.nowhere.Band", "low_hz": -1}}, r"arch\.band\.low_hz must be within"),
    ],
)
def test_of_others_nan_is_refused_and_what_is_ours_in_them(inner, message):
    with pytest.raises(ValueError, match=message):
        arguments.check({"arch": {"_target_": "users.Net", **inner}})


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"logger": {"wandb": {"settings": {"api_key": "hidden"}}}}, r"logger\.wandb\.settings\.api_key"),
        ({"sinks": {"mqtt": {"Password": "hidden"}}}, r".*Password"),
        ({"sinks": {"mqtt": {"password": 7261524}}}, r"sinks\.mqtt\.password"),
        ({"source": {"token": ["hidden"]}}, r"source\.token"),
        ({"sinks": {"mqtt": {"hosts": ["b", "mqtt://me:hidden@a"]}}}, r"sinks\.mqtt\.hosts\[1\]"),
        ({"logger": {"notes": "see https://me:hidden@a.org"}}, r"logger\.notes"),
        ({"source": {"url": "https://a.org/x?n=1&access_token=hidden"}}, r"source\.url"),
        ({"a": {"_target_": "fcn.alarm.rules.Preference", "margin": "https://hidden@a"}}, r"a\.margin"),
        ({"source": {"auth_token": "hidden"}}, r"source\.auth_token"),
        ({"sinks": {"webhook": {"url": "https://me:hidden@example.org"}}}, r"sinks\.webhook\.url"),
        ({"sinks": {"webhook": {"url": "https://hidden@[::1"}}}, r"sinks\.webhook\.url"),
    ],
)
def test_credentials_are_refused_and_not_repeated(change, place):
    with pytest.raises(ValueError, match=rf"{place} holds a user or a password") as raised:
        arguments.check(change)
    assert "hidden" not in str(raised.value)


def test_files_with_credentials_and_addresses_without_are_let_through():
    arguments.check(
        {
            "source": {"credentials_file": "~/.eida", "token_file": "a", "api_key": None, "password": ""},
            "url": "https://example.org/a@b",
            "text": "me@example.org",
            "tokens": "several",
        }
    )
