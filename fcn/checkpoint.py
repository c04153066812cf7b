"""Checkpoints: found by path or shipped name, read without pickle, rebuilt into a module."""

import copy
import hashlib
import logging
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fcn import allowed, arguments, checked
from fcn.assemble import build_module, velocity_models
from fcn.config import build
from fcn.earth.travel_time import check_table
from fcn.earth.velocity import LayeredModel
from fcn.former import GONE, NEW_PARTS, current
from fcn.geometry.projection import LocalFrame
from fcn.module import FcnModule
from fcn.waveform.preprocess import PreprocessSpec

log = logging.getLogger(__name__)

WEIGHTS_DIR = Path(__file__).parent / "weights"
OF_S = ("s_prior_s", "s_residual_s", "least_s_probability")  # of `scheme.reading.terms`
IN_A_RUN = ("*.ckpt", "checkpoints/*.ckpt")  # where a folder of fcn.train has them


@dataclass(frozen=True)
class Restored:
    """Enough to run anywhere.

    velocity_models: by name, those the network was trained for, unperturbed.
    config, manifest: plain data of the training run.
    """

    path: Path
    module: FcnModule
    preprocess: PreprocessSpec
    velocity_models: Mapping[str, LayeredModel]
    config: Mapping[str, Any]
    manifest: Mapping[str, Any]

    @property
    def window_s(self) -> float:
        """Length of the windows the network was trained on."""
        return float(self.config["data"]["window_s"])

    @property
    def declare(self) -> Mapping[str, Any]:
        """The alarm rule it was validated with; ValueError where no rule has such values."""
        rule: Mapping[str, Any] = self.config["declare"]
        arguments.check(rule, f"{self.path}: declare")
        try:
            build(rule, frame=LocalFrame(0.0, 0.0))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.path}: declare describes no alarm rule: {error}") from error
        return rule


def find(name: str | Path) -> Path:
    """The file of `ckpt=`: a path, or the name of a checkpoint shipped with the package.

    Raises FileNotFoundError listing the shipped names, or the checkpoints of a run's folder.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    shipped = WEIGHTS_DIR / f"{name}.ckpt"
    if path.name == str(name) and shipped.is_file():
        return shipped
    if str(name) and path.is_dir():
        inside = [str(each) for pattern in IN_A_RUN for each in sorted(path.glob(pattern))]
        takes = f"there are {', '.join(inside)}" if inside else "there is none in it or its checkpoints/"
        raise FileNotFoundError(f"{name!s} is a folder, and ckpt= takes a file: {takes}")
    names = sorted(p.stem for p in WEIGHTS_DIR.glob("*.ckpt"))
    raise FileNotFoundError(
        f"no checkpoint at {name!s}; ckpt= takes a path or a shipped name "
        f"({', '.join(names) if names else 'none is shipped yet: train one with python -m fcn.train'})"
    )


def read(path: Path) -> dict[str, Any]:
    """A checkpoint's plain content, its configuration in the names of this version; nothing is built.

    Raises ValueError for a file that is not a checkpoint of fcn.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise ValueError(
            f"{path} is not a checkpoint that loads without pickle: {_why(path, error)}"
        ) from error
    if not isinstance(content, dict) or "fcn" not in content:
        raise ValueError(f"{path} holds no 'fcn' record: it was not written by fcn.train")
    record, weights = content["fcn"], content.get("state_dict")
    if not isinstance(record, Mapping) or not isinstance(record.get("config"), Mapping):
        raise ValueError(
            f"{path} holds no configuration in its 'fcn' record: it was not written by fcn.train"
        )
    if not isinstance(weights, Mapping) or not all(_is_weight(value) for value in weights.values()):
        raise ValueError(f"{path} holds no weights (state_dict): it was not written by fcn.train")
    try:
        config = current(record["config"])
    # arguments that what it was called then did not have either, or of another kind
    except (TypeError, KeyError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"{path} names what no version of fcn had: {error!r}") from error
    content["fcn"] = {**record, "config": config}
    return content


def _why(path: Path, error: Exception) -> str:
    """Without torch's advice to let the file run code."""
    if not zipfile.is_zipfile(path):
        size = path.stat().st_size
        return (
            f"its {size} bytes are no archive, as torch writes them; it is another file, or was cut off: "
            "fetch or train it again"
        )
    return str(error).strip().split("\n")[0].split(". ")[0]


