"""The fixed cost of one more run: build, trace, compile, save, evaluate."""

from benchmarks.speed import sets
from benchmarks.speed.harness import Figure, Options, Outcome, interleave
from benchmarks.speed.processes import kedro_run, timed

FEW, MANY = 2, 8
IMAGES = 256
TECHNIQUES = ("baseline", "dropout_augmentation")


def measure_run_overhead(options: Options, rounds: int) -> Outcome:
    """Time studies of hardly any images with few and many seeds: the slope is one more run."""
    images = sets.first(options, IMAGES)

    def seconds(technique: str, seeds: int, workers: int | None) -> float:
        limit = [f"--runner-params=max_workers={workers}"] if workers else []
        command = kedro_run(
            *limit,
            pipelines=[technique],
            images=images,
            data_root=options.folder("overhead"),
            protocol__epochs=1,
            protocol__seeds=seeds,
        )
        return timed(command)[0]

    cases = [(name, 1) for name in TECHNIQUES] + [(TECHNIQUES[0], None)]
    sides, figures = [], []
    for technique, workers in cases:
        how = f"{technique}, {'one training at a time' if workers else 'side by side'}"
        made = interleave(
            {
                f"{how}, {seeds} seeds": lambda seeds=seeds: seconds(technique, seeds, workers)  # noqa: B023
                for seeds in (FEW, MANY)
            },
            rounds,
            "s",
        )
        few, many = made.values()
        sides += [few, many]
        slopes = [(b - a) / (MANY - FEW) for a, b in zip(few.values, many.values, strict=True)]
        figures.append(
            Figure(
                f"one more run, {how}",
                (many.median - few.median) / (MANY - FEW),
                1.0,
                unit="s",
                low=min(slopes),
                high=max(slopes),
            )
        )
    note = (
        f"{IMAGES} images, 1 epoch, the whole pipeline of one technique; one more run is the "
        f"difference between {FEW} and {MANY} seeds, divided by {MANY - FEW}."
    )
    return Outcome(sides, figures, [note])
