"""Interactions against statsmodels' two-way regression, and their verdicts."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.multitest import multipletests
from tests.comparison.trainings import IMAGES, UNTRAINED, collected, failed, trained

from regbench.comparison.interactions import interactions
from regbench.evaluation.resampling import Resampling
from regbench.evaluation.results import Results
from regbench.study.factorial import Factorial

BAND = 0.02
PAIR = Factorial("baseline", "a", "b", "ab")


def of_seeds(accuracies: Any, first: int = 1) -> Results:
    rounded = np.round(np.asarray(accuracies, dtype=float), 2)
    return collected(*(trained(seed, of) for seed, of in enumerate(rounded.tolist(), first)))


def drawn(together: float, spread: float = 0.01, seeds: int = 8, seed: int = 0) -> dict[str, Any]:
    """Accuracies of four techniques; both together gain ``together`` beyond the sum."""
    random = np.random.default_rng(seed)
    luck = random.normal(0, 0.02, seeds)  # of the seed, the same for all
    effects = {"baseline": 0.0, "a": 0.03, "b": 0.02, "ab": 0.05 + together}
    return {
        name: of_seeds(0.7 + effect + luck + random.normal(0, spread, seeds))
        for name, effect in effects.items()
    }


def only(results: dict[str, Results], *pairs: Factorial, **more: Any) -> dict[str, Any]:
    [row, *_] = interactions(results, pairs or (PAIR,), "accuracy", BAND, **more).to_dict("records")
    return {str(key): value for key, value in row.items()}


def test_is_the_interaction_of_a_regression_on_both_factors_and_the_seed() -> None:
    results = drawn(0.05)
    row = only(results)
    long = pd.concat(
        pd.DataFrame({"y": of.by_seed("test_accuracy"), "a": "a" in name, "b": name in ("b", "ab")})
        for name, of in results.items()
        for name in [name if name != "baseline" else "-"]
    ).reset_index()
    fitted = smf.ols("y ~ C(a) * C(b) + C(seed)", long).fit()
    assert row["interaction"] == pytest.approx(fitted.params["C(a)[T.True]:C(b)[T.True]"])
    assert row["one_difference"] == pytest.approx(fitted.params["C(a)[T.True]"])
    # Its error is over seeds: a regression of the contrast of each seed on a constant.
    contrast = long.assign(sign=np.where(long["a"] == long["b"], 1, -1) * long["y"])
    by_seed = contrast.groupby("seed")["sign"].sum().rename("contrast").reset_index()
    mean = smf.ols("contrast ~ 1", by_seed).fit()
    low, high = mean.conf_int().loc["Intercept"]
    assert row["interaction_low"] == pytest.approx(low)
    assert row["interaction_high"] == pytest.approx(high)
    assert row["p_value"] == pytest.approx(mean.pvalues["Intercept"])
    assert row["seeds"] == 8


@pytest.mark.parametrize(
    ("together", "spread", "verdict"),
    [
        (0.08, 0.005, "help each other"),
        (-0.08, 0.005, "get in each other's way"),
        (0.0, 0.002, "add up"),
        (0.03, 0.05, "undecided"),
    ],
)
def test_the_verdict(together: float, spread: float, verdict: str) -> None:
    assert only(drawn(together, spread))["verdict"] == verdict


def test_where_less_is_better_a_lower_loss_together_helps() -> None:
    results = drawn(0.08, 0.005)
    for of in results.values():
        of.trainings["test_cross_entropy"] = 1 - of.trainings["test_accuracy"]
        of.predictions["label_probability"] = np.float32(0.5)
    [row] = interactions(results, [PAIR], "cross_entropy", BAND).to_dict("records")
    assert (row["verdict"], row["metric"]) == ("help each other", "cross_entropy")
    assert row["interaction"] < 0


def test_is_corrected_over_all_pairs() -> None:
    results = drawn(0.02) | {
        name.replace("a", "c").replace("b", "d"): of
        for name, of in drawn(0.01, seed=1).items()
        if name != "baseline"
    }
    both = [PAIR, Factorial("baseline", "c", "d", "cd")]
    table = interactions(results, both, "accuracy", BAND)
    expected = multipletests(table["p_value"], method="holm")[1]
    assert table["p_adjusted"].tolist() == pytest.approx(expected.tolist())


def test_counts_the_seeds_that_all_four_have() -> None:
    results = drawn(0.05)
    results["b"] = collected(
        *(failed(s) if s == 2 else trained(s, 0.7 + s / 100) for s in range(1, 7))
    )
    row = only(results)
    assert row["seeds"] == 5
    seeds = [1, 3, 4, 5, 6]
    one, other, both, base = (
        results[name].by_seed("test_accuracy")[seeds] for name in ("a", "b", "ab", "baseline")
    )
    assert row["interaction"] == pytest.approx((both - one - other + base).mean())
    assert only({**results, "a": results["a"].of_seeds([1, 3])})["verdict"] == "descriptive only"
    assert interactions({**results, "a": UNTRAINED}, [PAIR], "accuracy", BAND).empty


def test_with_looks_it_holds_at_whichever_look_the_four_came_to() -> None:
    results = drawn(0.05, seeds=8)
    results["a"] = results["a"].of_seeds(range(1, 6))  # decided after five
    results["b"] = results["b"].of_seeds(range(1, 7))  # on its way to eight
    row = only(results, looks=(5, 8, 12, 20))
    once = only({name: of.of_seeds(range(1, 6)) for name, of in results.items()})
    assert row["seeds"] == once["seeds"] == 5
    assert row["p_value"] == pytest.approx(min(1, 4 * once["p_value"]))
    error = once["interaction_sd"] / np.sqrt(5)
    expected = row["interaction"] + stats.t.ppf(1 - 0.05 / 8, 4) * error
    assert row["interaction_high"] == pytest.approx(expected)
    assert interactions(results, [PAIR], "accuracy", BAND, looks=(8, 12)).empty


def test_where_every_seed_has_its_own_split_the_interval_is_wider() -> None:
    results = drawn(0.05)
    resampling = Resampling(variance_ratio=0.2, judged_is_fixed=False)
    row, single = only(results, resampling=resampling), only(results)
    wider = (row["interaction_high"] - row["interaction"]) / (
        single["interaction_high"] - single["interaction"]
    )
    assert wider == pytest.approx(np.sqrt((1 / 8 + 0.2) * 8))


def test_of_several_networks_each_has_its_own() -> None:
    one, other = drawn(0.05), drawn(-0.05)
    results = {f"{name}.mlp": of for name, of in one.items()}
    results |= {f"{name}.cnn": of for name, of in other.items()}
    table = interactions(results, [PAIR], "accuracy", BAND)
    assert table["network"].tolist() == ["mlp", "cnn"]
    assert (table["interaction"] > 0).tolist() == [True, False]


def test_equal_differences_in_every_seed_are_no_certainty() -> None:
    results = {
        name: of_seeds([0.7 + gain] * 5) for name, gain in zip("xyz", (0, 0, 0), strict=True)
    }
    results = {"baseline": results["x"], "a": results["y"], "b": results["z"]}
    results["ab"] = of_seeds([0.71] * 5)
    assert only(results)["interaction_sd"] == pytest.approx(0.5 / IMAGES)
