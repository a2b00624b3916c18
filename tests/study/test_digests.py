"""Digests: the same for the same values only, from memory and from files."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from regbench.study.digests import (
    digest,
    digest_of_metrics,
    digest_of_table,
    digest_of_weights,
    is_sealed,
    sealed,
)


class TestDigest:
    plain = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )

    @given(plain, plain)
    def test_is_the_same_for_the_same_values_only(self, one: Any, other: Any) -> None:
        assert digest(one) == digest(copy.deepcopy(one))
        same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
        assert (digest(one) == digest(other)) == same

    def test_does_not_depend_on_the_order_of_keys(self) -> None:
        assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
        assert digest([1, 2]) != digest([2, 1])

    def test_is_the_same_in_every_process(self) -> None:
        # Of stored results it has to be the same tomorrow: Python's own hash is not.
        expected = hashlib.blake2b(b'{"a":[1,"\\u00e9"],"b":null}', digest_size=8).hexdigest()
        assert digest({"b": None, "a": [1, "é"]}) == expected


WEIGHTS = {
    "hidden_1.kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "hidden_1.bias": np.zeros(3, np.float32),
}


class TestWeights:
    def test_are_the_same_for_the_same_values(self) -> None:
        again = {name: np.asfortranarray(values) for name, values in WEIGHTS.items()}
        assert digest_of_weights(again) == digest_of_weights(WEIGHTS)

    def test_one_value_one_name_or_one_shape_counts(self) -> None:
        kernel, bias = WEIGHTS.values()
        nearly = kernel.copy()
        nearly[1, 2] = np.nextafter(kernel[1, 2], np.float32(9))
        others = [
            {"hidden_1.kernel": nearly, "hidden_1.bias": bias},
            {"hidden_2.kernel": kernel, "hidden_1.bias": bias},
            {"hidden_1.kernel": kernel.reshape(3, 2), "hidden_1.bias": bias},
            {"hidden_1.kernel": kernel.astype(np.float64), "hidden_1.bias": bias},
            {"hidden_1.kernel": kernel},
            {},
        ]
        found = {digest_of_weights(other) for other in others}
        assert len(found) == len(others)
        assert digest_of_weights(WEIGHTS) not in found


class TestTable:
    TABLE = pd.DataFrame(
        {
            "epoch": [1, 2],
            "train_cross_entropy": [0.1 + 0.2, 1e-17 / 3],
            "penalty": [0.0, float("nan")],
            "seconds": [1.5, 0.1],
            "kept": [True, False],
        }
    )

    def test_is_the_same_from_a_file(self, tmp_path: Path) -> None:
        self.TABLE.to_csv(tmp_path / "t.csv", index=False)
        stored = pd.read_csv(tmp_path / "t.csv")
        assert digest_of_table(stored) == digest_of_table(self.TABLE)
        answers = pd.DataFrame(
            {
                "predicted": np.asarray(["1", "02"], dtype=object),
                "confidence": np.asarray([0.1, 0.7], np.float32),
                "probabilities": list(np.asarray([[0.1, 0.9], [0.7, 0.3]], np.float32)),
            }
        )
        answers.to_parquet(tmp_path / "t.parquet")
        assert digest_of_table(pd.read_parquet(tmp_path / "t.parquet")) == digest_of_table(answers)

    def test_all_but_seconds_count(self) -> None:
        again = self.TABLE.assign(seconds=[7.0, 8.0])
        assert digest_of_table(again) == digest_of_table(self.TABLE)
        others = [
            self.TABLE[:1],
            self.TABLE.rename(columns={"kept": "left"}),
            self.TABLE.assign(epoch=[1, 3]),
            self.TABLE.assign(penalty=[0.0, 0.0]),
            self.TABLE.assign(seconds=["1.5", "\0"]),
        ]
        assert digest_of_table(self.TABLE) not in {digest_of_table(other) for other in others}


class TestRecords:
    def test_a_sealed_record_is_known_as_written(self) -> None:
        record = sealed({"data": "d", "made_from": {"files": "f"}})
        assert is_sealed(json.loads(json.dumps(record)))
        assert not is_sealed(record | {"data": "e"})
        assert not is_sealed({"data": "d"})
        assert not is_sealed({})

    def test_metrics_count_without_their_seconds(self) -> None:
        metrics = {"test_accuracy": 0.5, "recall": {"1": 0.25}, "seconds": 1.0}
        metrics["inference_seconds"] = 0.001
        again = metrics | {"seconds": 2.0, "fingerprint": {"data": "d"}, "inference_seconds": 0.002}
        assert digest_of_metrics(again) == digest_of_metrics(metrics)
        assert digest_of_metrics(metrics | {"test_accuracy": 0.6}) != digest_of_metrics(metrics)
