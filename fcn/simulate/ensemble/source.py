"""The simulated source of base records, spread over processes."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import torch

from fcn.simulate.ensemble.arrays import rupture_records
from fcn.simulate.ensemble.earth import earthquake_records, noise_records
from fcn.simulate.ensemble.recipe import Recipe
from fcn.simulate.threads import single_thread
from fcn.store.schema import StoreRecord

NOISE_BATCH = 100  # noise records of one task
AHEAD = 2  # tasks in flight per process, so that results do not pile up

Task = tuple[Callable[..., list[StoreRecord]], tuple[object, ...]]


class SimulatedSource:
    """Records of ground velocity that never happened; a source for `fcn.build_store`.

    n_records of earthquakes, those of n_ruptures large ones (an array's each) and n_noise of noise alone,
    made by `n_workers` processes (0: this one), which does not change them. Raises ValueError for negative
    counts, or none at all.
    """

    def __init__(
        self, *, n_records: int, n_ruptures: int, n_noise: int, seed: int, n_workers: int, recipe: Recipe
    ) -> None:
        if min(n_records, n_ruptures, n_noise, n_workers) < 0 or n_records + n_ruptures + n_noise == 0:
            raise ValueError(
                f"n_records {n_records}, n_ruptures {n_ruptures}, n_noise {n_noise} and n_workers "
                f"{n_workers} must not be negative, and some records are needed"
            )
        self.n_records = n_records
        self.n_ruptures = n_ruptures
        self.n_noise = n_noise
        self.seed = seed
        self.n_workers = n_workers
        self.recipe = recipe

    @property
    def n_expected(self) -> int:
        """How many records will come."""
        return self.n_records + self.n_ruptures * self.recipe.ruptures.stations_per_rupture + self.n_noise

    def records(self, report: Callable[[str, str, str], None]) -> Iterator[StoreRecord]:
        """Earthquake records, Earth by Earth, then ruptures, then noise; nothing is refused."""
        del report  # every simulated record is complete
        for batch in _run(self._tasks(), self.n_workers):
            yield from batch

    def _tasks(self) -> Iterator[tuple[Task, int]]:
        """What to run, and how many records of each result are wanted."""
        per_earth = self.recipe.prior.records_per_earth
        for earth, first in enumerate(range(0, self.n_records, per_earth)):
            wanted = min(per_earth, self.n_records - first)
            yield (earthquake_records, (self.recipe, self.seed, earth)), wanted
        law = self.recipe.ruptures
        for earth, first in enumerate(range(0, self.n_ruptures, law.ruptures_per_earth)):
            wanted = law.stations_per_rupture * min(law.ruptures_per_earth, self.n_ruptures - first)
            yield (rupture_records, (self.recipe, self.seed, earth)), wanted
        for site, first in enumerate(range(0, self.n_noise, NOISE_BATCH)):
            yield (
                (noise_records, (self.recipe, self.seed, site, NOISE_BATCH)),
                min(NOISE_BATCH, self.n_noise - first),
            )


def _run(tasks: Iterator[tuple[Task, int]], n_workers: int) -> Iterator[list[StoreRecord]]:
    """Results in the order of the tasks."""
    if n_workers == 0:
        for (function, arguments), wanted in tasks:
            with single_thread():
                batch = function(*arguments)
            yield batch[:wanted]
        return
    context = multiprocessing.get_context("spawn")  # a forked process inherits torch's locked threads
    with ProcessPoolExecutor(n_workers, context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        pending: deque[tuple[Future[list[StoreRecord]], int]] = deque()
        for (function, arguments), wanted in tasks:
            pending.append((pool.submit(function, *arguments), wanted))
            if len(pending) >= AHEAD * n_workers:
                future, count = pending.popleft()
                yield future.result()[:count]
        for future, count in pending:
            yield future.result()[:count]
