"""How often are verdicts about the *set* wrong, with one split and with a split for every seed?

The digits that ship are the population. Many sets are drawn from it, and each is split, trained on
and judged as RegBench does, with scikit-learn's networks in place of Keras': thousands of trainings
take minutes. The true difference between two networks is its mean over all sets, so a 95 % interval
that does not hold it would have been a wrong verdict about sets like this one.

    uv run python -m benchmarks.resampled_splits --minutes 8     # again to go on, up to --sets
"""

import argparse
import json
import logging
import time
import warnings
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn

from regbench.comparison.statistics import paired_difference
from regbench.evaluation.resampling import split_of_seed
from regbench.images.resample import resample_rows
from regbench.images.split import split_rows
from regbench.report.text_table import ReadableTable, as_markdown, print_table
from regbench.study.split import Split

PROJECT = Path(__file__).parents[1]
DIGITS = PROJECT / "data" / "01_raw" / "digits.zip"
NETWORKS: dict[str, dict[str, Any]] = {  # the first is the baseline
    "32 units": {"hidden_layer_sizes": (32,)},
    "32 units, L2": {"hidden_layer_sizes": (32,), "alpha": 0.3},
    "12 units": {"hidden_layer_sizes": (12,)},
}
TRAIN, TEST = 0.7, 0.15
SPLIT = {"method": "stratified", "train": TRAIN, "validation": 0.15, "test": TEST}
DESIGNS: dict[str, dict[str, Any]] = {
    "one split": {},
    "split for every seed": {"resample": True},
    "5 folds": {"folds": 5},
}
SIZES = (160,)  # images of a set, of 8,000
SEEDS = 10  # judged with the first 5, too

Figures = dict[str, np.ndarray]


