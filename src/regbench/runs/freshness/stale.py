"""Which stored datasets were made from something else than the study at hand.

``--only-missing-outputs`` looks at existence alone; what is stale is made to look missing.
"""

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from kedro.framework.project import pipelines
from kedro.io import AbstractDataset, CatalogProtocol
from kedro.pipeline import Pipeline

from regbench.errors import DamagedFileError, StudyError, UnreachableError, explanation
from regbench.storage.atomic import made_by_regbench
from regbench.storage.remote import digest
from regbench.study import fingerprints

logger = logging.getLogger(__name__)

Catalog = CatalogProtocol[Any, Any]

# What the data nodes make, by the setting that it depends on besides the images and the split.
_DATA_SETTINGS = {
    "ingest": None,
    "split": None,
    "normalization": ("normalization", "zca"),
    "zca": ("zca",),
    "augmentation": ("augmentation",),
    "evaluation": ("corrupted_images", "corrupted_rows", "corruption_preview"),
}
_OF_TRAINING = ("network", "history", "best_epoch_weights", "fingerprint")
_OF_EVALUATION = ("predictions", "metrics")
# Inputs of the report that are looked at by themselves, or that the run itself has changed.
_OF_EVERY_RUN = frozenset({"image_digest", "study_history_before"})
# Inputs of the report that the data's fingerprint identifies.
_OF_DATA = frozenset({"images", "split_index", "classes", "rejected_images"})


class StaleDataset(AbstractDataset[Any, Any]):
    """A dataset that counts as missing until it is saved again."""

    def __init__(self, stored: Any) -> None:
        """Wrap the stored dataset."""
        self.stored = stored
        self._saved = False

    def load(self) -> Any:
        """Return what is stored."""
        return self.stored.load()

    def save(self, data: Any) -> None:
        """Replace what is stored."""
        self.stored.save(data)
        self._saved = True

    def _exists(self) -> bool:
        return self._saved

    def _describe(self) -> dict[str, Any]:
        return {"stale": self.stored}


def treat_stale_as_missing(pipeline: Pipeline, catalog: Catalog) -> None:
    """Have Kedro make again what a pipeline makes and what is stored but stale."""
    stale = _stale(pipeline, catalog) & pipeline.all_outputs()
    kedro = logging.getLogger("kedro.io")
    level = kedro.level
    kedro.setLevel(logging.ERROR)  # it warns of every dataset that is replaced
    try:
        for name in sorted(stale):
            if _is_kept(catalog, name):
                catalog[name] = StaleDataset(_dataset(catalog, name))
    finally:
        kedro.setLevel(level)


class Forgotten(NamedTuple):
    """The prepared files that a run makes again, and the record of all of them before."""

    made: set[str]
    record: dict[str, Any]


def forget_prepared(
    pipeline: Pipeline, catalog: Catalog, *, only_missing_outputs: bool
) -> Forgotten:
    """Take out of the record what is about to be made again, and remove the data's fingerprint.

    These say what the stored data are; while they are replaced nobody can. The record keeps what
    the data were: if they become the same again, what was trained on them stays.

    Returns:
        For ``remember_prepared``; the record is empty if there is none.
    """
    record = _load(catalog, "prepared_files")
    record = record if fingerprints.is_sealed(record) else {}
    made = _recorded_names(catalog) & pipeline.all_outputs()
    if only_missing_outputs:
        made = {name for name in made if not catalog.exists(name)}
    if made and record:
        left = {name: file for name, file in record["files"].items() if name not in made}
        _save_record(left, record["data_fingerprint"], catalog)
    elif made:
        stored_dataset(catalog, "prepared_files").remove()
    if made & {"images", "split_index"}:
        stored_dataset(catalog, "data_fingerprint").remove()
    return Forgotten(made, record)


def remember_prepared(forgotten: Forgotten, pipeline: Pipeline, catalog: Catalog) -> None:
    """Bring the record up to date where only a part of the data pipeline was run.

    Without a new fingerprint of the data, only files that are as they were go back into it: of
    others nobody knows what they were made from.
    """
    made, record = forgotten
    if not made or "prepared_files" in pipeline.all_outputs():
        return
    before = record.get("files", {})
    now = stored_dataset(catalog, "prepared_digests").load()
    files = {name: file for name, file in before.items() if name not in made or now[name] == file}
    if "data_fingerprint" in pipeline.all_outputs():
        files |= {name: now[name] for name in made if now[name]}
        _save_record(files, catalog.load("data_fingerprint"), catalog)
    elif record:
        _save_record(files, record["data_fingerprint"], catalog)


