"""Kedro hooks of a run: locks, staleness, progress, the summary and errors in one line."""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol
from kedro.pipeline import Node, Pipeline

from regbench.errors import (
    FailedTrainingsError,
    SettingsError,
    StudyError,
    by_reason,
    explanation,
    raise_explained,
)
from regbench.process import presence
from regbench.process.signals import at_the_end
from regbench.runs.beforehand import check_beforehand
from regbench.runs.command_line import check_selection
from regbench.runs.config_loader import PROJECT, StudyConfigLoader
from regbench.runs.exit_code import notification_addresses, notify_of_error, raise_alarms
from regbench.runs.freshness.prepared_record import (
    ReducedRecord,
    check_prepared_files,
    complete_prepared_record,
    reduce_prepared_record,
)
from regbench.runs.freshness.report_record import remove_report_record, save_report_record
from regbench.runs.freshness.stale import (
    digest_of_images,
    is_up_to_date,
    treat_stale_as_missing,
)
from regbench.runs.locks.machine import Use, machine_lock
from regbench.runs.locks.store import store_lock
from regbench.runs.told import check_results, print_results
from regbench.storage.addresses import credentials_of, is_remote
from regbench.storage.remote import RemoteFile
from regbench.storage.results_marker import is_same_folder, mark_results
from regbench.storage.stored_file import LocalFile, stored_file
from regbench.study.arms import arm_named
from regbench.training.if_needed import condition_of

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from regbench.runs.progress_display import PlainProgress


LAST_MADE = (".metrics", ".outcome")  # the datasets that a training ends with


@contextmanager
def _explained_errors() -> Iterator[None]:
    """Raise the ``StudyError`` that explains an error, if there is one, instead of the error."""
    try:
        yield
    except Exception as error:
        raise_explained(error)


