"""Short digests of plain values, tables and weights, to tell whether two are the same."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # whoever reads the configuration imports this module
    import numpy as np
    import pandas as pd


def digest(value: Any) -> str:
    """Identify plain values: numbers, text, lists and mappings (whose order does not count)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hexadecimal(new_hash(text.encode()))


def digest_of_weights(weights: Mapping[str, "np.ndarray"]) -> str:
    """Return the digest of a network's weights, to tell whether a file holds the ones it should.

    Args:
        weights: By layer and name, such as ``hidden_1.kernel``, a layer's own in their order:
            a file of Keras has them by their number in it.
    """
    number: dict[str, int] = {}
    numbered = {}
    for name, values in weights.items():
        layer = name.rpartition(".")[0]
        number[layer] = number.get(layer, -1) + 1
        numbered[f"{layer}.{number[layer]}"] = values
    made = new_hash()
    for name, values in sorted(numbered.items()):
        made.update(f"{name}{values.shape}{values.dtype}".encode())
        made.update(values.tobytes())
    return hexadecimal(made)


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give a record its own digest, to tell later whether it is as it was written."""
    return {**record, "record": digest(record)}


def is_sealed(record: Mapping[str, Any]) -> bool:
    """Whether a record is as ``sealed`` returned it."""
    return record.get("record") == digest({k: record[k] for k in record if k != "record"})


def digest_of_table(table: "pd.DataFrame") -> str:
    """Identify a table by its values; of seconds only that they are numbers.

    They are others every time that the same is made again.
    """
    made = new_hash()
    for name, column in table.items():
        values = column.tolist()
        if name == "seconds":
            values = [isinstance(value, float) for value in values]
        made.update(f"{name}:{len(values)}:".encode())
        if values and hasattr(values[0], "tobytes"):  # as text, millions of them are gigabytes
            for array in values:
                made.update(array.tobytes())
        else:
            made.update(json.dumps(values).encode())
    return hexadecimal(made)


def digest_of_metrics(metrics: Mapping[str, Any]) -> str:
    """Identify a run's figures, its fingerprint and the seconds aside."""
    return digest({key: metrics[key] for key in metrics if key not in {"fingerprint", "seconds"}})


def new_hash(begin: bytes = b"") -> "hashlib.blake2b":
    """Return a BLAKE2b hash of 64 bits, begun with some bytes."""
    return hashlib.blake2b(begin, digest_size=8)


def hexadecimal(made: "hashlib.blake2b") -> str:
    """Return a finished hash as 16 hexadecimal digits."""
    return made.hexdigest()
