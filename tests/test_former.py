import pytest
from hydra.utils import get_object

from fcn import former


def test_a_former_name_is_replaced_wherever_it_stands(monkeypatch):
    monkeypatch.setattr(former, "NAMES", {"fcn.old.Thing": "fcn.new.Thing"})
    node = {"a": [{"_target_": "fcn.old.Thing", "n": 1}], "b": {"_target_": "fcn.other.Thing"}, "c": 2.0}
    wanted = {"a": [{"_target_": "fcn.new.Thing", "n": 1}], "b": {"_target_": "fcn.other.Thing"}, "c": 2.0}
    assert former.current(node) == wanted
    assert node["a"][0]["_target_"] == "fcn.old.Thing"  # a copy


@pytest.mark.parametrize("old", former.NAMES)
def test_every_row_leads_from_a_name_that_is_gone_to_one_that_exists(old):
    assert get_object(former.NAMES[old])
    assert former.NAMES[old] not in former.NAMES, "one step, not a chain"
    with pytest.raises(Exception, match=r"Error|locat"):
        get_object(old)
