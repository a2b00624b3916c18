"""How often are verdicts about the *set* wrong, with one split and with a split for every seed?

The digits that ship are the population. Many sets are drawn from it, and each is split, trained on
and judged as RegBench does, with networks that scikit-learn fits in place of Keras': a training
takes a millisecond. The true difference between two networks is its mean over all sets: a 95 %
interval that does not hold it would have been a wrong verdict about sets like this one.

    uv run python -m benchmarks.resampled_splits     # again to go on, up to --sets
"""

import argparse
import json
import logging
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from itertools import islice
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
IMAGES = 240  # of a set, of the 8,000
SEEDS = (5, 10, 20)  # judged with the first 5 of 20, and so on
TRAIN, TEST = 0.7, 0.15
SPLIT = {"method": "stratified", "train": TRAIN, "validation": 0.15, "test": TEST}
RESAMPLED: dict[str, dict[str, Any]] = {"a split each": {"resample": True}, "5 folds": {"folds": 5}}
DESIGNS = {"one split": {}, **RESAMPLED}
# Hidden units with random weights, none for a linear network, and the output's L2.
NETWORKS = {
    "units": (80, 1.0),
    "units, L2": (80, 10.0),
    "linear": (0, 1.0),
    "linear, L2": (0, 30.0),
}
# With hidden units the seed matters, in a linear network nothing but the split does.
COMPARED = {"80 units: more L2": (1, 0), "linear: more L2": (3, 2)}

Figures = dict[str, np.ndarray]


