"""Configuration: Kedro's loader, and the study's settings checked as they are read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import yaml
from kedro.config import MissingConfigException, OmegaConfigLoader
from omegaconf.errors import OmegaConfBaseException

from regbench.errors import SettingsError
from regbench.study import InvalidStudy, Problem, Study, read_study


class StudyConfigLoader(OmegaConfigLoader):
    """An ``OmegaConfigLoader`` whose parameters are a valid study, or one clear line each.

    Whoever reads ``parameters`` (the registry, a session, kedro-viz) gets the same checked
    values, with combined techniques put together.
    """

    # The loader of the session at hand: the registry takes no arguments, and kedro-viz runs
    # without hooks, so this is how the registry learns of --env, --conf-source and --params.
    latest: ClassVar["StudyConfigLoader | None"] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what ``OmegaConfigLoader`` takes."""
        super().__init__(*args, **kwargs)
        StudyConfigLoader.latest = self

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return one kind of configuration.

        Raises:
            SettingsError: A file cannot be read, or the parameters make no study.
        """
        try:
            value: dict[str, Any] = super().__getitem__(key)
        except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
            raise SettingsError(" ".join(str(error).split())) from error
        except MissingConfigException as error:
            if key != "parameters":
                raise  # Kedro does without the others
            raise SettingsError(" ".join(str(error).split())) from error
        return self._checked(value).as_parameters() if key == "parameters" else value

    def study(self) -> Study:
        """Return the study that the parameters describe.

        Raises:
            SettingsError: A file cannot be read, or the parameters make no study.
        """
        parameters = self["parameters"]
        return Study.model_validate({key: parameters[key] for key in Study.model_fields})

    def _checked(self, parameters: dict[str, Any]) -> Study:
        try:
            return read_study({**self["globals"], **parameters})
        except InvalidStudy as error:
            lines = [self._where(problem) + problem.message for problem in error.problems]
            raise SettingsError("\n       ".join(lines)) from None

    def _where(self, problem: Problem) -> str:
        """Name the file (or the command line) that holds a wrong value, and the key."""
        key = ".".join(problem.path)
        places: list[tuple[str, Any]] = [("--params", self.runtime_params or {})]
        places += [(str(path), content) for path, content in self._files()]
        depths = [_depth(content, problem.path) for _, content in places]
        deepest = max(range(len(places)), key=lambda place: depths[place])
        where = places[deepest][0] if depths[deepest] else str(Path(self.conf_source))
        return f"{where}: {key}: "

    def _files(self) -> Iterator[tuple[Path, Any]]:
        """All files with parameters and globals, those of the environment first."""
        for environment in (self.env or self.default_run_env, self.base_env):
            folder = Path(self.conf_source) / environment
            for path in sorted({*folder.rglob("parameters*.yml"), *folder.rglob("globals.yml")}):
                yield _shortest(path), yaml.safe_load(path.read_text(encoding="utf-8"))


def _depth(content: Any, path: tuple[str, ...]) -> int:
    """How many of a path's keys lead into ``content``."""
    for depth, key in enumerate(path):
        if not isinstance(content, dict) or key not in content:
            return depth
        content = content[key]
    return len(path)


def _shortest(path: Path) -> Path:
    """The path relative to the working folder where that is shorter to read."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