def _is_weight(value: object) -> bool:
    """Whether this is a tensor as networks have them, not a sparse or complex one."""
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_complex()


def _check_used(record: Mapping[str, Any], path: Path) -> None:
    """Raise ValueError naming the first value of a training's record that its use would stumble over."""
    config = record["config"]
    for part, kind in (("data", Mapping), ("declare", Mapping), ("scheme", Mapping), ("store", Mapping)):
        if not isinstance(config.get(part), kind):
            raise ValueError(f"{path} states no {part} in its configuration; fcn.train writes one")
    for part in (part for part in allowed.PARTS if part != "declare"):  # which a test may choose otherwise
        arguments.check(config.get(part), f"{path}: {part}")
    data = config["data"]
    checked.number(f"{path}: data.window_s", data.get("window_s"), 1.0, 600.0)
    check_table(f"{path}: data.table", data.get("table"))
    checked.text(f"{path}: store_digest", record.get("store_digest"))


def ship(
    path: Path,
    out: Path,
    *,
    declare: Mapping[str, Any] | None,
    reading: Mapping[str, Any],
    half_precision: bool,
) -> None:
    """Write what it takes to run a checkpoint, without what it takes to go on training it.

    declare: the alarm rule instead of the training's, None to keep it. reading: values instead of those of
    `scheme.reading`, or of `scheme.decoder` of a scheme that has none; of a law in it, some of its values.
    half_precision: weights (not biases and statistics) as float16, half the size; they are float32 again once
    loaded. The folders of the machine that trained it are left out.
    Raises FileExistsError rather than overwrite, KeyError for a reading that the scheme does not have, and
    ValueError for values that it cannot have.
    """
    if out.exists():
        raise FileExistsError(f"{out} exists; remove it to write it again")
    content = read(find(path))
    record = copy.deepcopy(content["fcn"])
    config = record["config"]
    if declare is not None:
        config["declare"] = dict(declare)
    config["scheme"] = _read_as(config["scheme"], reading)
    config["cache"], config["store"]["path"], config["weights"] = None, None, None
    record["overrides"] = [each for each in record["overrides"] if "/" not in each]
    out.parent.mkdir(parents=True, exist_ok=True)
    weights = content["state_dict"]
    if half_precision:
        weights = {name: value.half() if value.ndim > 1 else value for name, value in weights.items()}
    torch.save({"state_dict": weights, "fcn": record}, out)


def _read_as(scheme: Mapping[str, Any], reading: Mapping[str, Any]) -> dict[str, Any]:
    """A scheme with other values of `reading`, or `decoder` where it has none; KeyError for unknown ones.

    A mapping that names no class, as of `terms.epicentre_kmps=0`, has other values of a law that is there.
    Raises ValueError for values that the law refuses.
    """
    place = "reading" if "reading" in scheme else "decoder"
    if not reading:
        return dict(scheme)
    made = {**scheme, place: _with(scheme.get(place, {}), reading, f"scheme.{place}")}
    if place == "reading":
        _check_reading(made, reading)
    return made


def _warn_unheard(module: FcnModule, path: Path, reading: Mapping[str, Any] | None) -> None:
    """Of values that mean nothing to a network that times no arrivals."""
    given = [f"terms.{key}" for key in (reading or {}).get("terms") or {} if key in OF_S]
    given += ["refine"] * bool((reading or {}).get("refine"))
    if given and getattr(module.network, "ear", None) is None:
        log.warning("%s times no P and S: reading.%s changes nothing", path, ", reading.".join(given))