def _save_record(files: dict[str, str], data: dict[str, Any], catalog: Catalog) -> None:
    record = fingerprints.sealed({"files": files, "data_fingerprint": data})
    stored_dataset(catalog, "prepared_files").save(record)


def check_prepared(names: set[str], catalog: Catalog) -> None:
    """Stop where prepared files that are about to be read are not those that were made.

    Raises:
        StudyError: They are not; it names them, and the command that makes them again.
    """
    record = _load(catalog, "prepared_files")
    if fingerprints.is_sealed(record):
        said = _changed_prepared(names, record, catalog)
    else:
        said = f"{_file(catalog, 'prepared_files')}: damaged, or changed since it was made"
    if said:
        raise DamagedFileError(
            f"{said}; {catalog.load('params:command')} --pipelines=data --only-missing-outputs "
            "prepares the images again"
        )


def is_up_to_date(pipeline: Pipeline, catalog: Catalog) -> bool:
    """Whether a resumed run has nothing to do, once stale datasets count as missing.

    Nobody knows it of what is no part of the study.
    """
    made = pipeline.all_outputs()
    return made <= pipelines["__default__"].all_outputs() and all(
        catalog.exists(name) for name in made if _is_kept(catalog, name)
    )


def forget_report_record(pipeline: Pipeline, catalog: Catalog) -> None:
    """Remove the record of what the report was made from before any of it is made again."""
    if pipelines["reporting"].all_outputs() & pipeline.all_outputs():
        stored_dataset(catalog, "report_made_from").remove()


def record_report(pipeline: Pipeline, catalog: Catalog) -> None:
    """Write down what the report was made from, when all of it has been made."""
    if pipelines["reporting"].all_outputs() <= pipeline.all_outputs():
        images = catalog.load("comparison_made_from")["images"]
        made_from = fingerprints.sealed(_made_from_now(catalog, images))
        catalog.save("report_made_from", made_from)


def _stale(pipeline: Pipeline, catalog: Catalog) -> set[str]:
    parameters = catalog.load("parameters")
    prepared = _sealed(catalog, "prepared_files", "the images are prepared again")
    recorded = _recorded_data(prepared, catalog)
    in_pipeline = pipeline.all_outputs()
    of_data = pipelines["data"].all_outputs() & in_pipeline
    of_report = pipelines["reporting"].all_outputs() & in_pipeline
    files = _files(catalog) if of_data or of_report else None
    stale = _stale_data(of_data, recorded.get("made_from", {}), parameters, files)
    data_are_stale = bool({"images", "split_index"} & stale) or not recorded
    if not data_are_stale and _are_damaged(of_data - stale, prepared, catalog):
        stale |= of_data  # made again as they were: what was trained on them stays
    if any(name in stale or not catalog.exists(name) for name in of_data):
        stale |= {"prepared_files"} & of_data
    current = fingerprints.current(recorded, parameters["preparation"], parameters["fingerprints"])
    seeds = [str(seed) for seed in parameters["protocol"]["seeds"]]
    for technique, now in current.items():
        runs_are_stale = False
        for seed in seeds:
            run = f"{technique}.seed_{seed}"
            of_run = _stale_run(run, now, data_are_stale, catalog)
            stale |= of_run
            runs_are_stale = runs_are_stale or bool(of_run)
        if runs_are_stale or not _is_complete(technique, now, seeds, catalog):
            stale.add(f"{technique}_results")
            for seed in seeds:
                stale |= _damaged_run(f"{technique}.seed_{seed}", stale, catalog)
    if of_report and (stale & in_pipeline or not _is_report_current(catalog, files)):
        stale |= of_report
    # Nobody has written down what the labels of the unlabelled images were made from.
    unrecorded: set[str] = pipelines["prediction"].all_outputs() & in_pipeline
    return stale | unrecorded


def _made_from_now(catalog: Catalog, images: str | None) -> dict[str, Any]:
    """What the report would be made from now, and what its files hold.

    Args:
        catalog: Of the session.
        images: The digest of the set of images; None if it cannot be read.

    Returns:
        Digests by input of the report, and, as ``files``, by what is made.
    """
    inputs = pipelines["reporting"].inputs() - _OF_DATA - _OF_EVERY_RUN
    digests: dict[str, Any] = {name: _digest(catalog, name) for name in sorted(inputs)}
    digests |= {"image_digest": images, "code": fingerprints.of_package()}
    return digests | {"files": catalog.load("report_digests")}


