"""Randomness as an argument: generators keyed by what they are for, never by who asks.

A generator depends on (seed, purpose, keys) alone, so that the number of workers, ranks or batches
in between cannot change what is drawn.
"""

import enum

import numpy as np
import torch


class Purpose(enum.IntEnum):
    """What a stream of random numbers is for; two purposes never share numbers."""

    STORE = 0  # simulated base records
    TRAIN = 1  # recombined examples, training
    VALIDATION = 2  # recombined examples, fixed for all epochs
    SEQUENCE = 3  # continuous test and validation sequences
    CATALOGUE = 4  # completed catalogues of simulated sequences
    VELOCITY = 5  # perturbed velocity models of the recombination
    SPLIT = 6  # assignment of sources to train, dev, test
    NETWORK = 7  # initial weights
    STEP = 8  # what a training step draws: anchors, volumes, which activations it drops
    SUBSET = 9  # stations of a network that are left in it


def derive_seed_sequence(seed: int, purpose: Purpose, *keys: int) -> np.random.SeedSequence:
    """Seed sequence of (seed, purpose, keys); keys are e.g. (epoch, example), all >= 0."""
    return np.random.SeedSequence(entropy=seed, spawn_key=(int(purpose), *map(int, keys)))


def derive_rng(seed: int, purpose: Purpose, *keys: int) -> np.random.Generator:
    """NumPy generator of (seed, purpose, keys)."""
    return np.random.default_rng(derive_seed_sequence(seed, purpose, *keys))


def derive_generator(seed: int, purpose: Purpose, *keys: int) -> torch.Generator:
    """Torch CPU generator of (seed, purpose, keys)."""
    state = derive_seed_sequence(seed, purpose, *keys).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) & 0x7FFF_FFFF_FFFF_FFFF)
