"""Kedro's configuration loader, which checks the study's settings as it reads them."""

import copy
import itertools
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import yaml
from kedro.config import MissingConfigException, OmegaConfigLoader
from kedro.framework.project import settings
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from regbench.errors import KEDRO_RUN, SettingsError, quoted
from regbench.runs.command_line import unknown_environment
from regbench.runs.misplaced import GROUPS, misplaced, unread
from regbench.runs.nested import depth, drop_replaced, flat, texts
from regbench.storage import addresses
from regbench.study import fingerprints
from regbench.study.cells import inputs_of_cells
from regbench.study.cocktail import cocktail_parameters, searched_techniques
from regbench.study.fit import without
from regbench.study.problems import InvalidStudy, Problem, nearest, shown_path
from regbench.study.reader import read_schedules, read_study
from regbench.study.schema import Study
from regbench.text.redaction import keep_secret, without_secrets

PROJECT = Path(__file__).parents[3]
_LONGEST_MESSAGE = 500  # letters of an error that another library raises


class StudyConfigLoader(OmegaConfigLoader):
    """An ``OmegaConfigLoader`` whose parameters are a valid study; each problem is one line.

    The registry, sessions and kedro-viz all get the same checked values, with combined techniques
    merged.
    """

    # The present session's loader. The registry takes no arguments, and kedro-viz runs without
    # hooks, so the registry gets --env, --conf-source and --params from here.
    latest: ClassVar["StudyConfigLoader | None"] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the arguments of ``OmegaConfigLoader``."""
        self._values: dict[str, dict[str, Any]] = {}  # by kind, as read
        super().__init__(*args, **kwargs)
        self._left_out: dict[str, str] = {}
        StudyConfigLoader.latest = self

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return one kind of configuration.

        Raises:
            SettingsError: A file cannot be read, or the parameters are no valid study.
        """
        # Resolvers belong to the process; Kedro keeps those of the first of several loaders.
        OmegaConf.register_new_resolver(
            "conf_source", lambda: Path(self.conf_source).resolve().as_posix(), replace=True
        )
        if key == "parameters":
            read = self._read(key)
            return self._parameters(self._checked(read), read["techniques"])
        if key == "airflow":  # kedro-airflow's
            return self._schedules()
        if key == "catalog":
            return addresses.with_credentials(self._read(key), self.credentials)
        value = self._read(key)
        if key == "credentials":
            for text in texts(value):
                keep_secret(text)
        return value

    def credentials(self) -> dict[str, Any]:
        """Return the credentials by name; empty if there is no ``credentials.yml``.

        Raises:
            SettingsError: A file cannot be read.
        """
        try:
            return self["credentials"]
        except MissingConfigException:
            return {}

    def study(self) -> Study:
        """Return the study that the parameters describe.

        Raises:
            SettingsError: A file cannot be read, or the parameters are no valid study.
        """
        return self._checked(self._read("parameters"))

    def _merge_and_resolve(
        self, key: str, config_per_file: dict[Path, DictConfig]
    ) -> dict[str, Any]:
        """Merge files with ``--params``; a list there takes the place of a mapping, too.

        Raises:
            SettingsError: A setting stands in a file of the wrong kind.
        """
        if key in ("parameters", "globals"):
            named = {_shortest(Path(path)): map(str, of) for path, of in config_per_file.items()}
            if wrong := misplaced(key, named):
                raise SettingsError("\n       ".join(wrong))
        for config in config_per_file.values() if key == "parameters" else ():
            drop_replaced(config, self.runtime_params or {})
        return dict(super()._merge_and_resolve(key, config_per_file))

    @staticmethod
    def _soft_merge(
        config: dict[str, Any], env_config: dict[str, Any], env_path: str | None = None
    ) -> Any:
        """Merge two environments key by key; a list takes the place of a mapping, too."""
        drop_replaced(config, env_config)
        return OmegaConfigLoader._soft_merge(config, env_config, env_path)

    def _resolve_catalog_config(self, aggregate_config: Iterable[DictConfig]) -> dict[str, Any]:
        """Resolve the catalog; what its files share, such as ``_root``, once for all datasets."""
        merged: Any = OmegaConf.unsafe_merge(*aggregate_config)
        for key in map(str, merged):
            if key.startswith("_") and OmegaConf.is_interpolation(merged, key):
                shared = merged[key]
                if not isinstance(shared, str) or "${" not in shared:  # else read as another one
                    merged[key] = shared
        resolved: dict[str, Any] = super()._resolve_catalog_config([merged])
        return resolved

    def _read(self, key: str) -> dict[str, Any]:
        """Return one kind of configuration as Kedro merges it from its files.

        The files are read once: a command is of one state of them.

        Raises:
            SettingsError: A file cannot be read.
        """
        if key not in self._values:
            self._values[key] = self._read_files(key)
        return copy.deepcopy(self._values[key])

    def _read_files(self, key: str) -> dict[str, Any]:
        """Read one kind of configuration.

        Raises:
            SettingsError: A file cannot be read.
        """
        try:
            value: dict[str, Any] = super().__getitem__(key)
        except MissingConfigException as error:
            if key != "parameters":
                raise  # Kedro handles the absence of the others
            unknown = unknown_environment(Path(self.conf_source), self.env)
            raise SettingsError(unknown or _one_line(error)) from error
        except Exception as error:  # whatever Kedro and OmegaConf make of a bad file
            fault = next(self._faults(key), None) or _message_of_merging(error)
            if fault is None:
                raise
            raise SettingsError(fault) from error
        return value

    def _parameters(self, study: Study, techniques: Mapping[str, Any]) -> dict[str, Any]:
        """Return the study's settings, and what is derived from them and from the command.

        Args:
            study: That the settings describe.
            techniques: As the files have them; those that are null or left out, too.
        """
        looks = {"look_code": fingerprints.digest_of_look_code()} if study.protocol.looks else {}
        return (
            study.as_parameters()
            | looks
            | inputs_of_cells(study)
            | {
                "fingerprints": fingerprints.fingerprints_of_techniques(study),
                "preparation": fingerprints.digests_of_preparation(study),
                "command": self._command(),
                "searched": {name: name for name in searched_techniques(study)},  # of nodes
                **cocktail_parameters(study),
                "recommend_workers": {
                    f"worker_{number}": number for number in range(1, study.recommend.workers + 1)
                },
                "without": [name for name in techniques if name not in study.techniques],
            }
        )

    def _command(self, changed: Mapping[str, Any] = MappingProxyType({})) -> str:
        """Return the command that runs the study at hand, for messages that name the next one.

        Args:
            changed: Parameters to give it besides its own, by keys that dots join.
        """
        words = [KEDRO_RUN]
        if Path(self.conf_source).resolve() != PROJECT / settings.CONF_SOURCE:
            words.append(shlex.join([f"--conf-source={self.conf_source}"]))
        if self.env not in (None, self.default_run_env):
            words.append(f"--env={self.env}")
        given = flat(self.runtime_params or {})
        # A whole group may be null, and takes the place of what is in it.
        given = {k: v for k, v in given.items() if not any(k.startswith(f"{n}.") for n in changed)}
        given |= changed
        given.pop("reporting.failed", None)  # of this run only, not of the next command
        if given:
            params = ",".join(
                f"{key}={'null' if value is None else value}" for key, value in given.items()
            )
            words.append(shlex.join([f"--params={without_secrets(params)}"]))
        return " ".join(words)

    def _schedules(self) -> dict[str, Any]:
        """Return the schedules of ``airflow.yml`` by pipeline."""
        try:
            schedules = read_schedules(self._read("airflow"))
        except InvalidStudy as error:
            raise self._settings_error(error, "airflow") from None
        return {name: schedule.model_dump() for name, schedule in schedules.items()}

    def _checked(self, parameters: dict[str, Any]) -> Study:
        try:
            study = read_study({**self["globals"], **parameters})
            _check_muted(study.reporting.mute)
        except InvalidStudy as error:
            raise self._settings_error(error, "parameters", "globals") from None
        self._left_out = study.left_out
        return study

    def _settings_error(self, error: InvalidStudy, *kinds: str) -> SettingsError:
        """Return an error with a line for each problem: its file, its key, and what is wrong."""
        lines = [self._where(problem, *kinds) + problem.message for problem in error.problems]
        # If that is all there is to do, a command does it.
        if all(problem.leave_out for problem in error.problems):
            lines[-1] += f"; without: {self._command(without(error.problems))}"
        elif unread := self._unread(*kinds):
            lines[-1] += f"; {unread[0]} is not read with --env={self.env}, conf/{self.env} is"
        return SettingsError("\n       ".join(lines))

    def _where(self, problem: Problem, *kinds: str) -> str:
        """Return the file (or ``--params``) and the key of a wrong value, as a message begins."""
        places: list[tuple[str, Any]] = [("--params", self.runtime_params or {})]
        places += [(str(path), content) for path, content in self._files(*kinds)]
        depths = [depth(content, problem.path) for _, content in places]
        deepest = max(range(len(places)), key=lambda place: depths[place])
        where = places[deepest][0] if depths[deepest] else str(Path(self.conf_source))
        return f"{where}: {shown_path(problem.path)}: "

    def passed_over(self) -> str | None:
        """Return a line that names the user's own files that ``--env`` displaces; None if none."""
        unread = self._unread(*self.config_patterns)
        if not unread:
            return None
        names = ", ".join(map(str, unread))
        return (
            f"{names}: not read with --env={self.env}, conf/{self.env} is in place of "
            f"conf/{self.default_run_env}; what is to hold here too belongs there"
        )

    def unknown_files(self) -> str | None:
        """Return a line that names files of the environment that nothing reads; None if none."""
        folder = Path(self.conf_source, self.env or self.default_run_env)
        patterns = [*itertools.chain.from_iterable(self.config_patterns.values()), "logging*"]
        if not (found := unread(folder, patterns)):
            return None
        return (
            f"{', '.join(str(_shortest(path)) for path in found)}: not read; settings stand in "
            "globals.yml and parameters_<anything>.yml"
        )

    def left_out(self) -> str | None:
        """Return a line that names the techniques that the study leaves out; None if none.

        Those for other networks, and those unfit for its own if ``if_unfit`` is ``leave_out``.
        """
        if not self._left_out:
            return None
        reasons: dict[str, list[str]] = {}
        for name, why in self._left_out.items():
            reasons.setdefault(why, []).append(name)
        named = "; ".join(f"{', '.join(names)} ({why})" for why, names in reasons.items())
        return f"left out: {named}"

    def _unread(self, *kinds: str) -> list[Path]:
        """Return the files of the user's own that an environment displaces, sorted."""
        own = Path(self.conf_source, self.default_run_env)
        if self.env in (None, self.default_run_env) or not own.is_dir():
            return []
        patterns = [pattern for kind in kinds for pattern in self.config_patterns.get(kind, [])]
        found = {path for pattern in patterns for path in own.glob(pattern) if path.is_file()}
        return [_shortest(path) for path in sorted(found)]

    def _files(self, *kinds: str) -> Iterator[tuple[Path, Any]]:
        """Yield the files of some kinds of configuration, with content, the environment's first."""
        for kind in kinds:
            for path in self._paths(kind):
                yield _shortest(path), OmegaConf.to_container(OmegaConf.load(path))

    def _paths(self, key: str) -> Iterator[Path]:
        """Yield the files that Kedro reads for one kind of configuration."""
        for environment in (self.env or self.default_run_env, self.base_env):
            folder = Path(self.conf_source, environment).as_posix()
            patterns = self.config_patterns.get(key, [])
            found = {Path(p) for name in patterns for p in self._fs.glob(f"{folder}/{name}")}
            for path in sorted(found):
                if self._is_valid_config_path(path) and not self._is_hidden(str(path)):
                    yield path

    def _faults(self, key: str) -> Iterator[str]:
        """Yield a message on each file that is no mapping of keys to values."""
        for path in (*self._paths("globals"), *self._paths(key)):
            try:
                content = OmegaConf.to_container(OmegaConf.load(path))
            except yaml.MarkedYAMLError as error:
                line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
                yield f"{_shortest(path)}: {line}{error.problem}"
            except Exception as error:  # no text, or a type that OmegaConf rejects
                yield f"{_shortest(path)}: {_one_line(error)}"
            else:
                if not isinstance(content, dict) or not all(isinstance(k, str) for k in content):
                    yield f"{_shortest(path)}: must be a mapping of keys to values"
                elif key == "parameters":
                    for name in GROUPS & content.keys():
                        if not isinstance(content[name], dict):
                            yield f"{_shortest(path)}: {name}: must be a mapping"


def _check_muted(codes: list[str]) -> None:
    """Check that the doctor has the checks that are muted.

    Raises:
        InvalidStudy: It has not.
    """
    if not codes:
        return  # the checks are slow to import
    from regbench.doctor.registry import checks  # noqa: PLC0415

    problems = [
        Problem(
            ("reporting", "mute"),
            f"{quoted(code)}: no such check{nearest(code, checks())}; allowed: "
            f"{', '.join(checks())}",
        )
        for code in codes
        if code not in checks()
    ]
    if problems:
        raise InvalidStudy(problems)


def _message_of_merging(error: Exception) -> str | None:
    """Return the message on a fault that no single file has, such as a key in two; else None."""
    known = (yaml.YAMLError, OmegaConfBaseException, ValueError)
    return _one_line(error) if isinstance(error, known) else None


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]} ..."


def _shortest(path: Path) -> Path:
    """Return a path relative to the working folder if it lies within."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
