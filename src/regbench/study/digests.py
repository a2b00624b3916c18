"""Digests of plain values, tables and weights: equal values have equal digests.

A digest is BLAKE2b of 64 bits, as 16 hexadecimal digits.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported when the configuration is read, which is to be fast
    import numpy as np
    import pandas as pd


def digest(value: Any) -> str:
    """Return the digest of plain values.

    Args:
        value: Numbers, text, lists and mappings; the order of a mapping does not count.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hexadecimal(new_hash(text.encode()))


def digest_of_weights(weights: Mapping[str, "np.ndarray"]) -> str:
    """Return the digest of a network's weights, the same from memory and from a file.

    Args:
        weights: By layer and name, such as ``hidden_1.kernel``. Only the order of a layer's
            weights counts, not their names: Keras' files number them.
    """
    number: dict[str, int] = {}
    numbered = {}
    for name, values in weights.items():
        layer = name.rpartition(".")[0]
        number[layer] = number.get(layer, -1) + 1
        numbered[f"{layer}.{number[layer]}"] = values
    hashed = new_hash()
    for name, values in sorted(numbered.items()):
        hashed.update(f"{name}{values.shape}{values.dtype}".encode())
        hashed.update(values.tobytes())
    return hexadecimal(hashed)


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its own digest, as ``record``: ``is_sealed`` finds later changes."""
    return {**record, "record": digest(record)}


def is_sealed(record: Mapping[str, Any]) -> bool:
    """Return whether a record is unchanged since ``sealed`` returned it."""
    return record.get("record") == digest({k: record[k] for k in record if k != "record"})


def digest_of_table(table: "pd.DataFrame") -> str:
    """Return the digest of a table's values.

    Of a column ``seconds`` only its types count: a repeated training takes another time.
    """
    hashed = new_hash()
    for name, column in table.items():
        values = column.tolist()
        if name == "seconds":
            values = [isinstance(value, float) for value in values]
        hashed.update(f"{name}:{len(values)}:".encode())
        if values and hasattr(values[0], "tobytes"):  # arrays as text would be gigabytes
            for array in values:
                hashed.update(array.tobytes())
        else:
            hashed.update(json.dumps(values).encode())
    return hexadecimal(hashed)


def digest_of_metrics(metrics: Mapping[str, Any]) -> str:
    """Return the digest of a training's figures, without its fingerprint and what was timed."""
    left_out = {"fingerprint", "seconds", "inference_seconds"}
    return digest({key: metrics[key] for key in metrics if key not in left_out})


def new_hash(begin: bytes = b"") -> "hashlib.blake2b":
    """Return a BLAKE2b hash of 64 bits.

    Args:
        begin: The first bytes to hash.
    """
    return hashlib.blake2b(begin, digest_size=8)


def hexadecimal(hashed: "hashlib.blake2b") -> str:
    """Return a hash as 16 hexadecimal digits."""
    return hashed.hexdigest()
