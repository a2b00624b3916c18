"""What happens around a run: progress, the summary at the end, and errors in one line."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol
from kedro.pipeline import Node, Pipeline

from regbench.errors import FailedTrainingsError, StudyError, explanation
from regbench.runs.command_line import check_selection
from regbench.runs.config_loader import PROJECT, StudyConfigLoader
from regbench.runs.exit_code import addresses, raise_alarms, tell_of_error
from regbench.runs.freshness.prepared_record import (
    Forgotten,
    check_prepared,
    forget_prepared,
    remember_prepared,
)
from regbench.runs.freshness.report_record import forget_report_record, record_report
from regbench.runs.freshness.stale import is_up_to_date, treat_stale_as_missing
from regbench.runs.locks.machine import Use, reserved
from regbench.runs.locks.store import store_lock
from regbench.storage.addresses import credentials_of, is_remote
from regbench.storage.remote import RemoteFile
from regbench.storage.stored_file import LocalFile, stored_file

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from regbench.runs.progress_display import PlainProgress


@contextmanager
def _explained() -> Iterator[None]:
    """Raise what the user can put right in the place of what it has caused."""
    try:
        yield
    except Exception as error:
        raise explanation(error) or error from error


class StudyHooks:
    """Hooks of every session."""

    _progress: "PlainProgress | None" = None
    _nothing_to_do = False

    def __init__(self) -> None:
        """Begin with nothing reserved."""
        self._reservation = ExitStack()
        self._notify: list[str] = []
        self._forgotten = Forgotten(set(), {})

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Have the registry read this session's configuration, not an earlier session's."""
        pipelines.configure("regbench.pipeline_registry")
        self._notify = addresses(context.config_loader)
        # Slow to import, and a session has imported it, which other commands do not make.
        from kedro_viz.integrations.kedro import run_hooks

        # kedro-viz never forgets a run of this process, and would write all of them as one.
        vars(run_hooks.pipeline_run_hook).update(vars(run_hooks.PipelineRunStatusHook()))

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Look after what is missing or stale, and show progress if there is something to train.

        Raises:
            StudyError: A name that was given is none, the pipeline needs what nobody has made
                yet, or another run is at work on the same results.
        """
        check_selection(run_params)  # Kedro passes over a tag that no node has
        only_missing_outputs = bool(run_params.get("only_missing_outputs"))
        self._reservation.close()  # of a run in the same process that was interrupted
        try:
            self._reserve(pipeline, catalog)
            _check_inputs(pipeline, catalog)
            if only_missing_outputs:
                treat_stale_as_missing(pipeline, catalog)
            self._nothing_to_do = only_missing_outputs and is_up_to_date(pipeline, catalog)
            if self._nothing_to_do:
                self._one_line_is_enough()
                return
            self._forgotten = forget_prepared(
                pipeline, catalog, only_missing_outputs=only_missing_outputs
            )
            forget_report_record(pipeline, catalog)
        except Exception as error:  # Kedro calls on_pipeline_error for those of nodes only
            self._reservation.close()
            tell_of_error(error, catalog, self._notify)
            raise explanation(error) or error from error
        runs = [node for node in pipeline.nodes if node.name.endswith(".evaluate")]
        if run_params.get("only_missing_outputs"):
            runs = [n for n in runs if not all(catalog.exists(name) for name in n.outputs)]
        if runs:
            from regbench.runs.progress_display import progress_display

            self._progress = progress_display(len(runs))
            self._progress.start()

    @hook_impl
    @_explained()
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Print the comparison, or the results of the techniques run, if anything was.

        Raises:
            FailedTrainingsError: A run failed; the tables name it.
            AlarmError: An alarm went off, now or when the report that is up to date was made; it
                says why.
        """
        self._stop_progress()
        if self._nothing_to_do:
            self._reservation.close()
            logger.info("up to date: %s", _what_is_up_to_date(pipeline, catalog))
            if "alarms" in pipeline.all_outputs():
                raise_alarms(catalog, self._notify)  # what was wrong still is
            return
        from regbench.comparison import compare
        from regbench.report import text_table

        try:
            remember_prepared(self._forgotten, pipeline, catalog)
            record_report(pipeline, catalog)
        except Exception as error:
            tell_of_error(error, catalog, self._notify)
            raise explanation(error) or error from error
        finally:
            self._reservation.close()
        made = pipeline.all_outputs()
        results_by_technique = {
            name.removesuffix("_results"): catalog.load(name)
            for name in sorted(made)
            if name.endswith("_results")
        }
        if "comparison" in made:
            compared = catalog.load("comparison")
            table = text_table.comparison_table(compared, catalog.load("params:command"))
            text_table.print_table(table)
        else:
            for technique, results in results_by_technique.items():
                text_table.print_table(text_table.results_table(technique, results.trainings))
        failed = compare.failures(results_by_technique)
        if "alarms" in made:
            raise_alarms(catalog, self._notify, failed)
        if failed:
            raise FailedTrainingsError(
                f"{len(failed)} of the trainings failed: {'; '.join(failed)}"
            )

    @hook_impl
    def on_pipeline_error(self, error: Exception, catalog: CatalogProtocol[Any, Any]) -> None:
        """Say in one line what the user can put right, and send it where that is wanted.

        Raises:
            StudyError: Instead of the error, if the error is of that kind.
        """
        self._stop_progress()
        self._reservation.close()
        tell_of_error(error, catalog, self._notify)
        explained = explanation(error)
        if explained:
            raise explained

    def _reserve(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        parameters = catalog.load("parameters")
        address, use, command = parameters["data_root"], _use(pipeline), parameters["command"]
        root = stored_file(address, _credentials_of(address))
        wait = parameters["if_in_use"] == "wait"
        here = PROJECT / root.path
        shown = str(here if isinstance(root, LocalFile) else root)
        self._reservation.enter_context(reserved(here, use, command, wait=wait, display=shown))
        if isinstance(root, RemoteFile):
            logger.info("results go to %s, copies to %s", root, root.path)
            self._reservation.enter_context(store_lock(root, use, command, wait=wait))

    def _one_line_is_enough(self) -> None:
        """Keep the runner from telling what it skips, until the reservation ends."""
        runner = logging.getLogger("regbench.runs.runner")
        self._reservation.callback(runner.setLevel, runner.level)
        runner.setLevel(logging.WARNING)

    def _stop_progress(self) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None


def _credentials_of(address: str) -> dict[str, Any]:
    """The credentials for an address by this session's configuration."""
    loader = StudyConfigLoader.latest
    if loader is None or not is_remote(address):
        return {}
    return credentials_of(address, loader.credentials())


def _check_inputs(pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
    """Stop where the prepared images are needed and are not there, or not as they were made."""
    prepared = pipelines["data"].all_outputs() & pipeline.inputs()
    if not prepared:
        return
    needed = prepared | {"prepared_files"}
    missing = sorted(name for name in needed if not catalog.exists(name))
    if missing:
        raise StudyError(
            f"{', '.join(missing)}: not there yet; {catalog.load('params:command')} "
            "--pipelines=data prepares the images, and without --pipelines everything is run"
        )
    check_prepared(prepared, catalog)


def _use(pipeline: Pipeline) -> Use:
    """What a pipeline makes and reads: the data, runs of techniques, their results, the report."""
    made_in = {
        name: _part(node) for node in pipelines["__default__"].nodes for name in node.outputs
    }
    makes = {_part(node) for node in pipeline.nodes}
    reads = {made_in[name] for name in pipeline.inputs() if name in made_in}
    if "networks" in pipeline.inputs():  # all of them
        reads |= set(made_in.values())
    return Use(sorted(makes), sorted(reads - makes))


def _what_is_up_to_date(pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> str:
    """What a run had to look after and found as it should be."""
    made = {_part(node) for node in pipeline.nodes}
    parameters = catalog.load("parameters")
    techniques, seeds = len(made & set(parameters["techniques"])), parameters["protocol"]["seeds"]
    parts = []
    if "data" in made:
        files = catalog.load("data_fingerprint")["made_from"]["files"]
        parts.append(f"images {parameters['images']} (digest {files})")
    if techniques:
        parts.append(f"{techniques} techniques x {len(seeds)} seeds")
    if "reporting" in made:
        parts.append("report")
    return ", ".join(parts)


def _part(node: Node) -> str:
    """The innermost box of the graph that a node stands in: a technique's seeds are apart."""
    return str(node.namespace or node.name)
