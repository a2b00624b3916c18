"""A bundle of a real study: made, verified, and tampered with in every figure."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regbench.bundle import checks, contents, reading
from regbench.bundle.again import tolerance
from regbench.bundle.public import LEFT_OUT, plain, public_setting, public_text
from regbench.errors import DamagedFileError, StudyError

Run = Callable[..., dict[str, Any]]
OTHERS = ("l1", "dropout", "augmentation", "zca", "early_stopping", "batch_normalization")
TECHNIQUES = dict.fromkeys((*OTHERS, "zca_dropout", "dropout_augmentation"))
PROTOCOL = {"seeds": [1, 2, 3], "epochs": 1}
FUNCTION_FIXTURE = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def study(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root of a study of the baseline and l2, with its bundle."""
    root = tmp_path_factory.mktemp("study") / "data"
    run_in(root, "baseline", "l2", "bundle", protocol=PROTOCOL, techniques=TECHNIQUES)
    return root


@pytest.fixture(scope="module")
def bundle(study: Path) -> contents.Bundle:
    return reading.read_bundle(study / "08_reporting/bundle.zip")


def verify(run_in: Run, root: Path, bundle: Path, **changed: Any) -> dict[str, Any]:
    """Run the pipeline; return the verification that it has written."""
    options = {"protocol": PROTOCOL, "techniques": TECHNIQUES, **changed}
    run_in(root, "verify", bundle=str(bundle), **options)
    return stored(root)


def stored(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "08_reporting/verification.json").read_text())
    return found


def results_by_check(verification: dict[str, Any]) -> dict[str, str]:
    return {check["what"]: check["result"] for check in verification["checks"]}


def rewritten(bundle: contents.Bundle, tampered: dict[str, Any], path: Path) -> contents.Bundle:
    """The bundle with other contents and a manifest that fits, as a forger would write it."""
    changed = contents.Bundle(contents.Contents.model_validate(tampered), bundle.answers)
    with path.open("wb") as file:
        contents.write(changed, file)
    return reading.read_bundle(path)


