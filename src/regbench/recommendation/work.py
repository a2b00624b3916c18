"""A worker of the stepwise combination: it trains what is needed next, as long as time allows.

Several workers take their trainings from one another by locks beside the trainings' files. Each
finds from what is stored what is needed next, so none of them gives orders.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from regbench.recommendation.combination import Combination
from regbench.recommendation.prices import Prices
from regbench.recommendation.trained import Trainings
from regbench.storage.stored_file import LocalFile

logger = logging.getLogger(__name__)

Job = tuple[Combination, int]  # and its seed
_LOCK = "lock"


class TimeIsUpError(Exception):
    """A training was stopped in the midst, as it would have ended too late; nothing is kept."""


_SECONDS_TO_WAIT = 1.0  # for another worker's training


def work(
    needs: Callable[[], list[Job]],
    trainings: Trainings,
    train: Callable[[Combination, int], None],
    prices: Prices,
    seconds_left: Callable[[], float],
    number: int = 1,
) -> int:
    """Make trainings until none is needed, or none would end in time.

    Args:
        needs: Returns the trainings that are needed next, in order.
        trainings: Those that there are.
        train: Makes one, and keeps it; or raises ``TimeIsUpError``.
        prices: What each will take.
        seconds_left: Returns how much time is left.
        number: Of the worker, from 1.

    Returns:
        How many trainings it made.
    """
    made = 0
    while jobs := needs():
        # Where there are no locks, in a store, workers begin at different ends.
        if not number % 2 and not isinstance(trainings.folder, LocalFile):
            jobs = jobs[::-1]
        affordable = [job for job in jobs if _fits(prices.of(job[0]), seconds_left())]
        if not affordable:
            logger.info("time is up: a training that is needed next would end too late")
            break
        for combination, seed in affordable:
            with _lock(trainings, combination, seed) as is_ours:
                if not is_ours:
                    continue
                if not trainings.is_there(combination, seed):
                    begun = time.monotonic()
                    try:
                        train(combination, seed)
                    except TimeIsUpError:
                        logger.info("time is up: %s, seed %d is stopped", combination.name, seed)
                        return made
                    prices.learn(combination, time.monotonic() - begun)
                    made += 1
                break
        else:  # all are another worker's
            time.sleep(min(_SECONDS_TO_WAIT, max(0.0, seconds_left())))
    return made


def _fits(price: float | None, left: float) -> bool:
    """Return whether a training ends in time; one of unknown price if there is any time."""
    return left > 0 and (price is None or price <= left)


@contextmanager
def _lock(trainings: Trainings, combination: Combination, seed: int) -> Iterator[bool]:
    """Yield whether a training is this worker's; it is, in a store, which has no locks."""
    file = trainings.file(combination, seed, _LOCK)
    if not isinstance(file, LocalFile):
        yield True
        return
    file.path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file.path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        file.remove()
        lock.release()
