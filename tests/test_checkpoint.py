"""What a checkpoint must say to be run, whoever wrote it."""

import copy
from pathlib import Path

import pytest
import torch

from fcn.checkpoint import WEIGHTS_DIR, load, read


@pytest.fixture(scope="module")
def shipped() -> dict:
    return torch.load(WEIGHTS_DIR / "lite.ckpt", map_location="cpu", weights_only=True)


def written(shipped: dict, path: Path, change) -> Path:
    content = copy.deepcopy(shipped)
    change(content, content["fcn"]["config"])
    torch.save(content, path)
    return path


def put(*keys, value):
    def change(content, _):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


def in_config(*keys, value):
    return put("fcn", "config", *keys, value=value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            in_config("data", "window_s", value=float("nan")),
            r"data\.window_s must be .* from 1 to 600, got nan",
        ),
        (in_config("data", "window_s", value="30"), r"data\.window_s must be .*got '30'"),
        (in_config("data", "table", "step_km", value=0), r"data\.table\.step_km must be .*got 0"),
        (in_config("data", "table", value=None), r"data\.table must be a mapping with step_km"),
        (in_config("data", value=[]), "states no data in its configuration"),
        (in_config("scheme", value=3), "states no scheme in its configuration"),
        (in_config("preprocess", "highpass_hz", value="high"), r"preprocess\.highpass_hz must be a number"),
        (
            in_config("preprocess", "narrow", "order", value=10**12),
            r"preprocess\.narrow\.order must be within",
        ),
        (in_config("arch", "dropout", value=float("nan")), r"arch\.dropout must be within .*got nan"),
        (in_config("arch", "width", value=3), r"arch\.width is unknown: .*EEWNet takes"),
        (put("fcn", "store_digest", value=None), "store_digest must be a text"),
    ],
)
def test_what_its_use_would_stumble_over_is_named_with_the_file(shipped, tmp_path, change, message):
    path = written(shipped, tmp_path / "odd.ckpt", change)
    with pytest.raises(ValueError, match=rf"(?s)odd\.ckpt:? .*{message}"):
        load(path)


@pytest.mark.parametrize("make", [torch.Tensor.to_sparse, lambda value: value.to(torch.complex64)])
def test_weights_of_another_kind_are_none(shipped, tmp_path, make):
    name = next(iter(shipped["state_dict"]))
    change = put("state_dict", name, value=make(shipped["state_dict"][name]))
    path = written(shipped, tmp_path / "odd.ckpt", change)
    with pytest.raises(ValueError, match=r"odd\.ckpt holds no weights"):
        load(path)


def test_weights_of_another_shape_say_who_wrote_them(shipped, tmp_path):
    def change(content, _):
        content["state_dict"].popitem()
        content["fcn"]["git"] = "a text"

    with pytest.raises(
        ValueError, match=r"weights in .*odd\.ckpt do not fit .*at commit unknown(?s:.*)Missing key"
    ):
        load(written(shipped, tmp_path / "odd.ckpt", change))


IMPATIENT = {
    "_target_": "fcn.alarm.rules.Evidence",
    "min_detection_score": 0.7,
    "min_location_score": 0.6,
    "agree_s": 9.0,
    "within_s": 2.0,
}


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("same", "forget_s"), "long", r"declare\.same\.forget_s must be a number, got 'long'"),
        (("evidence",), IMPATIENT, "declare describes no alarm rule: .*agree_s < within_s"),
    ],
)
def test_an_alarm_rule_that_is_none_is_refused_once_it_is_asked_for(shipped, tmp_path, keys, value, message):
    restored = load(written(shipped, tmp_path / "odd.ckpt", in_config("declare", *keys, value=value)))
    with pytest.raises(ValueError, match=rf"(?s)odd\.ckpt: {message}"):
        _ = restored.declare


@pytest.mark.parametrize("size", [0, 1000, None])
def test_what_is_no_checkpoint_is_said_without_torchs_advice(tmp_path, size):
    """Nor is one that was cut off; a pickle that would run code is refused, and nobody is told to let it."""
    path = tmp_path / "other.ckpt"
    if size is None:
        torch.save({"fcn": Path}, path)
    else:
        path.write_bytes((WEIGHTS_DIR / "lite.ckpt").read_bytes()[:size])
    with pytest.raises(
        ValueError, match=r"other\.ckpt is not a checkpoint that loads without pickle"
    ) as caught:
        read(path)
    assert "weights_only" not in str(caught.value)
    assert ("was cut off" in str(caught.value)) == (size is not None)
