"""The search of a technique: its budget, its storage, interruptions, failures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import pytest
from sqlalchemy.exc import OperationalError

from regbench.errors import StudyError
from regbench.regularizers.base import Choice, Range
from regbench.storage.remote import RemoteFile
from regbench.storage.stored_file import LocalFile
from regbench.study.search import Searched
from regbench.study.tuning import Tuning
from regbench.tuning import told
from regbench.tuning.search import FailedTrialError, Plan, Scored, nothing_found, search
from regbench.tuning.storage import open_study

STRENGTH = Searched("l2", "factor", Range(1e-6, 1e-2, log=True), 1e-4)
MEMBERS = Searched("bagging", "members", Choice((1, 5)), 1)
WORD = Searched("learning_rate", "schedule", Choice(("protocol", "constant")), "protocol")
EPOCHS = 5


@dataclass
class Bench:
    """Scores by a formula in place of trainings."""

    fails: Callable[[int], BaseException | None] = lambda number: None
    trained: list[tuple[Any, int]] = field(default_factory=list)

    def train(
        self, settings: Mapping[str, Any], seed: int, on_epoch: Callable[[int, float], None]
    ) -> Scored:
        self.trained.append((dict(settings), seed))
        if error := self.fails(len(self.trained)):
            raise error
        strength = settings.get("l2.factor", 1e-4)
        score = 1 - abs(strength - 3e-3) - (settings.get("learning_rate.schedule") == "constant")
        for number in range(1, EPOCHS + 1):
            on_epoch(number, score)
        return Scored(score, EPOCHS * settings.get("bagging.members", 1), 1.0)


def plan(
    bench: Bench,
    searched: tuple[Searched, ...] = (STRENGTH, WORD),
    metric: str = "accuracy",
    **tuning: Any,
) -> Plan:
    budget = {"rule": "epochs", "epochs": 60, "trials_per_setting": 4, **tuning.pop("budget", {})}
    settings = {"sampler": "quasi_random", "pruner": None, "seeds": [1001], "storage": None}
    return Plan(
        "l2",
        searched,
        Tuning.model_validate({**settings, "search": {}, "fixed": {}, "budget": budget, **tuning}),
        metric,
        settings=dict,
        train=bench.train,
        epochs=lambda chosen: EPOCHS * chosen.get("bagging.members", 1),
    )


def opened(folder: Path, name: str = "l2 1") -> Any:
    return open_study(LocalFile(folder), None, name, higher_is_better=True)


def searched(folder: Path, bench: Bench, **options: Any) -> dict[str, Any]:
    return search(plan(bench, **options), opened(folder))


def test_the_first_trial_is_the_technique_as_it_is_and_the_best_is_found(tmp_path: Path) -> None:
    bench = Bench()
    found = searched(tmp_path, bench)
    assert bench.trained[0] == ({}, 1001)
    assert len(found["trials"]) == 12  # of 60 epochs
    assert found["epochs"] == 60
    assert found["own_score"] == pytest.approx(1 - 2.9e-3)
    scores = [trial["score"] for trial in found["trials"]]
    assert found["best"]["score"] == max(scores) > found["own_score"]
    assert found["best"]["regularizers"] == found["trials"][found["best"]["point"]]["values"]
    assert sum(found["importance"].values()) == pytest.approx(1)
    assert found["importance"]["learning_rate.schedule"] > 0.9  # by the formula


@pytest.mark.parametrize("sampler", ["quasi_random", "tpe", "grid"])
def test_a_killed_search_goes_on_to_the_same_trials(tmp_path: Path, sampler: str) -> None:
    whole = searched(tmp_path / "whole", Bench(), sampler=sampler)

    def killed(number: int) -> BaseException | None:
        return KeyboardInterrupt() if number == 4 else None

    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "killed", Bench(killed), sampler=sampler)
    rest = Bench()
    found = searched(tmp_path / "killed", rest, sampler=sampler)
    assert found["trials"] == whole["trials"]
    assert len(rest.trained) == len(whole["trials"]) - 3  # what was at work is made again
    nothing = Bench()
    assert searched(tmp_path / "killed", nothing, sampler=sampler) == found
    assert nothing.trained == []


def test_commits_do_not_wait_for_the_disk(tmp_path: Path) -> None:
    storage = opened(tmp_path)._storage._backend
    with storage.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_larger_budget_goes_on_from_there(tmp_path: Path) -> None:
    first = searched(tmp_path, Bench(), budget={"epochs": 20})
    more = Bench()
    found = searched(tmp_path, more, budget={"epochs": 40})
    assert found["trials"][:4] == first["trials"]
    assert len(more.trained) == 4


def test_a_trial_whose_process_ends_again_and_again_has_failed(tmp_path: Path) -> None:
    def killed(number: int) -> BaseException | None:
        return KeyboardInterrupt() if number == 1 else None

    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, Bench(lambda number: KeyboardInterrupt() if number == 2 else None))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            searched(tmp_path, Bench(killed))
    found = searched(tmp_path, Bench())
    assert found["trials"][1]["state"] == "failed"
    assert found["trials"][1]["reason"] == "its process ended 3 times"
    assert len(found["trials"]) == 13  # it has taken no epochs


def test_of_a_metric_that_is_better_when_lower_the_lowest_is_the_best(tmp_path: Path) -> None:
    study = open_study(LocalFile(tmp_path), None, "l2 1", higher_is_better=False)
    found = search(plan(Bench(), metric="cross_entropy"), study)
    assert found["best"]["score"] == min(trial["score"] for trial in found["trials"])
    assert found["best"]["score"] == study.best_value


def test_the_same_epochs_for_who_trains_several_networks(tmp_path: Path) -> None:
    found = searched(tmp_path, Bench(), searched=(STRENGTH, MEMBERS))
    spent = [trial["epochs"] for trial in found["trials"]]
    assert set(spent) == {5, 25}
    assert 60 - 25 < sum(spent) <= 60


def test_what_the_budget_does_not_allow_is_no_trial_however_often_asked(tmp_path: Path) -> None:
    options = {"searched": (STRENGTH, MEMBERS), "budget": {"epochs": 62}}
    first = searched(tmp_path, Bench(), **options)
    for _ in range(4):
        assert searched(tmp_path, Bench(), **options) == first


def test_so_many_trials_for_each_setting(tmp_path: Path) -> None:
    rule = {"rule": "per_setting"}
    assert len(searched(tmp_path / "2", Bench(), budget=rule)["trials"]) == 8
    assert len(searched(tmp_path / "1", Bench(), budget=rule, searched=(WORD,))["trials"]) == 4
    found = searched(tmp_path / "0", Bench(), budget=rule, searched=())
    assert [trial["values"] for trial in found["trials"]] == [{}]
    assert found["importance"] == {}


def test_the_mean_over_seeds_counts(tmp_path: Path) -> None:
    bench = Bench()
    found = searched(tmp_path, bench, seeds=[1001, 1002])
    assert [seed for _, seed in bench.trained] == [1001, 1002] * 6
    assert found["epochs"] == 60


def test_failed_trials_are_told_with_their_reason(tmp_path: Path) -> None:
    errors: dict[int, BaseException] = {
        2: FailedTrialError("the loss stopped being finite"),
        3: StudyError("cutout: more than the image"),
        4: MemoryError("too much"),
    }
    found = searched(tmp_path, Bench(errors.get))
    failed = [trial for trial in found["trials"] if trial["state"] == "failed"]
    assert [trial["reason"] for trial in failed] == [
        "the loss stopped being finite",
        "cutout: more than the image",
        "MemoryError: too much",
    ]
    assert found["epochs"] == 60  # they have taken theirs
    [_, line, _, page] = told.lines({"l2": found}, "tuning.html")
    assert page.endswith(": tuning.html")
    assert line.endswith("(12 trials, 3 failed)")


def test_what_no_trial_can_do_better_ends_the_search(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no feature maps"):
        searched(tmp_path, Bench(lambda number: StudyError("no feature maps")))
    full = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        searched(tmp_path / "full", Bench(lambda number: full if number == 2 else None))


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_hopeless_trials_end_early_and_leave_epochs_to_others(tmp_path: Path, pruner: str) -> None:
    found = searched(tmp_path, Bench(), pruner=pruner, budget={"epochs": 200})
    pruned = [trial for trial in found["trials"] if trial["state"] == "pruned"]
    assert pruned
    assert all(trial["epochs"] < EPOCHS and trial["score"] is None for trial in pruned)
    assert len(found["trials"]) > 40


def test_a_budget_below_one_trial_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="4 are fewer than the 5 epochs of one trial of l2; set"):
        searched(tmp_path, Bench(), budget={"epochs": 4})


def test_a_search_that_failed_as_a_whole_is_told() -> None:
    outcome = nothing_found(plan(Bench()), "killed")
    assert outcome["reason"] == "killed"
    [_, line, *_] = told.lines({"l2": outcome}, "tuning.html")
    assert line == "  l2: nothing found, 0 trials"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "trials.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StudyError, match=r"trials\.db: the trials cannot be read: .*; delete it"):
        opened(tmp_path)


def test_another_storage_by_its_address(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/other.db"
    study = open_study(LocalFile(tmp_path / "data"), address, "l2 1", higher_is_better=False)
    assert study.direction.name == "MINIMIZE"
    assert not (tmp_path / "data").exists()
    with pytest.raises(StudyError, match=r"nothing://host: the trials cannot be read: .*; check"):
        open_study(LocalFile(tmp_path), "nothing://host", "l2 1", higher_is_better=True)


def test_an_object_store_cannot_hold_the_file() -> None:
    folder = RemoteFile("memory://bucket/05_tuning", {})
    with pytest.raises(StudyError, match=r"set tuning\.storage to the address of an Optuna"):
        open_study(folder, None, "l2 1", higher_is_better=True)


def test_searches_may_open_another_storage_for_the_first_time_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[str] = []

    class Second(optuna.storages.RDBStorage):
        def __init__(self, address: str, **options: Any) -> None:
            super().__init__(address, **options)
            if not failed:  # another one has made the tables meanwhile
                failed.append(address)
                raise OperationalError("create", {}, Exception("table studies already exists"))

    monkeypatch.setattr(optuna.storages, "RDBStorage", Second)
    address = f"sqlite:///{tmp_path}/other.db"
    study = open_study(LocalFile(tmp_path), address, "l2 1", higher_is_better=True)
    found = search(plan(Bench()), study)
    assert failed == [address]
    assert found == searched(tmp_path / "usual", Bench())


def test_who_searches_the_same_technique_at_the_same_time_is_told(tmp_path: Path) -> None:
    def other_begins(number: int) -> None:
        if number == 2:
            found.append(searched(tmp_path, Bench()))

    found: list[dict[str, Any]] = []
    with pytest.raises(StudyError, match=r"l2: another search of it, .* goes on in place of this"):
        searched(tmp_path, Bench(other_begins))
    assert found[0]["trials"] == searched(tmp_path / "alone", Bench())["trials"]


def test_a_journal_file_in_no_folder_is_named(tmp_path: Path) -> None:
    address = f"journal://{tmp_path}/missing/trials.log"
    with pytest.raises(StudyError, match=r"missing is no folder.*; check tuning\.storage"):
        open_study(LocalFile(tmp_path), address, "l2 1", higher_is_better=True)
