"""The stepwise combination of the study at hand: its rules, its trainings, and what is next."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any

import pandas as pd

from regbench.comparison.compare import set_aside_stale
from regbench.comparison.statistics import MIN_SEEDS
from regbench.errors import StudyError
from regbench.evaluation.resampling import seeds_of
from regbench.evaluation.results import Results
from regbench.metrics.registry import METRICS
from regbench.recommendation.combination import Builder, Combination
from regbench.recommendation.judging import BySeed, Judged, Rules, judged
from regbench.recommendation.prices import Prices
from regbench.recommendation.steps import Progress, Stepwise
from regbench.recommendation.trained import Trainings
from regbench.recommendation.work import Job
from regbench.storage.stored_file import StoredFile
from regbench.study.fingerprints import current_fingerprints
from regbench.study.recommend import Recommend
from regbench.study.reporting import Reporting

SELECTS, REPORTS = "validation", "test"  # the split parts


def begin(parameters: Mapping[str, Any], split_index: pd.DataFrame, started: str) -> dict[str, str]:
    """Return when the run began, as ``run``, and until when trainings are made, as ``until``.

    Args:
        parameters: Of the study.
        split_index: A row per image.
        started: ISO 8601, in UTC.

    Raises:
        StudyError: The study has several networks, several splits, no test images or too few seeds.
    """
    if "network" not in parameters:
        names = parameters["protocol"]["network"]
        raise StudyError(
            f"a recommendation is for one network, and protocol.network names {len(names)}; "
            f"--params=protocol.network={names[0]} takes the first"
        )
    if seeds_of(split_index):
        raise StudyError(
            "a recommendation takes a study with one split, as test images of one seed would be "
            "validation images of another; set protocol.split.resample: false and "
            "protocol.split.folds: null"
        )
    if REPORTS not in set(split_index["split"].astype("str")):
        raise StudyError(
            "a recommendation takes a study with test images: without them, it would be judged by "
            "the validation images that chose it; set protocol.split.test above 0"
        )
    protocol = parameters["protocol"]
    if not protocol.get("looks") and len(protocol["seeds"]) < MIN_SEEDS:
        raise StudyError(
            f"protocol.seeds: nothing is decided with {len(protocol['seeds'])} seeds; a "
            f"recommendation takes {MIN_SEEDS} or more: --params=protocol.seeds={MIN_SEEDS}"
        )
    minutes = Recommend.model_validate(parameters["recommend"]).minutes
    until = datetime.fromisoformat(started) + timedelta(minutes=minutes)
    return {"run": started, "until": until.isoformat()}


class Plan:
    """The stepwise combination of a study, as far as its trainings lead."""

    def __init__(
        self,
        parameters: Mapping[str, Any],
        results: Sequence[Results],
        data_fingerprint: Mapping[str, Any],
        folder: StoredFile,
        run: str,
    ) -> None:
        """Take the study.

        Args:
            parameters: Of the study, as nodes have them.
            results: Of its techniques, in their order, as stored.
            data_fingerprint: Of images and split, as stored.
            folder: Where trainings go that are made besides the study's.
            run: When the run began.
        """
        settings = Recommend.model_validate(parameters["recommend"])
        reporting = Reporting.model_validate(parameters["reporting"])
        protocol = parameters["protocol"]
        self.metric = METRICS[reporting.metric]
        self.builder = Builder(parameters)
        self._seeds = tuple(protocol["seeds"])
        others = set(self._seeds) | set(parameters["tuning"]["seeds"])
        self.fresh = _lowest_besides(others, len(self._seeds)) if settings.fresh_seeds else ()
        self._looks = tuple(protocol.get("looks", ()))
        self._band = reporting.band
        stored = dict(zip(parameters["techniques"], results, strict=True))
        current = current_fingerprints(
            data_fingerprint, parameters["preparation"], parameters["fingerprints"]
        )
        up_to_date, self.stale = set_aside_stale(stored, current, self._seeds)
        techniques = self.builder.techniques | {"": self.builder.baseline}
        self.trainings = Trainings(
            {of.digest: up_to_date[of.name] for of in techniques.values()},
            folder,
            {part: data_fingerprint[part] for part in ("data", "split")},
            (*self._seeds, *self.fresh),
            run,
        )
        self.prices = Prices(self.trainings.seconds, self.builder.baseline, self.builder.techniques)
        self._stepwise = Stepwise(
            self.builder,
            lambda of: self._values(of, SELECTS, self._seeds),
            lambda: self._rules(SELECTS, self._seeds),
            settings.max_techniques,
            settings.candidates,
        )

    def progress(self, *, is_over: bool = False) -> Progress:
        """Return how far the stepwise combination has come."""
        return self._stepwise.progress(is_over=is_over)

    @property
    def first_seeds(self) -> tuple[int, ...]:
        """The seeds that a first verdict needs."""
        return self._rules(SELECTS, self._seeds).first

    def needs(self) -> list[Job]:
        """Return the trainings that are needed next, in order; empty at the end."""
        progress = self.progress()
        jobs = list(progress.steps[-1].needs())
        if progress.is_finished:
            seeds = self.on_test(progress.combination).lacks
            ends = (self.builder.baseline, progress.combination)
            jobs = [(combination, seed) for seed in seeds for combination in ends]
        each = {(combination.digest, seed): (combination, seed) for combination, seed in jobs}
        return [job for job in each.values() if not self.trainings.is_there(*job)]

    def on_test(self, combination: Combination) -> Judged:
        """Return where a combination stands against the baseline on test images.

        With fresh seeds, if the study wants these. Of the baseline itself nothing is said, and
        nothing lacks.
        """
        if combination.digest == self.builder.baseline.digest:
            return Judged(None, 0.0)
        seeds = self.fresh or self._seeds
        candidate, baseline = (
            self._values(of, REPORTS, seeds) for of in (combination, self.builder.baseline)
        )
        return judged({"": candidate}, baseline, self._rules(REPORTS, seeds), 1)[""]

    def seeds_on_test(self, combination: Combination) -> tuple[int, ...]:
        """Return the seeds by which a combination is compared on test images.

        The fresh ones, as soon as there are enough for a first verdict; before, the study's own.
        """
        first = set(self._rules(REPORTS, self.fresh).first)
        ends = (combination, self.builder.baseline)
        is_there = first and all(first <= self.trainings.seeds_of(of) for of in ends)
        return self.fresh if is_there else self._seeds

    def _values(self, of: Combination, part: str, seeds: tuple[int, ...]) -> BySeed:
        values = self.trainings.values(of, f"{part}_{self.metric.name}")
        return {seed: value for seed, value in values.items() if seed in seeds}

    def _rules(self, part: str, seeds: tuple[int, ...]) -> Rules:
        step = self.trainings.step(self.builder.baseline, part, self.metric)
        return Rules(seeds, self._looks, self._band, self.metric, step)


def _lowest_besides(others: set[int], number: int) -> tuple[int, ...]:
    """Return the lowest numbers from 1 that are not among others."""
    return tuple(islice((seed for seed in count(1) if seed not in others), number))