def _is_report_current(catalog: Catalog, images: str | None) -> bool:
    """Whether the report is made from what there is now, and is as it was made."""
    recorded = _sealed(catalog, "report_made_from", "the report is made again")
    if not recorded:
        return False
    record = _file(catalog, "report_made_from")
    now = _made_from_now(catalog, images)
    files = recorded["files"]
    said = _changed_files("report_digests", now["files"], files, record, catalog)
    if said:
        logger.warning("%s; the report is made again", said)
    return recorded == fingerprints.sealed(now)


def _recorded_data(prepared: dict[str, Any], catalog: Catalog) -> dict[str, Any]:
    """The data's fingerprint as it was written; the record has it if its own file is gone."""
    recorded: dict[str, Any] = prepared.get("data_fingerprint", {})
    return recorded or _load(catalog, "data_fingerprint")


def _recorded_names(catalog: Catalog) -> set[str]:
    """The prepared datasets whose files are recorded."""
    return set(stored_dataset(catalog, "prepared_digests").files)


def _changed_prepared(names: Iterable[str], prepared: dict[str, Any], catalog: Catalog) -> str:
    record = _file(catalog, "prepared_files")
    return _changed_files("prepared_digests", names, prepared["files"], record, catalog)


def _changed_files(
    digests: str, names: Iterable[str], recorded: dict[str, str], record: str, catalog: Catalog
) -> str:
    """Say which files are not those that were recorded; nothing if all are.

    Args:
        digests: The dataset of their digests now.
        names: Of datasets.
        recorded: The digests as they should be.
        record: The file that they stand in.
        catalog: Of the session.
    """
    dataset = stored_dataset(catalog, digests)
    changed = [
        str(file)
        for name, file in dataset.files.items()
        if name in names and digest(file) != recorded.get(name, "")
    ]
    return f"{', '.join(changed)}: not as {record} has it, damaged or changed" if changed else ""


def _digest(catalog: Catalog, name: str) -> str:
    stored = stored_dataset(catalog, name)
    if hasattr(stored, "digest"):
        return str(stored.digest())
    try:
        value: Any = catalog.load(name) if catalog.exists(name) else None
    except Exception as error:
        if _fault(error) is None:
            raise
        return ""  # said by the node that reads it
    return fingerprints.digest(value.to_csv(index=False) if hasattr(value, "to_csv") else value)


def _stale_data(
    of_data: set[str], made_from: dict[str, str], parameters: dict[str, Any], files: str | None
) -> set[str]:
    if not of_data or made_from.get("files") != files:
        return of_data
    stale: set[str] = set()
    for setting, depending in _DATA_SETTINGS.items():
        if made_from.get(setting) != parameters["preparation"][setting]:
            stale |= of_data if depending is None else {*depending, "data_fingerprint"}
            stale |= {"augmentation_preview"} & of_data
    return stale


def _stale_run(
    run: str, now: fingerprints.Fingerprint, data_are_stale: bool, catalog: Catalog
) -> set[str]:
    trained = _sealed(catalog, f"{run}.fingerprint", "the run is trained again")
    until_training = {part: now[part] for part in now if part != "evaluation"}
    changed = any(trained.get(part) != now[part] for part in until_training)
    if data_are_stale or changed or not catalog.exists(f"{run}.network"):
        return {f"{run}.{made}" for made in (*_OF_TRAINING, *_OF_EVALUATION)}
    from regbench.evaluation.results import FAILED  # noqa: PLC0415 - imports pandas

    metrics = _load(catalog, f"{run}.metrics")
    evaluated = metrics.get("fingerprint", {})
    changed = bool(fingerprints.changed(evaluated, now)) or metrics.get("status") == FAILED
    if metrics and not _are_metrics_of(run, metrics):
        said = "%s: damaged, or changed since it was made; the run is evaluated again"
        logger.warning(said, _file(catalog, f"{run}.metrics"))
        changed = True
    changed = changed or not catalog.exists(f"{run}.predictions")
    if changed or evaluated.get("weights") != trained.get("weights"):
        return {f"{run}.{made}" for made in _OF_EVALUATION}
    return set()


def _are_metrics_of(run: str, metrics: dict[str, Any]) -> bool:
    """Whether these are the metrics of a run as they were written."""
    recorded = metrics.get("fingerprint", {}).get("metrics")
    of_run = f"{metrics.get('technique')}.seed_{metrics.get('seed')}"
    return of_run == run and recorded == fingerprints.of_metrics(metrics)


def _are_damaged(of_data: set[str], prepared: dict[str, Any], catalog: Catalog) -> bool:
    """Whether prepared files are not those that were recorded."""
    stored = {name for name in of_data & _recorded_names(catalog) if catalog.exists(name)}
    if not stored:
        return False
    if prepared:
        said = _changed_prepared(stored, prepared, catalog)
    else:
        said = f"{_file(catalog, 'prepared_files')}: no record of the prepared files"
    if said:
        logger.warning("%s; the images are prepared again", said)
    return bool(said)


