import pytest
from simulated_records import build


@pytest.fixture(scope="session")
def recipe():
    """How the default store's records are made."""
    return build("source.simulated.recipe")


@pytest.fixture(scope="session")
def jma2001():
    return build("velocity_model", ["+velocity_model=jma2001"])
