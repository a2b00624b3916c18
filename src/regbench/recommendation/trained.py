"""The trainings that there are of combinations: the study's own, and those made besides."""

import logging
from collections.abc import Mapping
from math import isnan
from typing import Any

from regbench.comparison.answers import answers_of_results
from regbench.errors import DamagedFileError
from regbench.evaluation.results import FAILED, Results, joined
from regbench.evaluation.results_file import read_tables, write_results
from regbench.metrics.base import Metric
from regbench.recommendation.combination import Combination
from regbench.recommendation.judging import BySeed
from regbench.storage.stored_file import StoredFile
from regbench.study.fingerprints import changed_components

logger = logging.getLogger(__name__)
_RUN = "recommended_in"  # column: the run that made a training, by its beginning


class Trainings:
    """Stored trainings by combination; those that are not up to date count as missing.

    A training that is made besides the study is a file of its own below a folder, of the study's
    form: no result of the study, whatever becomes of the combination.
    """

    def __init__(
        self,
        of_study: Mapping[str, Results],
        folder: StoredFile,
        data: Mapping[str, str],
        seeds: tuple[int, ...],
        run: str,
    ) -> None:
        """Take what is stored.

        Args:
            of_study: The study's results that are up to date, by the digest of the combination.
            folder: For the others.
            data: The fingerprint of images and split.
            seeds: Those of the study.
            run: The run's beginning: a training that failed in an earlier one is tried again.
        """
        self._of_study, self.folder, self._data = of_study, folder, dict(data)
        self._seeds, self._run = seeds, run
        self._read: dict[tuple[str, int], Results] = {}
        self._steps: dict[tuple[str, str], float] = {}
        self._study_rows: dict[str, dict[int, dict[Any, Any]]] = {}

    def results(self, combination: Combination) -> Results:
        """Return the results of all its trainings that are there."""
        found = self._of_study.get(combination.digest, Results.none())
        there = set(found.trainings["seed"])
        for seed in self._seeds:
            if seed not in there and (one := self._stored(combination, seed)):
                found = joined(found, one)
        return found

    def is_there(self, combination: Combination, seed: int) -> bool:
        """Return whether a training is there, failed or not."""
        return seed in self._rows(combination)

    def seeds_of(self, combination: Combination) -> set[int]:
        """Return the seeds of the trainings that are there, failed or not."""
        return set(self._rows(combination))

    def values(self, combination: Combination, figure: str) -> BySeed:
        """Return a figure by seed, NaN of trainings that failed or lack it."""
        return {
            seed: float("nan") if row["status"] == FAILED else float(row.get(figure, "nan"))
            for seed, row in self._rows(combination).items()
        }

    def seconds(self, combination: Combination) -> float | None:
        """Return what a training takes, in seconds, mean over those that did not fail."""
        known = [of for of in self.values(combination, "seconds").values() if not isnan(of)]
        return sum(known) / len(known) if known else None

    def failures(self, combination: Combination) -> dict[int, str]:
        """Return the reasons of its failed trainings by seed."""
        rows = self._rows(combination).items()
        return {seed: str(row["reason"]) for seed, row in rows if row["status"] == FAILED}

    def step(self, combination: Combination, part: str, metric: Metric) -> float:
        """Return the metric's step on a split part's images; 0 without any training."""
        if (combination.digest, part) in self._steps:
            return self._steps[combination.digest, part]
        results = self.results(combination)
        first = results.by_seed(f"{part}_{metric.name}").index[:1]
        for answers in answers_of_results(results.of_seeds(first), part):
            self._steps[combination.digest, part] = metric.step(answers)
            return self._steps[combination.digest, part]
        return 0.0

    def file(self, combination: Combination, seed: int, kind: str = "zip") -> StoredFile:
        """Return the file of a training, or one of another kind beside it."""
        name = f"{combination.name[:100]}_{combination.digest[:8]}/seed_{seed}.{kind}"
        return self.folder.joinpath(name)

    def save(self, combination: Combination, seed: int, results: Results) -> None:
        """Keep a training: its results alone, as its network is not needed any more."""
        results.trainings[_RUN] = self._run
        write_results(self.file(combination, seed), results)
        self._read[combination.digest, seed] = results

    def _rows(self, combination: Combination) -> dict[int, dict[Any, Any]]:
        """Return the rows of all its trainings that are there, by seed."""
        if combination.digest not in self._study_rows:
            found = self._of_study.get(combination.digest, Results.none()).trainings
            rows = {int(row["seed"]): row for row in found.to_dict("records")}
            self._study_rows[combination.digest] = rows
        rows = dict(self._study_rows[combination.digest])
        for seed in self._seeds:
            if seed not in rows and (one := self._stored(combination, seed)):
                rows[seed] = one.trainings.to_dict("records")[0]
        return rows

    def _stored(self, combination: Combination, seed: int) -> Results | None:
        """Return a training of the folder; None if it is missing, not up to date or damaged."""
        key = (combination.digest, seed)
        if key not in self._read and (found := self._read_file(combination, seed)):
            self._read[key] = found
        return self._read.get(key)

    def _read_file(self, combination: Combination, seed: int) -> Results | None:
        file = self.file(combination, seed)
        if not file.exists():
            return None
        try:
            found = Results(*read_tables(file))
        except DamagedFileError as error:
            logger.warning("%s", error.message)
            return None
        [training] = found.trainings.to_dict("records")
        if changed_components(_fingerprint(training), self.current(combination)):
            return None
        if training["status"] == FAILED and training[_RUN] != self._run:
            return None
        return found

    def current(self, combination: Combination) -> dict[str, Any]:
        """Return the fingerprint that its trainings would have if they were made now."""
        of = combination.fingerprint
        return {**self._data, **of["training"], "evaluation": of["evaluation"]}


def _fingerprint(training: Mapping[Any, Any]) -> dict[str, Any]:
    begin = "fingerprint_"
    return {str(k).removeprefix(begin): v for k, v in training.items() if str(k).startswith(begin)}