def main() -> None:
    """Train until the time is up, then judge what there is and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=8.0, help="of training")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=PROJECT / "data/benchmarks/resampled_splits")
    parser.add_argument("--out", type=Path, default=PROJECT / "benchmarks/results")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    fill_cache(arguments.cache, arguments.sets, arguments.minutes, arguments.processes)
    sets = [dict(np.load(file)) for file in arguments.cache.glob("*.npz")]
    rows = list(rows_of({design: np.stack([one[design] for one in sets]) for design in DESIGNS}))
    cells = [[_cell(*one) for one in row.items()] for row in rows]
    title = f"95 % intervals without the mean difference over all sets, {rows[0]['sets']} sets"
    table = ReadableTable(title, list(rows[0]), cells, [])
    print_table(table)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for suffix, text in (("md", as_markdown(table)), ("json", json.dumps(rows, indent=1) + "\n")):
        (arguments.out / f"resampled_splits.{suffix}").write_text(text, encoding="utf-8")


def fill_cache(cache_folder: Path, sets: int, minutes: float, processes: int) -> None:
    """Train on the sets that the cache lacks until the time is up."""
    end = time.monotonic() + 60 * minutes
    missing = (number for number in range(sets) if not (cache_folder / f"{number}.npz").exists())
    with ProcessPoolExecutor(processes) as pool:
        first = islice(missing, 2 * processes)
        running = {pool.submit(accuracies_of_set, number): number for number in first}
        while running:
            done = next(as_completed(running))
            partial = cache_folder / "partial"
            with partial.open("wb") as file:
                np.savez(file, allow_pickle=False, **done.result())
            partial.replace(cache_folder / f"{running.pop(done)}.npz")
            if time.monotonic() < end and (number := next(missing, None)) is not None:
                running[pool.submit(accuracies_of_set, number)] = number


def accuracies_of_set(number: int) -> Figures:
    """Return the test accuracies on one set drawn from the digits, by design: networks x seeds."""
    logging.disable(logging.INFO)
    sklearn.set_config(skip_parameter_validation=True, assume_finite=True)  # half of the time
    pixels, targets = population()
    rows = np.random.default_rng(number).choice(len(targets), IMAGES, replace=False)
    names, labels = [f"{row}.png" for row in rows], targets[rows].astype(str)
    index = pd.DataFrame({"filename": names, "label": labels, "target": targets[rows]})
    seeds = range(1, max(SEEDS) + 1)
    found = {}
    for design, changes in DESIGNS.items():
        split = Split.model_validate({**SPLIT, **changes, "seed": number})
        whole = resample_rows(index, split, seeds) if changes else split_rows(index, split)
        splits = [split_of_seed(whole, seed)["split"].to_numpy(dtype=object) for seed in seeds]
        found[design] = np.array(
            [
                accuracy(pixels[rows], targets[rows], parts, *network, seed)
                for network in NETWORKS.values()
                for seed, parts in zip(seeds, splits, strict=True)
            ]
        ).reshape(len(NETWORKS), len(splits))
    return found


def accuracy(
    pixels: np.ndarray, targets: np.ndarray, parts: np.ndarray, units: int, l2: float, seed: int
) -> float:
    """Return the test accuracy of a network trained with a seed.

    Its hidden layer has random weights by the seed, and ReLU; its output is a ridge regression of
    the classes (a random-feature network: Rahimi and Recht 2008). So a training is an equation.
    """
    from sklearn.linear_model import ridge_regression

    weights = np.random.default_rng([units, seed]).normal(0, 0.3, (pixels.shape[1], units))
    hidden = np.maximum(pixels @ weights, 0) if units else pixels
    inputs = np.column_stack([hidden, np.ones(len(hidden))])
    train, test = parts == "train", parts == "test"
    wanted = np.where(targets[train, None] == np.arange(10), 1.0, -1.0)
    output = ridge_regression(inputs[train], wanted, l2, solver="cholesky")
    return float(np.mean((inputs[test] @ output.T).argmax(axis=1) == targets[test]))


@cache
def population() -> tuple[np.ndarray, np.ndarray]:
    """Return the digits that ship: N x 49 means of 4 x 4 pixels, from 0 to 1, and N classes."""
    from PIL import Image

    with zipfile.ZipFile(DIGITS) as archive, archive.open("Train/train.csv") as labels:
        table = pd.read_csv(labels, dtype=str)
        files = (archive.open(f"Train/Images/train/{name}") for name in table["filename"])
        images = np.stack([np.asarray(Image.open(file)) for file in files])
    small = images.reshape(len(images), 7, 4, 7, 4).mean(axis=(2, 4)) / 255
    return small.reshape(len(images), 49), table["label"].to_numpy(dtype=int)


def rows_of(figures: Figures) -> Iterator[dict[str, Any]]:
    """Yield a row of the table for each comparison, design and number of seeds.

    Args:
        figures: The accuracies by design: sets x networks x seeds.
    """
    for compared, pair in COMPARED.items():
        for design, accuracies in figures.items():
            test = 1 / DESIGNS[design].get("folds", 1 / TEST)
            train = (1 - test) * TRAIN / (1 - TEST)  # the rest is validation
            for seeds in SEEDS:
                of_pair = accuracies[:, pair, :seeds]
                differences = of_pair[:, 0] - of_pair[:, 1]
                if np.ptp(differences, axis=1).max() < 1e-9:
                    continue  # one split without a hidden layer: every seed is the same training
                corrected = share_of_wrong(of_pair, test / train) if DESIGNS[design] else None
                yield {
                    **{"compared": compared, "design": design, "seeds": seeds},
                    "sets": len(of_pair),
                    "difference, points": 100 * float(differences.mean()),
                    "plain t test": share_of_wrong(of_pair, 0.0),
                    "corrected": corrected,
                }


def share_of_wrong(pairs: np.ndarray, variance_ratio: float) -> float:
    """Return the share of sets whose 95 % interval does not hold the mean over the other sets.

    Args:
        pairs: Accuracies, sets x 2 x seeds, the baseline last.
        variance_ratio: As of ``paired_difference``.
    """
    differences = (pairs[:, 0] - pairs[:, 1]).mean(axis=1)
    others = (differences.sum() - differences) / (len(differences) - 1)
    judged = round(IMAGES * TEST)
    found = [
        paired_difference(one, other, 0.0, judged, variance_ratio=variance_ratio)
        for one, other in pairs
    ]
    held = [one.low <= true <= one.high for one, true in zip(found, others, strict=True)]
    return 1 - float(np.mean(held))


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{value:+.2f}" if "points" in name else f"{value:.1%}"
    return "–" if value is None else str(value)


if __name__ == "__main__":
    main()
