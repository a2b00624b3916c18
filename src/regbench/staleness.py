"""Which stored datasets were made from something else than the study at hand.

``--only-missing-outputs`` looks at existence alone; what is stale is made to look missing.
"""

import logging
from typing import Any

from kedro.framework.project import pipelines
from kedro.io import AbstractDataset, CatalogProtocol
from kedro.pipeline import Pipeline

from regbench import fingerprint
from regbench.errors import DamagedFileError, StudyError, UnreachableError, explanation

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
_IDENTIFIED = ("images", "split_index", "classes")  # by the data's fingerprint
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


def forget_data_fingerprint(
    pipeline: Pipeline, catalog: Catalog, *, only_missing_outputs: bool
) -> None:
    """Remove the data's fingerprint before the data are made again.

    It says what the stored data are; while they are replaced nobody can. It is made from the
    data alone, so nothing is lost.
    """
    made = {"images", "split_index"} & pipeline.all_outputs()
    if only_missing_outputs:
        made = {name for name in made if not catalog.exists(name)}
    if made:
        stored_dataset(catalog, "data_fingerprint").remove()


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
        catalog.save("report_made_from", _made_from_now(catalog, images))


def _stale(pipeline: Pipeline, catalog: Catalog) -> set[str]:
    parameters = catalog.load("parameters")
    recorded = _load(catalog, "data_fingerprint")
    in_pipeline = pipeline.all_outputs()
    of_data = pipelines["data"].all_outputs() & in_pipeline
    of_report = pipelines["reporting"].all_outputs() & in_pipeline
    files = _files(catalog) if of_data or of_report else None
    stale = _stale_data(of_data, recorded.get("made_from", {}), parameters, files)
    data_are_stale = bool({"images", "split_index"} & stale) or not recorded
    if not data_are_stale and _are_damaged(of_data - stale, recorded, catalog):
        stale |= of_data  # made again as they were: what was trained on them stays
    current = fingerprint.current(recorded, parameters["preparation"], parameters["fingerprints"])
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
    if of_report and (
        stale & in_pipeline or _load(catalog, "report_made_from") != _made_from_now(catalog, files)
    ):
        stale |= of_report
    # Nobody has written down what the labels of the unlabelled images were made from.
    unrecorded: set[str] = pipelines["prediction"].all_outputs() & in_pipeline
    return stale | unrecorded


def _made_from_now(catalog: Catalog, images: str | None) -> dict[str, Any]:
    """What the report would be made from now.

    Args:
        catalog: Of the session.
        images: The digest of the set of images; None if it cannot be read.

    Returns:
        Digests by input of the report.
    """
    inputs = pipelines["reporting"].inputs() - _OF_DATA - _OF_EVERY_RUN
    digests = {name: _digest(catalog, name) for name in sorted(inputs)}
    return digests | {"image_digest": images, "code": fingerprint.of_package()}


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
    return fingerprint.digest(value.to_csv(index=False) if hasattr(value, "to_csv") else value)


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
    run: str, now: fingerprint.Fingerprint, data_are_stale: bool, catalog: Catalog
) -> set[str]:
    trained = _load(catalog, f"{run}.fingerprint")
    until_training = {part: now[part] for part in now if part != "evaluation"}
    changed = any(trained.get(part) != now[part] for part in until_training)
    if data_are_stale or changed or not catalog.exists(f"{run}.network"):
        return {f"{run}.{made}" for made in (*_OF_TRAINING, *_OF_EVALUATION)}
    from regbench.results import FAILED  # noqa: PLC0415 - imports pandas

    metrics = _load(catalog, f"{run}.metrics")
    evaluated = metrics.get("fingerprint", {})
    changed = bool(fingerprint.changed(evaluated, now)) or metrics.get("status") == FAILED
    if changed or evaluated.get("weights") != trained.get("weights"):
        return {f"{run}.{made}" for made in _OF_EVALUATION}
    return set()


def _are_damaged(of_data: set[str], recorded: dict[str, Any], catalog: Catalog) -> bool:
    """Whether prepared data cannot be read, or are not those that were recorded."""
    stored = {name for name in of_data if catalog.exists(name) and not name.endswith("_preview")}
    if any(_is_damaged(name, catalog) for name in sorted(stored)):
        return True
    made = [catalog.load(name) for name in _IDENTIFIED if name in stored]
    if len(made) < len(_IDENTIFIED):
        return False  # made again because they are missing
    now = fingerprint.of_data(*made)
    if all(recorded.get(part) == digest for part, digest in now.items()):
        return False
    logger.warning("the prepared images have been changed or damaged since; they are made again")
    return True


def _damaged_run(run: str, stale: set[str], catalog: Catalog) -> set[str]:
    """What has to be made again because a file that is about to be read is damaged."""
    trained, evaluated = ({f"{run}.{made}" for made in of} for of in (_OF_TRAINING, _OF_EVALUATION))
    if trained & stale:
        return set()
    to_read = {f"{run}.history", f"{run}.predictions"} - stale
    if evaluated & stale:
        to_read |= {f"{run}.network", f"{run}.best_epoch_weights"}
    to_read = {name for name in to_read if name in catalog and catalog.exists(name)}
    damaged = {name for name in sorted(to_read) if _is_damaged(name, catalog)}
    if damaged & trained:
        return trained | evaluated
    return evaluated if damaged else set()


def _is_damaged(name: str, catalog: Catalog) -> bool:
    """Whether a stored dataset cannot be read; a warning says so."""
    from regbench.datasets.network_dataset import NetworkDataset  # noqa: PLC0415 - imports pandas

    dataset = _dataset(catalog, name)
    try:
        if isinstance(dataset, NetworkDataset):
            dataset.check()  # without importing Keras
        else:
            dataset.load()
    except Exception as error:
        fault = explanation(error)
        if not isinstance(fault, DamagedFileError):
            raise
        logger.warning("%s", fault.message)
        return True
    return False


def _is_complete(
    technique: str, now: fingerprint.Fingerprint, seeds: list[str], catalog: Catalog
) -> bool:
    """Whether the collected results are of all seeds and of the stored runs."""
    runs = stored_dataset(catalog, f"{technique}_results").runs()
    if runs.empty:
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


def _is_kept(catalog: Catalog, name: str) -> bool:
    return name in catalog and not getattr(catalog.get(name), "_EPHEMERAL", False)


def _fault(error: Exception) -> StudyError | None:
    """What is wrong with a file that is stored; None if that is not known."""
    fault = explanation(error)
    return None if isinstance(fault, UnreachableError) else fault


def _load(catalog: Catalog, name: str) -> dict[str, Any]:
    """A stored JSON record; an empty one if there is none that can be read."""
    if name not in catalog or not catalog.exists(name):
        return {}
    try:
        record = catalog.load(name)
    except Exception as error:
        fault = _fault(error)
        if fault is None:
            raise
        logger.warning("%s", fault.message)
        return {}
    return record if isinstance(record, dict) else {}