def _damaged_run(run: str, stale: set[str], catalog: Catalog) -> set[str]:
    """What has to be made again because a file that is about to be read is damaged."""
    trained, evaluated = ({f"{run}.{made}" for made in of} for of in (_OF_TRAINING, _OF_EVALUATION))
    if trained & stale:
        return set()
    recorded = _load(catalog, f"{run}.fingerprint")
    to_read = {"history": recorded.get("history")}
    if evaluated & stale:
        of_network = {"network": "weights", "best_epoch_weights": "best_epoch_weights"}
        to_read |= {made: recorded.get(part) for made, part in of_network.items()}
    else:
        metrics = _load(catalog, f"{run}.metrics")
        to_read["predictions"] = metrics["fingerprint"].get("predictions")
    damaged = {
        f"{run}.{made}"
        for made, now in to_read.items()
        if catalog.exists(f"{run}.{made}") and _is_damaged(f"{run}.{made}", now, catalog)
    }
    if damaged & trained:
        return trained | evaluated
    return evaluated if damaged else set()


def _is_damaged(name: str, recorded: str | None, catalog: Catalog) -> bool:
    """Whether a file of a run is not the one that was recorded; a warning says so."""
    dataset = stored_dataset(catalog, name)
    try:
        # A network's weights are read without importing Keras.
        value = dataset.weights() if hasattr(dataset, "weights") else dataset.load()
        with made_by_regbench(_file(catalog, name)):
            is_table = hasattr(value, "to_csv")
            identify = fingerprints.of_table if is_table else fingerprints.of_weights
            if identify(value) != recorded:
                raise ValueError("it does not hold what was recorded of it")
    except Exception as error:
        fault = explanation(error)
        if not isinstance(fault, DamagedFileError):
            raise
        logger.warning("%s", fault.message)
        return True
    return False


def _is_complete(
    technique: str, now: fingerprints.Fingerprint, seeds: list[str], catalog: Catalog
) -> bool:
    """Whether the collected results are of all seeds and of the stored runs."""
    runs = stored_dataset(catalog, f"{technique}_results").runs()
    if runs.empty:
        return False
    if set(runs["technique"]) != {technique}:
        logger.warning("%s: results of another technique", _file(catalog, f"{technique}_results"))
        return False
    stored = {str(run["seed"]): run for run in runs.to_dict("records")}
    return set(stored) == set(seeds) and not any(
        run.get(f"fingerprint_{part}") != digest
        for run in stored.values()
        for part, digest in now.items()
    )


def _files(catalog: Catalog) -> str | None:
    try:
        with catalog.load("labeled_images") as source:
            found: str = source.digest()
            return found
    except Exception as error:
        if _fault(error) is None:
            raise
        return None  # said by the node that reads the images


def _dataset(catalog: Catalog, name: str) -> Any:
    return catalog.get(name)


def stored_dataset(catalog: Catalog, name: str) -> Any:
    """The dataset as it is stored, stale or not."""
    dataset = _dataset(catalog, name)
    while isinstance(dataset, StaleDataset):
        dataset = dataset.stored
    return dataset


def _file(catalog: Catalog, name: str) -> str:
    """Where a dataset is stored, as messages name it."""
    return str(stored_dataset(catalog, name)._file)


def _is_kept(catalog: Catalog, name: str) -> bool:
    return name in catalog and not getattr(catalog.get(name), "_EPHEMERAL", False)


def _fault(error: Exception) -> StudyError | None:
    """What is wrong with a file that is stored; None if that is not known."""
    fault = explanation(error)
    return None if isinstance(fault, UnreachableError) else fault


def _load(catalog: Catalog, name: str) -> dict[str, Any]:
    """A stored JSON record, stale or not; an empty one if there is none that can be read."""
    if name not in catalog or not stored_dataset(catalog, name).exists():
        return {}
    try:
        record = stored_dataset(catalog, name).load()
    except Exception as error:
        fault = _fault(error)
        if fault is None:
            raise
        logger.warning("%s", fault.message)
        return {}
    return record if isinstance(record, dict) else {}


def _sealed(catalog: Catalog, name: str, then: str) -> dict[str, Any]:
    """A stored record as it was written; an empty one if there is none, and ``then`` is said."""
    record = _load(catalog, name)
    if record and not fingerprints.is_sealed(record):
        said = "%s: damaged, or changed since it was made; %s"
        logger.warning(said, _file(catalog, name), then)
        return {}
    return record