class StudyHooks:
    """The hooks of every session."""

    _progress: "PlainProgress | None" = None
    _nothing_to_do = False

    def __init__(self) -> None:
        """Start without any lock."""
        self._locks = ExitStack()
        self._notify: list[str] = []
        self._reduced_record = ReducedRecord(set(), {})

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Make the pipelines from this session's configuration, not from an earlier session's."""
        pipelines.configure("regbench.pipeline_registry")
        self._notify = notification_addresses(context.config_loader)
        if isinstance(loader := context.config_loader, StudyConfigLoader):
            for line in filter(None, (loader.passed_over(), loader.unknown_files())):
                logger.warning("%s", line)
        # Slow to import; a session has imported it anyway, and other commands open none.
        from kedro_viz.integrations.kedro import run_hooks

        # kedro-viz would add this run's nodes to those of earlier runs in the same process.
        vars(run_hooks.pipeline_run_hook).update(vars(run_hooks.PipelineRunStatusHook()))

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Lock the results, find what is missing or stale, and start the display of progress.

        Raises:
            StudyError: A name on the command line is unknown, an input of the pipeline is missing
                or damaged, or another run is at work on the same results.
        """
        loader = StudyConfigLoader.latest
        # An empty loader is false, as it is a mapping.
        if loader is not None and (line := loader.left_out()):
            logger.warning("%s", line)
        check_selection(run_params)  # Kedro ignores a tag that no node has
        _check_figures()
        if any("tensorflow" in node.tags for node in pipeline.nodes):
            _set_keras_settings_aside()
        only_missing_outputs = bool(run_params.get("only_missing_outputs"))
        self._give_back_locks()  # left by an interrupted run in the same process
        at_the_end(self._end)  # Kedro calls no hook for an interrupted run
        try:
            self._lock(pipeline, catalog, only_missing_outputs=only_missing_outputs)
            _check_inputs(pipeline, catalog)
            check_beforehand(pipeline, catalog)
            if only_missing_outputs:
                treat_stale_as_missing(pipeline, catalog)
            self._nothing_to_do = only_missing_outputs and is_up_to_date(pipeline, catalog)
            if self._nothing_to_do:
                self._silence_runner()
                return
            self._reduced_record = reduce_prepared_record(
                pipeline, catalog, only_missing_outputs=only_missing_outputs
            )
            remove_report_record(pipeline, catalog)
        except Exception as error:  # Kedro calls on_pipeline_error only for errors of nodes
            self._end_with(error, catalog)
            raise
        # What was trained earlier may still have to be evaluated.
        to_do = [n for n in pipeline.nodes if any(made.endswith(LAST_MADE) for made in n.outputs)]
        if only_missing_outputs:
            to_do = [n for n in to_do if not all(catalog.exists(name) for name in n.outputs)]
        if to_do:
            from regbench.runs.progress_display import progress_display

            may_be_spared = any(condition_of(node.func) for node in to_do)
            self._progress = progress_display(len(to_do), at_most=may_be_spared)
            self._progress.start()

    @hook_impl
    @_explained_errors()
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Write the records, print the comparison or the techniques' results, raise the alarms.

        Raises:
            FailedTrainingsError: A training failed; the tables name it.
            AlarmError: An alarm went off, now or when a report that is up to date was made.
        """
        self._stop_progress()
        if self._nothing_to_do:
            self._give_back_locks()
            logger.info("up to date: %s", _summary(pipeline, catalog))
            if "alarms" in pipeline.all_outputs():
                raise_alarms(catalog, self._notify)  # their causes have not changed
            return
        try:
            complete_prepared_record(self._reduced_record, pipeline, catalog)
            save_report_record(pipeline, catalog)
        except Exception as error:
            notify_of_error(error, catalog, self._notify)
            raise_explained(error)
        finally:
            self._give_back_locks()
        made = pipeline.all_outputs()
        failed = print_results(made, catalog)
        check_results(made, catalog)
        if "alarms" in made:
            raise_alarms(catalog, self._notify, failed)
        if failed:
            raise FailedTrainingsError(
                f"{len(failed)} of the trainings failed: {'; '.join(by_reason(failed))}"
            )

    @hook_impl
    def on_pipeline_error(self, error: Exception, catalog: CatalogProtocol[Any, Any]) -> None:
        """Send a notification of an error, and shorten it to one line if the user can put it right.

        Raises:
            StudyError: It explains the error and replaces it.
        """
        self._stop_progress()
        self._end_with(error, catalog)

    def _end_with(self, error: Exception, catalog: CatalogProtocol[Any, Any]) -> None:
        """Give the locks back, and send a notification of an error.

        Raises:
            StudyError: It explains the error.
        """
        explained = explanation(error)  # while the folder of results is still looked at
        self._give_back_locks()
        notify_of_error(explained or error, catalog, self._notify)
        if explained:
            raise explained

    def _give_back_locks(self) -> None:
        """Release the locks; a disk that refuses is no error, as locks end with the process."""
        try:
            self._locks.close()
        except OSError as error:
            logger.warning("a lock stays until this process ends: %s", error)

    def _lock(
        self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any], *, only_missing_outputs: bool
    ) -> None:
        """Lock what the run makes and reads, on this machine and in a store, and mark the results.

        Raises:
            SettingsError: The results would go to the folder of the images itself.
            InUseError: Another run is at work on the same results.
        """
        parameters = catalog.load("parameters")
        address, command = parameters["data_root"], parameters["command"]
        use = _made_and_read(pipeline)
        root = stored_file(address, _credentials_of(address))
        if is_same_folder(parameters["images"], address, PROJECT):
            raise SettingsError(
                f"data_root: {address} is the set of images itself, and results would lie among "
                f"its pictures; name another folder, such as {address.rstrip('/')}/results"
            )
        wait = parameters["if_in_use"] == "wait"
        here = PROJECT / root.path
        display = str(here if isinstance(root, LocalFile) else root)
        record = self._locks.enter_context(
            machine_lock(here, use, command, wait=wait, display=display)
        )
        if isinstance(root, RemoteFile):
            logger.info("results go to %s, copies to %s", root, root.path)
            self._locks.enter_context(store_lock(root, use, command, wait=wait))
            is_empty = mark_results(root)
        else:  # a cache that is gone is filled again; what is here is nowhere else
            is_empty = mark_results(LocalFile(here))
            self._locks.enter_context(presence.watching(here, record))
        if is_empty and only_missing_outputs:
            logger.warning(
                "%s holds no results yet, so that all are made (if it should hold some: is its "
                "disk mounted?)",
                display,
            )

    def _end(self) -> None:
        """Stop the display of progress and release the locks; may be called twice."""
        self._stop_progress()
        self._give_back_locks()

    def _silence_runner(self) -> None:
        """Keep the runner from logging the nodes that it skips, until the locks end."""
        runner = logging.getLogger("regbench.runs.runner")
        self._locks.callback(runner.setLevel, runner.level)
        runner.setLevel(logging.WARNING)

    def _stop_progress(self) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None


def _credentials_of(address: str) -> dict[str, Any]:
    """Return this session's credentials for the address of a store; none for a local path."""
    loader = StudyConfigLoader.latest
    if loader is None or not is_remote(address):
        return {}
    return credentials_of(address, loader.credentials())


