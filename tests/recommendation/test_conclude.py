"""The comparison on test images of what was put together."""

from tests.comparison.trainings import collected, trained

from regbench.comparison.compare import compare
from regbench.recommendation.conclude import numbered


def test_looks_judge_fresh_seeds_as_they_judge_the_first() -> None:
    def rows(first: int) -> dict[str, object]:
        seeds = range(first, first + 5)
        results = {
            "baseline": collected(*(trained(seed, 0.8 + 0.001 * (seed % 5)) for seed in seeds)),
            "l2": collected(*(trained(seed, 0.9 + 0.001 * (seed % 5)) for seed in seeds)),
        }
        by_number = {name: numbered(of, list(seeds)) for name, of in results.items()}
        compared = compare(by_number, {}, 0.005, seeds=20, metric="accuracy", looks=[5, 20])
        return dict(compared.set_index("technique").loc["l2"])

    fresh, own = rows(21), rows(1)
    assert fresh["pairs"] == own["pairs"] == 5
    assert fresh["verdict"] == own["verdict"] == "better"
    assert fresh["difference_low"] == own["difference_low"]
