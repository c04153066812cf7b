import numpy as np
import torch

from fcn.seeding import Purpose, derive_generator, derive_rng


def draw(*key: int, purpose: Purpose = Purpose.TRAIN) -> float:
    return float(derive_rng(key[0], purpose, *key[1:]).random())


def test_the_same_key_draws_the_same_and_every_other_key_something_else():
    assert draw(1, 2, 3) == draw(1, 2, 3)
    others = [draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4), draw(1, 2), draw(1, 2, 3, purpose=Purpose.STORE)]
    assert len({draw(1, 2, 3), *others}) == 6


def test_torch_and_numpy_generators_are_keyed_alike():
    first, second = (torch.rand(3, generator=derive_generator(5, Purpose.TRAIN, 1)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, torch.rand(3, generator=derive_generator(5, Purpose.TRAIN, 2)))


def test_neighbouring_examples_are_uncorrelated():
    draws = np.array([derive_rng(0, Purpose.TRAIN, 0, i).standard_normal(50) for i in range(400)])
    correlation = np.corrcoef(draws[:-1].ravel(), draws[1:].ravel())[0, 1]
    assert abs(correlation) < 4 / np.sqrt(draws[:-1].size)
