"""An alarm rule and estimates for tests."""

from fcn.alarm.declarer import Declarer
from fcn.alarm.rules import Evidence, Latest, Nearness, Sameness, Settlement
from fcn.catalogue.event import WindowEstimate
from fcn.geometry.projection import LocalFrame

FRAME = LocalFrame(32.7, 130.8)
T0 = 1_460_636_794.0
STEP_S = 0.5
LATEST = Latest()


def declarer(agree_s=0.5, within_s=2.0, prefer=LATEST, evidence=None, rules=None, frame=FRAME, **settle):
    """rules: of following, coda, retraction and doubles; none where not named."""
    settlement = {"stable_s": 2.5, "origin_time_s": 0.3, "epicentre_km": 1.0, "magnitude": 0.1} | {
        "min_s": 8.0,
        "max_s": 20.0,
    }
    return Declarer(
        frame,
        evidence=evidence or Evidence(0.7, 0.6, agree_s, within_s),
        agree=Nearness(3.0, 10.0),
        same=Sameness(3.0, 15.0, first_p_s=1.0, forget_s=60.0),
        settle=Settlement(**(settlement | settle)),
        **({"follow": None, "coda": None, "retract": None, "coincide": None} | (rules or {})),
        prefer=prefer,
        magnitude_type="M",
    )


def estimate(now_s, origin_time_s=T0, east_km=0.0, north_km=0.0, detection=0.9, location=0.9, **kwargs):
    values = {"first_p_time_s": origin_time_s + 2.0, "depth_km": 10.0, "magnitude": 4.0} | kwargs
    return WindowEstimate(
        now_s=now_s,
        detection_score=detection,
        location_score=location,
        east_km=east_km,
        north_km=north_km,
        origin_time_s=origin_time_s,
        **values,
    )
