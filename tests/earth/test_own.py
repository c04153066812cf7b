import numpy as np
import pytest
from toy import resolved

from fcn.assemble import choose_velocity_model, velocity_models
from fcn.config import build
from fcn.earth.own import OwnModel
from fcn.earth.velocity import LayeredModel

MODEL = LayeredModel.from_velocities("two", "made", (0.0, 10.0), (5.5, 6.5), (3.2, 3.8))


class Stating:
    name = "made"

    def __init__(self, model):
        self.velocity_model = model


@pytest.mark.parametrize(
    ("choice", "factor"), [("own", 1.0), ("own_minus_10", 0.9), ("own_minus_5", 0.95), ("own_plus_10", 1.1)]
)
def test_a_sequences_own_model_is_slower_or_faster_by_so_much(choice, factor):
    override = resolved("test", "ckpt=none", f"velocity_model={choice}")["velocity_model"]
    chosen = choose_velocity_model(override, Stating(MODEL), {})
    assert chosen.vp_kmps == pytest.approx(factor * np.array(MODEL.vp_kmps))
    assert chosen.vs_kmps == pytest.approx(factor * np.array(MODEL.vs_kmps))
    assert tuple(chosen.top_depth_km) == tuple(MODEL.top_depth_km)
    assert (chosen.name == "two") == (factor == 1.0)


def test_of_a_sequence_that_states_none_it_is_the_one_of_the_training():
    assert choose_velocity_model(own(0.9), Stating(None), {"two": MODEL}).vp_kmps[0] == pytest.approx(4.95)
    with pytest.raises(ValueError, match="'made' states no velocity model"):
        choose_velocity_model(own(0.9), Stating(None), {"two": MODEL, "other": MODEL})


def test_nobody_trains_in_it_and_no_crust_is_twice_as_fast():
    with pytest.raises(ValueError, match="own is the model of a sequence"):
        velocity_models(resolved("train", "velocity_model=own"))
    with pytest.raises(ValueError, match=r"velocity_model\.factor must be a number from 0\.5 to 2"):
        build(own(2.5))


def own(factor):
    return {"_target_": f"{OwnModel.__module__}.OwnModel", "factor": factor}
