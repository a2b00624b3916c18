"""Which stored trainings, results and looks no longer match the study."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from kedro.framework.project import pipelines

from regbench.errors import DamagedFileError, explanation
from regbench.runs.freshness.stored import (
    Catalog,
    file_of,
    load_record,
    load_sealed,
    stored_dataset,
)
from regbench.storage.atomic import damaged_file_errors
from regbench.study import digests, fingerprints
from regbench.study.looks import Stage, is_needed, look_name, stage_results, stages
from regbench.study.reporting import Reporting

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


class _Training(NamedTuple):
    """An arm with a seed, and the datasets that its two nodes make."""

    name: str  # <technique>.seed_<n>
    seed: int
    trained: set[str]
    evaluated: set[str]


@dataclass(frozen=True)
class StoredStudy:
    """The trainings, results and looks of the study at hand, as far as they are stored.

    Attributes:
        stages: Of the study.
        current: The present fingerprints, by arm.
        trainings: Of each arm, by seed.
        spared: The names of those after a look that were found not to be needed.
        made: The datasets that the pipeline at hand makes.
        parameters: Of the study.
        catalog: Of the session.
    """

    stages: list[Stage]
    current: Mapping[str, fingerprints.Fingerprint]
    trainings: dict[str, dict[int, _Training]]
    spared: set[str]
    made: set[str]
    parameters: dict[str, Any]
    catalog: Catalog
    _read: dict[str, "pd.DataFrame"] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        parameters: dict[str, Any],
        current: Mapping[str, fingerprints.Fingerprint],
        made: set[str],
        catalog: Catalog,
    ) -> "StoredStudy":
        """Return the stored study that parameters describe."""
        protocol = parameters["protocol"]
        outputs = {
            name: set(node.outputs)
            for node in pipelines["__default__"].nodes
            for name in node.outputs
        }
        trainings = {
            arm: {
                seed: _Training(name, seed, outputs[f"{name}.network"], outputs[f"{name}.metrics"])
                for seed in protocol["seeds"]
                for name in [f"{arm}.seed_{seed}"]
            }
            for arm in current
        }
        of_study = stages(protocol["seeds"], protocol.get("looks", ()))
        spared = {
            of_arm[seed].name
            for of_arm in trainings.values()
            for stage in of_study[1:]
            for seed in stage.seeds
            if stored_dataset(catalog, f"{of_arm[seed].name}.network").is_not_needed()
        }
        return cls(of_study, current, trainings, spared, made, parameters, catalog)

    def stale(self, *, is_data_stale: bool) -> set[str]:
        """Return the stale datasets, in the order of stages.

        Trainings after a look are judged by its record. Where that no longer holds, or a training
        before it is made again, it is not known yet what is needed: whatever was not trained then
        is decided anew, and trainings that are up to date stay.
        """
        stale: set[str] = set()
        look: dict[str, Any] | None = {}  # the record of the look before; None: it is taken anew
        for number, stage in enumerate(self.stages):
            for arm in self.trainings:
                for seed in stage.seeds:
                    stale |= self._stale_of_seed(arm, seed, look, is_data_stale)
                stale |= self._stale_results(arm, number, stale)
            if stage != self.stages[-1]:
                look = None if look is None else self._valid_look(stage, stale)
                if look is None:
                    stale.add(look_name(stage.until))
        return stale

    def _stale_of_seed(
        self, arm: str, seed: int, look: dict[str, Any] | None, is_data_stale: bool
    ) -> set[str]:
        """Return what a training made that is stale; of a spared one all, if it is decided anew."""
        training = self.trainings[arm][seed]
        if training.name not in self.spared:
            return _stale_of_training(training, self.current[arm], is_data_stale, self.catalog)
        is_still_spared = (
            look is not None and not is_needed(look, arm, seed) and self._is_wholly_spared(training)
        )
        return set() if is_still_spared else training.trained | training.evaluated

    def _is_wholly_spared(self, training: _Training) -> bool:
        """Return whether all that a training made says that it was not needed.

        A run that was killed leaves the rest missing, or as an earlier training made it.
        """
        from regbench.evaluation.results import NOT_NEEDED  # noqa: PLC0415 - imports pandas

        made = training.trained | training.evaluated
        status = load_record(self.catalog, f"{training.name}.metrics").get("status")
        return status == NOT_NEEDED and all(self.catalog.exists(name) for name in made)

    def _stale_results(self, arm: str, number: int, stale: set[str]) -> set[str]:
        """Return the results of an arm up to a stage if they are stale, and damaged trainings.

        The results are collected again from the files of every training of the stage, which are
        read.
        """
        stage = self.stages[number]
        name = stage_results(arm, stage, self.stages[-1])
        so_far = [
            training
            for of in self.stages[: number + 1]
            for training in map(self.trainings[arm].__getitem__, of.seeds)
        ]
        seeds = {str(of.seed) for of in so_far if of.name not in self.spared}
        is_stale = any((of.trained | of.evaluated) & stale for of in so_far)
        if not is_stale and self._are_results_complete(arm, name, seeds):
            return set()
        found = {name}
        for seed in stage.seeds:
            training = self.trainings[arm][seed]
            if training.name not in self.spared:
                found |= _damaged_of_training(training, stale, self.catalog)
        return found

    def _are_results_complete(self, arm: str, name: str, seeds: set[str]) -> bool:
        """Return whether results are of all these seeds of an arm, and of the study at hand."""
        trainings = self._table(name)
        if trainings.empty:
            return not seeds
        if set(trainings["technique"]) != {arm}:
            logger.warning("%s: results of another technique", file_of(self.catalog, name))
            return False
        by_seed = {str(training["seed"]): training for training in trainings.to_dict("records")}
        return set(by_seed) == seeds and all(
            self._is_current(arm, training) for training in by_seed.values()
        )

    def _table(self, name: str) -> "pd.DataFrame":
        """Return the table of trainings in stored results; it is read once."""
        if name not in self._read:
            self._read[name] = stored_dataset(self.catalog, name).trainings()
        return self._read[name]

    def _is_current(self, arm: str, training: Mapping[Any, Any]) -> bool:
        """Return whether a training's row is of the study at hand."""
        return all(
            training.get(f"fingerprint_{entry}") == digest
            for entry, digest in self.current[arm].items()
        )

    def _valid_look(self, stage: Stage, stale: set[str]) -> dict[str, Any] | None:
        """Return the record of the look after a stage; None if it has to be taken anew."""
        names = {arm: stage_results(arm, stage, self.stages[-1]) for arm in self.trainings}
        if stale & self.made & set(names.values()):
            return None
        name = look_name(stage.until)
        record = load_sealed(self.catalog, name, "the look is taken again")
        tables = {}
        for arm, of_arm in names.items():
            rows = self._table(of_arm)
            tables[arm] = rows[[self._is_current(arm, row) for row in rows.to_dict("records")]]
        made_from = fingerprints.fingerprint_of_look(
            tables,
            self.parameters["protocol"]["looks"],
            Reporting.model_validate(self.parameters["reporting"]),
            self.parameters["look_code"],
            self.parameters["preparation"],
        )
        return record if record.get("made_from") == made_from else None


