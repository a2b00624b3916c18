"""A worker: time limits, other workers, failures, trainings of an earlier run."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock
from tests.recommendation.test_steps import builder

from regbench.errors import StudyError
from regbench.evaluation.results import Results
from regbench.pipelines.training import combination_nodes
from regbench.recommendation import work as working
from regbench.recommendation.attempts import Attempts
from regbench.recommendation.combination import Builder, Combination
from regbench.recommendation.prices import Prices
from regbench.recommendation.trained import Trainings
from regbench.recommendation.work import work
from regbench.storage.stored_file import LocalFile
from regbench.training import events

DATA = {"data": "d", "split": "s"}


@pytest.fixture(scope="module")
def of() -> Builder:
    return builder()


def trainings(folder: Path, run: str = "now") -> Trainings:
    return Trainings({}, LocalFile(folder), DATA, (1, 2, 3), run)


def made(kept: Trainings, of: Combination, seed: int, **row: Any) -> Results:
    """The results of a training that took ten seconds."""
    fingerprint = {f"fingerprint_{key}": value for key, value in kept.current(of).items()}
    whole = {"technique": of.name, "seed": seed, "status": "trained", "seconds": 10.0}
    none = Results.none()
    table = pd.DataFrame([whole | fingerprint | row])
    return Results(table, none.epochs, none.predictions, none.measurements)


class Clock:
    """Time that passes only while trainings are made."""

    def __init__(self, kept: Trainings, limit: float, took: float = 12.0) -> None:
        self.kept, self.left, self.took = kept, limit, took
        self.trained = list[tuple[str, int]]()

    def train(self, of: Combination, seed: int) -> None:
        self.kept.save(of, seed, made(self.kept, of, seed))
        self.trained.append((of.name, seed))
        self.left -= self.took


def test_no_training_is_begun_that_would_end_too_late(tmp_path: Path, of: Builder) -> None:
    kept = trainings(tmp_path)
    clock = Clock(kept, limit=48)
    prices = Prices(kept.seconds, of.baseline, of.techniques)
    jobs = [(of.baseline, seed) for seed in (1, 2, 3)] + [(of.techniques["l2"], 1)]

    def needs() -> list[working.Job]:
        return [job for job in jobs if not kept.is_there(*job)]

    # The first has no price; others are expected to take 3 s + 1.3 x 10 s, and as trainings are
    # done at once by the machine's clock, in the end 3 s + 10 s.
    assert work(needs, kept, clock.train, prices, lambda: clock.left) == 3
    assert clock.left == 12
    assert prices.of(of.techniques["l2"]) == 13
    assert work(needs, kept, clock.train, prices, lambda: 13.0) == 1
    assert not needs()


def test_the_price_of_a_combination_is_that_of_its_techniques(of: Builder) -> None:
    known = {"baseline": 10.0, "l2": 15.0, "dropout": 20.0}
    prices = Prices(lambda one: known.get(one.name), of.baseline, of.techniques)
    both = of.combined(of.techniques["l2"], of.techniques["dropout"])
    assert prices.of(both) == pytest.approx(3 + 1.3 * 10 * 1.5 * 2)
    for _ in range(3):
        prices.learn(of.baseline, 23.0)
    assert prices.of(of.baseline) == pytest.approx(3 + 2 * 10)
    assert Prices(lambda _: None, of.baseline, of.techniques).of(both) is None


def test_a_slow_start_of_short_trainings_does_not_multiply_with_a_longer_one(of: Builder) -> None:
    known = {"baseline": 0.2, "l2": 2.0}
    prices = Prices(lambda one: known.get(one.name), of.baseline, of.techniques)
    prices.learn(of.baseline, 25.2)  # beyond its own 0.2 s, a busy machine's start
    assert prices.of(of.techniques["l2"]) == pytest.approx(25 + 1.3 * 2)


def test_an_ensemble_costs_its_networks_before_one_is_trained() -> None:
    made = builder({"baseline": {}, "bagging": {"bagging": 4}})
    known = {"baseline": 10.0}
    prices = Prices(lambda one: known.get(one.name), made.baseline, made.techniques)
    assert prices.of(made.techniques["bagging"]) == pytest.approx(3 + 1.3 * 10 * 4)


def test_a_training_that_is_not_done_in_time_is_stopped_and_ends_the_work(
    tmp_path: Path, of: Builder
) -> None:
    kept = trainings(tmp_path)
    prices = Prices(kept.seconds, of.baseline, of.techniques)
    clock = Clock(kept, limit=48)

    def train(combination: Combination, seed: int) -> None:
        if seed == 2:
            raise working.TimeIsUpError
        clock.train(combination, seed)

    def needs() -> list[working.Job]:
        jobs = [(of.baseline, seed) for seed in (1, 2, 3)]
        return [job for job in jobs if not kept.is_there(*job)]

    assert work(needs, kept, train, prices, lambda: clock.left) == 1
    assert [seed for _, seed in clock.trained] == [1]
    assert not list(tmp_path.rglob("*.lock"))


def test_a_training_of_another_worker_is_waited_for(
    tmp_path: Path, of: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = trainings(tmp_path)
    clock = Clock(kept, limit=50)
    prices = Prices(kept.seconds, of.baseline, of.techniques)
    lock = FileLock(kept.file(of.baseline, 1, "lock").path)  # type: ignore[union-attr]
    (tmp_path / kept.file(of.baseline, 1).path.parent).mkdir()  # type: ignore[union-attr]
    lock.acquire()

    def other_is_done(_: float) -> None:
        kept.save(of.baseline, 1, made(kept, of.baseline, 1))
        lock.release()

    monkeypatch.setattr(working.time, "sleep", other_is_done)
    jobs = [(of.baseline, 1)]
    left = lambda: [job for job in jobs if not kept.is_there(*job)]  # noqa: E731
    assert work(left, kept, clock.train, prices, lambda: clock.left) == 0


def test_only_what_is_up_to_date_counts(tmp_path: Path, of: Builder) -> None:
    kept, l2 = trainings(tmp_path), of.techniques["l2"]
    kept.save(l2, 1, made(kept, l2, 1))
    kept.save(l2, 2, made(kept, l2, 2, fingerprint_technique="another"))
    kept.save(l2, 3, made(kept, l2, 3, status="failed", reason="killed"))
    assert kept.failures(l2) == {3: "killed"}
    # In the next run the failed one is tried again.
    later = trainings(tmp_path, run="later")
    assert [later.is_there(l2, seed) for seed in (1, 2, 3)] == [True, False, False]
    # A damaged file is made again.
    kept.file(l2, 1).path.write_bytes(b"no zip")  # type: ignore[union-attr]
    assert not trainings(tmp_path).is_there(l2, 1)


def test_what_was_killed_twice_is_not_begun_again_in_the_same_run(tmp_path: Path) -> None:
    file = LocalFile(tmp_path / "seed_1.attempts")
    assert [Attempts(file, "now").begin() for _ in range(3)] == [
        *("", ""),
        "its process was killed 2 times",
    ]
    assert not Attempts(file, "later").begin()
    Attempts(file, "later").end()
    assert not file.exists()
    file.path.write_text("{")
    assert not Attempts(file, "now").begin()


def test_a_training_that_raises_has_failed_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, of: Builder
) -> None:
    def inputs(error: Exception) -> Results:
        def fail(**_: Any) -> None:
            raise error

        monkeypatch.setattr(combination_nodes.nodes, "train_network", fail)
        columns = ["filename", "split", "label", "target"]
        given = {
            **{"images": None, "split_index": pd.DataFrame(columns=columns)},
            **{"classes": [], "checkpoints": None, "seed": 1, "data_fingerprint": DATA},
            "training": {"technique": "l2", "regularizers": {}},
            "training_fingerprint": of.baseline.fingerprint["training"],
        }
        measured = {"corrupted_images": None, "corrupted_rows": [], "evaluation_fingerprint": "e"}
        return combination_nodes._trained(given, measured)

    with pytest.raises(working.TimeIsUpError):  # that it was stopped is no failure
        inputs(working.TimeIsUpError())
    for error, reason in (
        (ValueError("odd"), "ValueError: odd"),
        (StudyError("does not fit"), "does not fit"),
    ):
        [training] = inputs(error).trainings.to_dict("records")
        assert (training["status"], training["reason"]) == ("failed", reason)
        assert training["fingerprint_data"] == "d"
    with pytest.raises(OSError, match="No space"):
        inputs(OSError(28, "No space left on device"))


def test_a_worker_that_ends_leaves_what_is_kept() -> None:
    assert combination_nodes.combinations_failed("killed twice", images=None) == {
        "trainings": 0,
        "reason": "killed twice",
    }


@pytest.mark.parametrize(("left", "stopped_after"), [(-1, 1), (600, None)])
def test_time_is_looked_at_after_every_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: float, stopped_after: int | None
) -> None:
    epochs = list[int]()

    def trained(*_: Any) -> Results:
        for number in (1, 2, 3):
            epochs.append(number)
            events.report(events.EpochDone("l2", 1, number, 3, 0.9, 0.9))
        return Results.none()

    class AtHand:
        def __init__(self, *_: Any) -> None:
            self.trainings, self.prices = trainings(tmp_path), None

        needs = save = None

    def one_training(needs: Any, kept: Trainings, train: Any, *_: Any) -> int:
        monkeypatch.setattr(kept, "save", lambda *_: None)
        train(made_of.techniques["l2"], 1)
        return 1

    made_of = builder()
    monkeypatch.setattr(combination_nodes, "_trained", trained)
    monkeypatch.setattr("regbench.recommendation.plan.Plan", AtHand)
    monkeypatch.setattr(working, "work", one_training)
    until = datetime.now(UTC) + timedelta(seconds=left)
    parameters = {"techniques": {}, "protocol": {}, "network": {}}
    given = dict.fromkeys(
        ("images", "split_index", "classes", "normalization", "corrupted_images", "corrupted_rows")
    )

    def run() -> Any:
        return combination_nodes.train_combinations(
            **given,  # type: ignore[arg-type]
            data_fingerprint=DATA,
            parameters=parameters,
            plan={"run": "now", "until": until.isoformat()},
            folder=LocalFile(tmp_path),
            worker=1,
        )

    if stopped_after is None:
        assert run() == {"trainings": 1}
        assert epochs == [1, 2, 3]
    else:
        with pytest.raises(working.TimeIsUpError):
            run()
        assert epochs == [1]
    assert not list(tmp_path.rglob("*.attempts"))
    events.report(events.EpochDone("l2", 1, 1, 3, 0.9, 0.9))  # nobody watches any more