def _set_keras_settings_aside() -> None:
    """Let no setting of Keras that the user has change a training, and say which are left aside.

    Raises:
        SettingsError: Keras cannot be imported with one of them.
    """
    from regbench.training import keras_settings

    settings = keras_settings.set_aside()
    if settings:
        logger.warning("settings of Keras that no study follows: %s", "; ".join(settings))


def _check_figures() -> None:
    """Stop before anything is trained if a file declares its figures wrongly.

    Raises:
        SettingsError: A file has no figures, or two have the same name.
    """
    from regbench.evaluation.figures import registry

    try:
        registry.figures()
    except (TypeError, ValueError) as error:
        raise SettingsError(str(error)) from error


def _check_inputs(pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
    """Check that the prepared images that a pipeline reads exist and are as they were recorded.

    Raises:
        StudyError: They do not, or are not; or the bundle to verify is missing or none.
    """
    if "given_bundle" in pipeline.inputs():
        catalog.load("given_bundle")  # what is wrong with it is said before images are prepared
    prepared = pipelines["data"].all_outputs() & pipeline.inputs()
    if not prepared:
        return
    needed = prepared | {"prepared_files"}
    missing = sorted(name for name in needed if not catalog.exists(name))
    if missing:
        raise StudyError(_not_prepared(missing, needed, catalog))
    check_prepared_files(prepared, catalog)
    if "refit_plan" in pipeline.all_outputs():
        _warn_of_changed_images(catalog)


def _not_prepared(
    missing: Sequence[str], needed: Collection[str], catalog: CatalogProtocol[Any, Any]
) -> str:
    """Return the message on prepared images that are missing in a study's folder."""
    root, command = catalog.load("params:data_root"), catalog.load("params:command")
    way = f"{command} --pipelines=data prepares them, and without --pipelines everything is run"
    if len(missing) < len(needed):
        return f"{root}: of the prepared images {', '.join(missing)}: not there yet; {way}"
    return (
        f"{root}: no images are prepared there; {way}. Of a study that lies elsewhere, a command "
        "has the same --env and --params"
    )


def _warn_of_changed_images(catalog: CatalogProtocol[Any, Any]) -> None:
    """Say in a line that a set is no longer as it was prepared, if that is so and can be read."""
    now = digest_of_images(catalog)
    if now not in (None, catalog.load("data_fingerprint")["made_from"].get("files")):
        logger.warning(
            "%s has changed since its images were prepared: the refit is of them as they were; "
            "%s --only-missing-outputs takes in what is new and trains on it",
            catalog.load("params:images"),
            catalog.load("params:command"),
        )


def _made_and_read(pipeline: Pipeline) -> Use:
    """Return the boxes of the graph that a pipeline makes, and the others that it reads."""
    of_study = (*pipelines["__default__"].nodes, *pipelines["refit"].nodes)
    box_of = {name: _box(node) for node in of_study for name in node.outputs}
    makes = {_box(node) for node in pipeline.nodes}
    reads = {box_of[name] for name in pipeline.inputs() if name in box_of}
    if "networks" in pipeline.inputs():  # the networks of all trainings
        reads |= set(box_of.values())
    return Use(sorted(makes), sorted(reads - makes))


def _summary(pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> str:
    """Return what a pipeline makes, in a line: images, numbers of techniques and seeds, report."""
    boxes = {_box(node) for node in pipeline.nodes}
    parameters = catalog.load("parameters")
    made = pipeline.all_outputs()
    arms = [arm_named(name) for name in parameters["trainings"] if f"{name}_results" in made]
    techniques = len({arm.technique for arm in arms})
    networks = {arm.network for arm in arms if arm.network}
    seeds = len(parameters["protocol"]["seeds"])
    summary = []
    if "data" in boxes:
        image_digest = catalog.load("data_fingerprint")["made_from"]["files"]
        summary.append(f"images {parameters['images']} (digest {image_digest})")
    if techniques:
        on = f" on {' and '.join(sorted(networks))}" if networks else ""
        most = "at most " if parameters["protocol"].get("looks") else ""
        told = f"{techniques} techniques{on}"
        if len(arms) < techniques * max(1, len(networks)):
            told = f"{len(arms)} pairs of a technique and a network ({told})"
        summary.append(f"{told} x {most}{seeds} seeds")
    if "reporting" in boxes:
        summary.append("report")
    if "refit" in boxes:
        summary.append(f"refit of {catalog.load('refit')['plan']['arm']}")
    return ", ".join(summary)


def _box(node: Node) -> str:
    """Return the innermost namespace of a node, such as ``l2.seed_1``: a box of the graph."""
    return str(node.namespace or node.name)
