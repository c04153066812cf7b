"""Is training noise as real noise is? Recorded sets, simulated records, and what recombination makes of them.

    python experiments/noise/compare.py [FOLDER_OF_RECORDED_SETS] [STORE]

The folder (../shared/realdata) holds ncedc_noise, coseismiq and hinet_fukushima; what is absent is skipped.
STORE: a base store; without one, noise of source=simulated is made on first use. Prints a table, writes
noise.png beside this file.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from matplotlib import pyplot as plt
from measures import HEIGHTS, OCTAVES_HZ, RATE_HZ, Measures, measure
from recorded import STRETCH_S, Records, coseismiq, hinet, ncedc

from fcn import config as configuration
from fcn.cache import cached_store
from fcn.recombine.noise import NoiseBank
from fcn.seeding import Purpose, derive_rng
from fcn.store.reader import BaseStore

HERE = Path(__file__).parent
N_RECORDS, SEED, N_STATIONS = 400, 20160414, 10
# noise of the training store; few earthquakes, which take longer
STORE = ["experiment=generalized", "store.recipe.n_records=768", "store.recipe.n_noise=800"]
ROWS: tuple[tuple[str, Callable[[Measures], np.ndarray]], ...] = (
    ("level, log10, about the set's median", lambda m: m.level - np.median(m.level)),
    *(
        (f"{hz:g} Hz over 4 Hz, dB", lambda m, i=i: m.colour_db[:, i])
        for i, hz in enumerate(OCTAVES_HZ)
        if hz != 4.0
    ),
    ("restlessness", lambda m: m.restless),
    ("kurtosis", lambda m: m.kurtosis),
    *((f"bursts a minute above {h:g}", lambda m, i=i: m.per_minute[:, i]) for i, h in enumerate(HEIGHTS)),
    ("burst length, s", lambda m: m.length_s),
    ("burst frequency, Hz", lambda m: m.hz),
    ("burst rectilinearity", lambda m: m.rectilinear),
    ("coherence Z-N", lambda m: m.coherence[:, 0]),
    ("coherence N-E", lambda m: m.coherence[:, 2]),
    ("highest tone, dB", lambda m: m.tones),
    ("horizontal over vertical, dB", lambda m: m.hv),
)


def simulated(config: dict, path: Path) -> dict[str, Records]:
    """Noise records of a store, and noise drawn from their spectra: steady, and as examples have it."""
    store = BaseStore.open(path)
    length = round(STRETCH_S * RATE_HZ)
    records = store.select(split="train", category="noise")[:N_RECORDS]
    waveforms = store.waveforms(records)[..., 200 : 200 + length].astype(float)
    found = {"store": list(waveforms)}
    texture = configuration.build(config["data"]["noise_texture"])
    for name, each in (("steady", None), ("examples", texture)):
        rngs = [derive_rng(SEED, Purpose.TRAIN, 0, i) for i in range(N_RECORDS // N_STATIONS)]
        bank = NoiseBank(store, "train", each)
        drawn = bank.draw(rngs, [N_STATIONS] * len(rngs), 1400)[..., :length]
        found[name] = list(drawn.double().numpy().reshape(-1, 3, length))
    return found


def main() -> None:
    """Print the table and draw the picture."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/realdata").expanduser()
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("train", STORE))
    spec = configuration.build(config["preprocess"])
    recorded = {"ncedc_noise": ncedc, "coseismiq": coseismiq, "hinet_fukushima": hinet}
    found: dict[str, Records] = {}
    for name, read in recorded.items():
        if (folder / name).is_dir():
            found[name] = read(folder / name, spec)
        else:
            sys.stderr.write(f"{folder / name} is absent: left out\n")
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    path = path or cached_store(config["store"], Path(config["cache"]).expanduser())
    found |= simulated(config, path)
    measured = {name: measure(records) for name, records in found.items()}
    sys.stdout.write("\n".join(table(measured)) + "\n")
    draw(measured)


def table(measured: dict[str, Measures]) -> list[str]:
    """5, 50 and 95 % of every measure."""
    lines = [f"| | {' | '.join(measured)} |", "|---" * (len(measured) + 1) + "|"]
    lines.append(f"| stretches | {' | '.join(str(len(m.level)) for m in measured.values())} |")
    for name, of in ROWS:
        cells = [spread(of(each)) for each in measured.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def spread(values: np.ndarray) -> str:
    """Its 5, 50 and 95 %."""
    if not values.size:
        return "none"
    return "{:.2g} **{:.2g}** {:.2g}".format(*np.percentile(values, (5, 50, 95)))


def draw(measured: dict[str, Measures]) -> None:
    """Cumulative distributions of what matters most."""
    shown = (
        *("restlessness", "kurtosis", "coherence Z-N"),
        *("highest tone, dB", "horizontal over vertical, dB", "burst length, s"),
    )
    figure, panels = plt.subplots(2, 3, figsize=(11, 6.2), layout="constrained")
    laws = dict(ROWS)
    for panel, name in zip(panels.flat, shown, strict=True):
        for number, (label, each) in enumerate(measured.items()):
            values = np.sort(laws[name](each))
            style = "-" if label in ("steady", "examples", "store") else "--"
            panel.plot(values, np.linspace(0, 1, len(values)), style, c=f"C{number}", label=label)
        panel.set(
            xlabel=name, ylabel="share", xlim=np.percentile(laws[name](measured["examples"]), (0, 99.5))
        )
        panel.grid(alpha=0.3)
    panels.flat[0].legend(fontsize=8)
    figure.savefig(HERE / "noise.png", dpi=90)


if __name__ == "__main__":
    main()