def _check_reading(scheme: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises ValueError for values that a reading or one of its laws refuses."""
    try:
        allowed.check({"scheme": scheme}, "")
    except ValueError:
        return  # of classes of one's own, that is told where they are trusted
    try:
        build(scheme["reading"])
    except Exception as error:  # Hydra and Python raise many kinds
        raise ValueError(f"reading={dict(given)}: {error}") from error


def _with(known: Mapping[str, Any], others: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Known values, and others in their place."""
    if unknown := set(others) - set(known):
        raise KeyError(f"{where} has no {sorted(unknown)}, only {sorted(known)}")
    made = dict(known)
    for key, value in others.items():
        is_part = isinstance(value, Mapping) and "_target_" not in value and isinstance(known[key], Mapping)
        made[key] = _with(known[key], value, f"{where}.{key}") if is_part else value
    return made


def _check_finite(weights: Mapping[str, Tensor], path: Path) -> None:
    """Raises ValueError for weights that are not numbers."""
    broken = [name for name, value in weights.items() if not torch.isfinite(value).all()]
    if broken:
        raise ValueError(
            f"{path} holds weights that are not numbers ({len(broken)} tensors; {broken[0]} is not "
            "finite): the training diverged or the file is damaged; take an earlier checkpoint"
        )


def _of_today(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights without those of parts that no network has any more."""
    return {name: value for name, value in weights.items() if not name.startswith(GONE)}


def begin_with(module: FcnModule, name: str | Path) -> str:
    """Give a network about to be trained the weights of a checkpoint; returns the digest of its file.

    Parts of which the file has nothing, as no network had them when it was written (`fcn.former.NEW_PARTS`),
    begin anew: their parameters are `module.begun_anew`. Raises FileNotFoundError for an unknown name and
    ValueError for weights that are another network's, or no numbers, and where such a part would not be
    trained.
    """
    path = find(name)
    weights = _of_today(read(path)["state_dict"])
    _check_finite(weights, path)
    begun: dict[str, Tensor] = {}
    for part, term in NEW_PARTS.items():
        own = {key: value for key, value in module.state_dict().items() if key.startswith(part)}
        if not own or any(key.startswith(part) for key in weights):
            continue
        if not module.loss.weights[term] > 0:
            raise ValueError(
                f"weights={name} have no {part.strip('.')}, and with loss.weights.{term}=0 it would stay as "
                "it is drawn: take arch.ear_width=0, as they were trained with, or experiment=hearing first"
            )
        begun |= own
    try:
        module.load_state_dict({**begun, **weights})
    except RuntimeError as error:
        raise ValueError(f"weights={name} are not those of this arch: {error}") from error
    module.begun_anew = tuple(key.removeprefix("network.") for key in begun)
    if begun:
        log.info("weights=%s have no %s: begun anew", name, ", ".join(module.begun_anew))
    return file_digest(path)


def file_digest(path: Path) -> str:
    """What tells a checkpoint from others that lay at its place."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def load(
    name: str | Path, *, trust: Sequence[str] = (), reading: Mapping[str, Any] | None = None
) -> Restored:
    """The checkpoint rebuilt, in evaluation mode on the CPU.

    trust: full names of classes that it may build beside those that conf/ names. reading: values instead of
    those of its `scheme.reading`. Raises FileNotFoundError for an unknown name, KeyError for a reading that
    its scheme does not have, and ValueError for a file that is not a checkpoint of fcn, asks for what may not
    be built, or holds weights that are not numbers.
    """
    path = find(name)
    content = read(path)
    record, weights = content["fcn"], _of_today(content["state_dict"])
    if len(weights) < len(content["state_dict"]):
        log.warning(
            "%s heard S by layers that are no more: it times no arrivals, places are those of volumes; "
            "experiment=hearing weights=%s trains what does",
            *(path, path),
        )
    config = record["config"]
    if reading:
        config = {**config, "scheme": _read_as(config["scheme"], reading)}
    allowed.check(config, str(path), trust=trust)
    _check_used({**record, "config": config}, path)
    _check_finite(weights, path)
    try:
        module = build_module(config, record=record, trainable=False)
        module.load_state_dict(weights)
        _warn_unheard(module, path, reading)
        return Restored(
            path=path,
            module=module.eval(),
            preprocess=build(config["preprocess"]),
            velocity_models=velocity_models(config),
            config=config,
            manifest=record,
        )
    # Hydra and Python raise many kinds for arguments that a class no longer has
    except Exception as error:
        git = record.get("git")
        commit = git.get("commit", "unknown") if isinstance(git, Mapping) else "unknown"
        raise ValueError(
            f"the weights in {path} do not fit the network its own configuration describes: written by "
            f"fcn {record.get('fcn', 'unknown')} at commit {commit}, which built that network otherwise: "
            f"use that commit, or train it again; {error}"
        ) from error
