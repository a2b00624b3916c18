"""The fixed cost of one more run: build, save, evaluate; a technique's first compiles as well."""

from benchmarks.speed import sets, settings
from benchmarks.speed.harness import Figure, Options, Outcome, Side, interleave
from benchmarks.speed.processes import kedro_run, timed

FEW, MANY = 2, 8
IMAGES = 256
SEEDS_OF = ("baseline", "dropout_augmentation")


def measure_run_overhead(options: Options, rounds: int) -> Outcome:
    """Time studies of hardly any images with few and many runs: the slope is one more run.

    One more seed of a technique takes over the compiled step; one more technique compiles its own.
    """
    images = sets.first(options, IMAGES)

    def seconds(techniques: list[str], seeds: int, workers: int | None) -> float:
        limit = [f"--runner-params=max_workers={workers}"] if workers else []
        command = kedro_run(
            *limit,
            pipelines=techniques,
            images=images,
            data_root=options.folder("overhead"),
            protocol__epochs=1,
            protocol__seeds=seeds,
        )
        return timed(command)[0]

    def slope(
        what: str, unit: str, of: dict[int, tuple[list[str], int]], workers: int | None
    ) -> None:
        how = f"{what}, {'one training at a time' if workers else 'side by side'}"
        made = interleave(
            {
                f"{how}, {number} {unit}": lambda given=given: seconds(*given, workers)
                for number, given in of.items()
            },
            rounds,
            "s",
        )
        few, many = made.values()
        sides.extend([few, many])
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

    sides: list[Side] = []
    figures: list[Figure] = []
    for name in SEEDS_OF:
        slope(f"seeds of {name}", "seeds", {n: ([name], n) for n in (FEW, MANY)}, 1)
    slope(f"seeds of {SEEDS_OF[0]}", "seeds", {n: ([SEEDS_OF[0]], n) for n in (FEW, MANY)}, None)
    # Whitening is fitted once for all, and would count for the one technique that begins with it.
    names = [name for name in settings.techniques() if "zca" not in name]
    for workers in (1, None):
        techniques = {n: (names[:n], 1) for n in (FEW, MANY)}
        slope("technique with one seed", "techniques", techniques, workers)
    note = (
        f"{IMAGES} images, 1 epoch, whole pipelines of techniques; one more run is the difference "
        f"between {FEW} and {MANY} seeds, or techniques, divided by {MANY - FEW}. Seeds of a "
        "technique use its compiled step again; a further technique traces and compiles its own."
    )
    return Outcome(sides, figures, [note])
