"""Makes travel_times.npz beside it: times in the shipped models, which later tables must repeat.

PYTHONPATH=tests python tests/earth/golden/make_travel_times.py
"""

from pathlib import Path

import numpy as np
from shipped_models import times_of_all_s

if __name__ == "__main__":
    np.savez_compressed(Path(__file__).with_name("travel_times.npz"), **times_of_all_s())
