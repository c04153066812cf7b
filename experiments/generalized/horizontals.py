"""What a station's largest peak lacks where horizontals are unknown: `UNSEEN` of the magnitude branch.

    python experiments/generalized/horizontals.py store.path=STORE

For earthquake records of a base store above `CLEAR_DB`, turned by a random angle: log10 of the largest peak
of three components over that of the vertical and one horizontal, and over that of the vertical alone, in
0.5-9 Hz after P and after S, in the windows of `fcn.scheme.migration.amplitudes`. Means, from a seed.
"""

import sys
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir

from fcn import config as configuration
from fcn.scheme.migration.amplitudes import EARLY_S, P_WINDOW_S, S_WINDOW_S
from fcn.store.reader import BaseStore
from fcn.waveform.preprocess import Bands, Chunk

CLEAR_DB = 20.0
N_RECORDS = 1500


def main() -> None:
    """Print the table."""
    with initialize_config_dir(str(configuration.CONF_DIR), version_base="1.3"):
        config = configuration.plain(compose("train", ["experiment=generalized", *sys.argv[1:]]))
    store = BaseStore.open(Path(config["store"]["path"]).expanduser())
    spec, rng = configuration.build(config["preprocess"]), np.random.default_rng(1)
    clear = np.flatnonzero((store.category == "earthquake") & (store.snr_db > CLEAR_DB))
    lacking: dict[str, list[list[float]]] = {"P": [], "S": []}
    for record in rng.choice(clear, min(N_RECORDS, len(clear)), replace=False):
        up, radial, transverse = store.waveforms(np.array([record]))[0].astype(np.float64)
        angle = rng.uniform(0.0, 2.0 * np.pi)
        north = np.cos(angle) * radial - np.sin(angle) * transverse
        east = np.sin(angle) * radial + np.cos(angle) * transverse
        known = np.ones(len(up), dtype=bool)
        broad = Bands(spec, 3).process(Chunk(0, np.stack((up, north, east)), known)).broad
        p_s, s_s = (each[record] / store.sampling_rate_hz for each in (store.p_sample, store.s_sample))
        if s_s - p_s < 1.0:
            continue
        for phase, first_s, last_s in (
            ("P", p_s - EARLY_S, min(s_s - EARLY_S, p_s + P_WINDOW_S)),
            ("S", s_s - EARLY_S, s_s + S_WINDOW_S),
        ):
            first, last = (int(max(edge_s, 0.0) * store.sampling_rate_hz) for edge_s in (first_s, last_s))
            peaks = np.abs(broad[:, first:last]).max(axis=1)
            lacking[phase].append([np.log10(peaks.max() / peaks[:n].max()) for n in (3, 2, 1)])
    write = sys.stdout.write
    write("horizontals unknown       0      1      2    (simulated records)\n")
    for phase, values in lacking.items():
        means = " ".join(f"{mean:6.2f}" for mean in np.mean(values, axis=0))
        write(f"{phase}, {len(values):5d} records       {means}\n")


if __name__ == "__main__":
    main()