def test_somebody_else_confirms_it_on_a_root_of_their_own(
    run_in: Run, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study / "08_reporting/bundle.zip"
    verification = verify(run_in, tmp_path / "mine", path)
    found = results_by_check(verification)
    assert set(found.values()) == {"agrees"}
    (again,) = (check for check in verification["checks"] if "trained again" in check["what"])
    assert again["lines"] == ["equal to the last bit: weights, history, predictions and figures"]
    told = capsys.readouterr().out
    assert "verdicts and table, from the trainings" in told

    with pytest.raises(StudyError, match=r"the bundle is not confirmed: .*settings") as caught:
        verify(run_in, tmp_path / "other", path, protocol={**PROTOCOL, "epochs": 2})
    assert caught.value.exit_code == 1
    verification = stored(tmp_path / "other")
    found = results_by_check(verification)
    assert (found["settings"], found["trained again"]) == ("differs", "not checked")
    assert verification["entries"] == {"protocol": {"epochs": 1}}
    told = capsys.readouterr().out
    assert "protocol.epochs: 1 in the bundle, 2 here" in told
    assert "protocol:\n  epochs: 1\n" in told


def test_the_same_study_gives_the_same_bytes_without_paths_or_names_of_files(
    run_in: Run,
    study: Path,
    small_set: Path,
    bundle: contents.Bundle,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = study / "08_reporting/bundle.zip"
    before = path.read_bytes()
    run_in(study, "bundle", protocol=PROTOCOL, techniques=TECHNIQUES)
    assert path.read_bytes() == before
    assert f"{path}: SHA-256 {hashlib.sha256(before).hexdigest()}" in capsys.readouterr().out
    with zipfile.ZipFile(path) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    for private in (str(small_set), str(study), str(Path.home()), ".png"):
        assert private.encode() not in everything
    assert len(bundle.answers["l2"]) == 3 * 90  # validation and test images


def numbers_in(rows: list[dict[str, Any]], *, judged: bool) -> list[tuple[int, str]]:
    """Where rows have figures; of trainings, those that answers or the table rest on."""
    return [
        (place, key)
        for place, row in enumerate(rows)
        for key, value in row.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
        if not judged or key.endswith("_accuracy")
    ]


@FUNCTION_FIXTURE
@given(data=st.data(), by=st.sampled_from([1.01, 0.9, 2.0]))
def test_every_figure_that_is_changed_is_found(
    bundle: contents.Bundle, data: st.DataObject, by: float
) -> None:
    tampered = deepcopy(bundle.contents.model_dump())
    of_table = data.draw(st.booleans())
    rows = tampered["comparison"] if of_table else tampered["trainings"]["l2"]
    place, key = data.draw(st.sampled_from(numbers_in(rows, judged=not of_table)))
    rows[place][key] = rows[place][key] * by + 1e-6
    forged = contents.Bundle(contents.Contents.model_validate(tampered), bundle.answers)
    found = checks.against_itself(forged)
    assert any(check["result"] == "differs" for check in found), key


@pytest.mark.parametrize("value", ["better", "worse", "equivalent"])
def test_a_changed_verdict_is_found(bundle: contents.Bundle, tmp_path: Path, value: str) -> None:
    tampered = deepcopy(bundle.contents.model_dump())
    (row,) = (row for row in tampered["comparison"] if row["technique"] == "l2")
    stated = row["verdict"]
    row["verdict"] = value
    forged = rewritten(bundle, tampered, tmp_path / "forged.zip")
    assert forged.changed == ()  # its manifest is right
    _, differences = checks.verdicts_of_results(forged.contents, checks.results_of(forged))
    assert differences == (
        [] if value == stated else [f"l2: verdict {value!r} is stated, {stated!r} follows"]
    )


def test_changed_answers_are_found(bundle: contents.Bundle) -> None:
    answers = bundle.answers["l2"].copy()
    answers["predicted"][100] = (answers["predicted"][100] + 1) % 10
    forged = contents.Bundle(bundle.contents, {**bundle.answers, "l2": answers})
    found = {check["what"]: check["result"] for check in checks.against_itself(forged)}
    assert found["figures of each training, from its answers"] == "differs"


def test_a_changed_byte_is_found(study: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(study / "08_reporting/bundle.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["study.json"] = files["study.json"].replace(b'"scope"', b'"scape"', 1)
    path = tmp_path / "changed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    assert reading.read_bundle(path).changed == ("study.json",)


def test_elsewhere_a_training_may_be_off_by_what_seeds_are(bundle: contents.Bundle) -> None:
    values = {
        arm: [row["test_accuracy"] for row in rows]
        for arm, rows in bundle.contents.trainings.items()
        if rows
    }
    squares = sum((v - sum(of) / 3) ** 2 for of in values.values() for v in of)
    expected = 3 * (2 * squares / (2 * len(values))) ** 0.5
    assert tolerance(bundle.contents) == pytest.approx(max(expected, 0.005))


def changed_zip(source: Path, **files: bytes | None) -> bytes:
    """The bundle with other files; None: without one."""
    with zipfile.ZipFile(source) as archive:
        content: dict[str, bytes | None] = {n: archive.read(n) for n in archive.namelist()}
    content |= {name.replace("__", "."): value for name, value in files.items()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in content.items():
            if value is not None:
                archive.writestr(name, value)
    return made.getvalue()


def with_study(source: Path, change: Callable[[dict[str, Any]], Any]) -> bytes:
    with zipfile.ZipFile(source) as archive:
        study = json.loads(archive.read("study.json"))
    change(study)
    return changed_zip(source, study__json=json.dumps(study).encode())


BAD: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "no zip": (lambda _: b"hello", "no bundle: File is not a zip file"),
    "empty": (lambda _: b"", "no bundle: File is not a zip file"),
    "cut": (lambda path: path.read_bytes()[:-40], "no bundle: File is not a zip file"),
    "no study": (lambda path: changed_zip(path, study__json=None), "it lacks study.json"),
    "way out": (
        lambda path: changed_zip(path, **{"../../etc/x": b"x"}),
        "it holds 5 files, and not",
    ),
    "no JSON": (lambda path: changed_zip(path, study__json=b"{"), "study.json: Expecting"),
    "NaN": (lambda path: changed_zip(path, study__json=b'{"a": NaN}'), "'NaN' is no finite"),
    "1e999": (lambda path: changed_zip(path, study__json=b'{"a": 1e999}'), "is no finite"),
    "deep": (lambda path: changed_zip(path, study__json=b"[" * 200_000), "nested too deeply"),
    "a list": (lambda path: changed_zip(path, study__json=b"[]"), "must be a mapping"),
    "bomb": (
        lambda path: changed_zip(path, study__json=b" " * ((1 << 26) + 1)),
        "67,108,865 bytes are more than 67,108,864",
    ),
    "format": (
        lambda path: changed_zip(path, manifest__json=b'{"format": 2, "files": {}}'),
        "its format is 2, this version of RegBench reads 1",
    ),
    "no seed": (
        lambda path: with_study(path, lambda s: s["trainings"]["l2"][0].pop("seed")),
        "each must have a seed and a status",
    ),
    "no labels": (lambda path: with_study(path, lambda s: s.pop("images")), "images: Field req"),
    "strange key": (lambda path: with_study(path, lambda s: s.update(run="rm")), "run: Extra"),
    "no such class": (
        lambda path: with_study(path, lambda s: s["images"]["labels"].__setitem__(0, 10)),
        "images.labels: must be classes from 0",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_bundle_is_said_in_a_line(study: Path, tmp_path: Path, case: str) -> None:
    make, words = BAD[case]
    path = tmp_path / "bad.zip"
    path.write_bytes(make(study / "08_reporting/bundle.zip"))
    with pytest.raises(DamagedFileError) as caught:
        reading.read_bundle(path)
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 600


def test_settings_that_make_no_sense_are_a_difference_and_nothing_is_imported(
    bundle: contents.Bundle,
) -> None:
    tampered = deepcopy(bundle.contents.model_dump())
    tampered["settings"]["protocol"]["optimizer"] = {"name": "os.system"}
    tampered["settings"]["networks"] = {"mlp": {"kind": "own", "function": "no.such.module"}}
    forged = contents.Bundle(contents.Contents.model_validate(tampered), bundle.answers)
    *_, last = checks.against_itself(forged)
    assert last["result"] == "differs"
    assert "optimizer" in last["lines"][0]


def test_a_missing_file_is_said_before_anything_runs(run_in: Run, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no such file; --params=bundle=PATH names"):
        verify(run_in, tmp_path / "data", tmp_path / "gone.zip")
    assert not (tmp_path / "data/02_intermediate").exists()


def test_paths_and_addresses_are_left_out() -> None:
    assert public_setting({"weights": "/home/ann/w.h5", "a": ["s3://b/c", "~/x", "relu"]}) == {
        "weights": LEFT_OUT,
        "a": [LEFT_OUT, LEFT_OUT, "relu"],
    }
    assert public_text("OSError: '/home/ann/x.png', 3/4 done") == f"OSError: '{LEFT_OUT}', 3/4 done"
    assert [plain(v) for v in (float("nan"), True, "a", None, 2)] == [None, True, "a", None, 2]