def _stale_of_training(
    training: _Training,
    fingerprint: fingerprints.Fingerprint,
    is_data_stale: bool,
    catalog: Catalog,
) -> set[str]:
    """Return what a training made that its records show as stale.

    That is everything, or only the evaluation, or nothing.
    """
    name = training.name
    trained_from = load_sealed(catalog, f"{name}.fingerprint", "the training is made again")
    is_changed = any(
        trained_from.get(entry) != digest
        for entry, digest in fingerprint.items()
        if entry != "evaluation"
    )
    if is_data_stale or is_changed or not catalog.exists(f"{name}.network"):
        return training.trained | training.evaluated
    from regbench.evaluation.results import FAILED  # noqa: PLC0415 - imports pandas

    metrics = load_record(catalog, f"{name}.metrics")
    evaluated_from = metrics.get("fingerprint", {})
    is_changed = (
        bool(fingerprints.changed_components(evaluated_from, fingerprint))
        or metrics.get("status") == FAILED
        or not catalog.exists(f"{name}.predictions")
        or evaluated_from.get("weights") != trained_from.get("weights")
    )
    if metrics and not _are_metrics_intact(name, metrics):
        warning = "%s: damaged, or changed since it was made; the network is evaluated again"
        logger.warning(warning, file_of(catalog, f"{name}.metrics"))
        is_changed = True
    return training.evaluated if is_changed else set()


def _are_metrics_intact(training: str, metrics: dict[str, Any]) -> bool:
    """Return whether metrics are a training's own and match their digest."""
    recorded = metrics.get("fingerprint", {}).get("metrics")
    owner = f"{metrics.get('technique')}.seed_{metrics.get('seed')}"
    return owner == training and recorded == digests.digest_of_metrics(metrics)


def _damaged_of_training(training: _Training, stale: set[str], catalog: Catalog) -> set[str]:
    """Return what a training has to make again because a file that is to be read is damaged."""
    name, _, trained, evaluated = training
    if trained & stale:
        return set()  # nothing is read: all of it is made again
    recorded = load_record(catalog, f"{name}.fingerprint")
    to_read = {"history": recorded.get("history")}
    if evaluated & stale:
        to_read["network"] = recorded.get("weights")
        to_read["best_epoch_weights"] = recorded.get("best_epoch_weights")
    else:
        metrics = load_record(catalog, f"{name}.metrics")
        to_read["predictions"] = metrics["fingerprint"].get("predictions")
    damaged = {
        f"{name}.{made}"
        for made, digest in to_read.items()
        if catalog.exists(f"{name}.{made}") and _is_damaged(f"{name}.{made}", digest, catalog)
    }
    if damaged & trained:
        return trained | evaluated
    return evaluated if damaged else set()


def _is_damaged(dataset_name: str, recorded: str | None, catalog: Catalog) -> bool:
    """Return whether a training's file cannot be read or differs from its digest; warn if so."""
    dataset = stored_dataset(catalog, dataset_name)
    try:
        # A network's weights are read without importing Keras.
        value = dataset.weights() if hasattr(dataset, "weights") else dataset.load()
        with damaged_file_errors(file_of(catalog, dataset_name)):
            is_table = hasattr(value, "to_csv")
            digest_of = digests.digest_of_table if is_table else digests.digest_of_weights
            if digest_of(value) != recorded:
                raise ValueError("it does not hold what was recorded of it")
    except Exception as error:
        fault = explanation(error)
        if not isinstance(fault, DamagedFileError):
            raise
        logger.warning("%s", fault.message)
        return True
    return False