def main() -> None:
    """Train until the time is up, then judge what there is and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", type=int, default=1000, help="of each size")
    parser.add_argument("--minutes", type=float, default=8.0, help="of training")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=PROJECT / "data/benchmarks/resampled_splits")
    parser.add_argument("--out", type=Path, default=PROJECT / "benchmarks/results")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    fill_cache(arguments.cache, arguments.sets, arguments.minutes, arguments.processes)
    rows = [row for size in SIZES for row in rows_of(figures_in(arguments.cache, size), size)]
    cells = [[_cell(*one) for one in row.items()] for row in rows]
    title = "95 % intervals that do not hold the mean difference over all sets"
    table = ReadableTable(title, list(rows[0]), cells, [])
    print_table(table)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for suffix, text in (("md", as_markdown(table)), ("json", json.dumps(rows, indent=1) + "\n")):
        (arguments.out / f"resampled_splits.{suffix}").write_text(text, encoding="utf-8")


def fill_cache(cache_folder: Path, sets: int, minutes: float, processes: int) -> None:
    """Train on the sets that the cache lacks, alternately of each size, until the time is up."""
    end = time.monotonic() + 60 * minutes
    tasks = [(size, number) for number in range(sets) for size in SIZES]
    missing = iter([task for task in tasks if not _file(cache_folder, *task).exists()])
    with ProcessPoolExecutor(processes) as pool:
        running = {
            pool.submit(accuracies_of_set, *task): task
            for task, _ in zip(missing, range(2 * processes), strict=False)
        }
        while running:
            done = next(as_completed(running))
            _save(_file(cache_folder, *running.pop(done)), done.result())
            if time.monotonic() < end and (task := next(missing, None)) is not None:
                running[pool.submit(accuracies_of_set, *task)] = task


def accuracies_of_set(size: int, number: int) -> Figures:
    """Return the test accuracies of every design and network on one set drawn from the digits.

    Returns:
        By design: float64, networks x seeds.
    """
    logging.disable(logging.INFO)
    sklearn.set_config(skip_parameter_validation=True, assume_finite=True)  # half of the time
    pixels, targets = population()
    generator = np.random.default_rng([size, number])
    rows = generator.choice(len(targets), size, replace=False)
    names = [f"{row}.png" for row in rows]
    labels = targets[rows].astype(str)
    index = pd.DataFrame({"filename": names, "label": labels, "target": targets[rows]})
    seeds = range(1, SEEDS + 1)
    found = {}
    for design, changes in DESIGNS.items():
        split = Split.model_validate({**SPLIT, **changes, "seed": number})
        resampled = split.resamples
        whole = resample_rows(index, split, seeds) if resampled else split_rows(index, split)
        splits = [split_of_seed(whole, seed)["split"].to_numpy(dtype=object) for seed in seeds]
        found[design] = np.array(
            [
                [
                    accuracy(pixels[rows], targets[rows], parts, network, seed)
                    for seed, parts in zip(seeds, splits, strict=True)
                ]
                for network in NETWORKS.values()
            ]
        )
    return found


def accuracy(
    pixels: np.ndarray, targets: np.ndarray, parts: np.ndarray, network: dict[str, Any], seed: int
) -> float:
    """Return the test accuracy of a network trained with a seed."""
    from sklearn.neural_network import MLPClassifier

    train, test = parts == "train", parts == "test"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fixed number of epochs has not converged
        model = MLPClassifier(
            **network, max_iter=15, learning_rate_init=0.03, batch_size=56, random_state=seed
        ).fit(pixels[train], targets[train])
    return float(model.score(pixels[test], targets[test]))


@cache
def population() -> tuple[np.ndarray, np.ndarray]:
    """Return the digits that ship: N x 49 means of 4 x 4 pixels, from 0 to 1, and N classes."""
    from PIL import Image

    with zipfile.ZipFile(DIGITS) as archive, archive.open("Train/train.csv") as labels:
        table = pd.read_csv(labels, dtype=str)
        images = np.stack(
            [
                np.asarray(Image.open(archive.open(f"Train/Images/train/{name}")))
                for name in table["filename"]
            ]
        )
    small = images.reshape(len(images), 7, 4, 7, 4).mean(axis=(2, 4)) / 255
    return small.reshape(len(images), 49), table["label"].to_numpy(dtype=int)


def figures_in(cache_folder: Path, size: int) -> Figures:
    """Return the accuracies of all cached sets of a size, by design: sets x networks x seeds."""
    sets = [dict(np.load(file)) for file in sorted(cache_folder.glob(f"{size}_*.npz"))]
    return {design: np.stack([one[design] for one in sets]) for design in DESIGNS}


def rows_of(figures: Figures, size: int) -> Iterator[dict[str, Any]]:
    """Yield a row of the table for each design, number of seeds and network but the baseline."""
    for design, accuracies in figures.items():
        for seeds in (5, SEEDS):
            for number, network in enumerate(list(NETWORKS)[1:], start=1):
                pairs = accuracies[:, [number, 0], :seeds]
                wrong = partial(share_of_wrong, pairs)
                test = 1 / DESIGNS[design]["folds"] if "folds" in DESIGNS[design] else TEST
                rest = 1 - test
                yield {
                    "images": size,
                    "design": design,
                    "seeds": seeds,
                    "compared": network,
                    "sets": len(pairs),
                    "difference, points": 100 * float((pairs[:, 0] - pairs[:, 1]).mean()),
                    "plain t test": wrong(0.0),
                    "corrected": wrong(test / rest) if DESIGNS[design] else None,
                    "(by train images)": wrong(test / (rest * TRAIN / (1 - TEST)))
                    if DESIGNS[design]
                    else None,
                }


def share_of_wrong(pairs: np.ndarray, variance_ratio: float) -> float:
    """Return the share of sets whose 95 % interval does not hold the mean over the other sets.

    Args:
        pairs: Accuracies, sets x 2 x seeds, the baseline last.
        variance_ratio: As of ``paired_difference``.
    """
    differences = (pairs[:, 0] - pairs[:, 1]).mean(axis=1)
    others = (differences.sum() - differences) / (len(differences) - 1)
    found = [
        paired_difference(pair[0], pair[1], band=0.0, images=10**9, variance_ratio=variance_ratio)
        for pair in pairs
    ]
    held = [one.low <= true <= one.high for one, true in zip(found, others, strict=True)]
    return 1 - float(np.mean(held))


def _file(cache_folder: Path, size: int, number: int) -> Path:
    return cache_folder / f"{size}_{number}.npz"


def _save(file: Path, arrays: Figures) -> None:
    partial_file = file.with_suffix(".part")
    with partial_file.open("wb") as opened:
        np.savez(opened, allow_pickle=False, **arrays)
    partial_file.replace(file)


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{value:+.2f}" if "points" in name else f"{value:.1%}"
    return "–" if value is None else str(value)


if __name__ == "__main__":
    main()
