"""Earthquake early warning on a small computer: networks that fcn has exported, without torch.

The parts of fcn that it shares lie in `shared/`, where an installation has them; they come before an
installed fcn, of which one process can use only either.
"""

import sys
from pathlib import Path

SHARED = Path(__file__).parent / "shared"

if SHARED.is_dir() and str(SHARED) not in sys.path:
    if "fcn" in sys.modules:
        raise ImportError("fcn is imported already, and fcn_edge brings its own parts of it: use fcn.monitor")
    sys.path.insert(0, str(SHARED))
