"""Compare regularization techniques on a set of images: a plain Keras script.

python benchmarks/rivals/plain_keras.py --images data/01_raw/mnist.zip --seeds 3
"""

import argparse
import io
import json
import random
import time
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from PIL import Image
from sklearn.metrics import accuracy_score

BATCH_SIZE = 128
TRAIN_SHARE = 0.7
PATIENCE = 2
TECHNIQUES: dict[str, dict[str, Any]] = {
    "baseline": {},
    "l2": {"l2": 1e-4},
    "l1": {"l1": 1e-4},
    "dropout": {"dropout": 0.25},
    "augmentation": {"augmentation": True},
    "zca": {"zca": True},
    "zca_dropout": {"zca": True, "dropout": 0.25},
    "early_stopping": {"early_stopping": True},
    "batch_normalization": {"batch_normalization": True},
    "dropout_augmentation": {"dropout": 0.25, "augmentation": True},
}
Part = tuple[np.ndarray, np.ndarray]


def load_images(path: Path) -> Part:
    """Read what Train/train.csv of a zip lists: N x 28 x 28 x 1 from 0 to 1, and labels."""
    with zipfile.ZipFile(path) as archive:
        table = pd.read_csv(archive.open("Train/train.csv"))
        pictures = [
            np.asarray(Image.open(io.BytesIO(archive.read(f"Train/Images/train/{name}"))))
            for name in table["filename"]
        ]
    return np.stack(pictures).astype("float32")[..., np.newaxis] / 255, table["label"].to_numpy()


def build_model(
    shape: tuple[int, int, int],
    classes: int,
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float = 0.0,
    batch_normalization: bool = False,
    augmentation: bool = False,
) -> keras.Sequential:
    """Build and compile five hidden layers of 500 with a technique's layers in between."""
    model = keras.Sequential([keras.Input(shape)])
    if augmentation:
        for layer in augmentation_layers():
            model.add(layer)
    model.add(keras.layers.Flatten())
    regularizer = keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
    for _ in range(5):
        if batch_normalization:
            model.add(keras.layers.Dense(500, kernel_regularizer=regularizer))
            model.add(keras.layers.BatchNormalization())
            model.add(keras.layers.Activation("relu"))
        else:
            model.add(keras.layers.Dense(500, activation="relu", kernel_regularizer=regularizer))
        if dropout:
            model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(classes, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def augmentation_layers() -> list[keras.layers.Layer]:
    """Rotate by up to 10 degrees, shift and zoom by up to 10 %; black comes in at the edges."""
    return [
        keras.layers.RandomRotation(10 / 360, fill_mode="constant"),
        keras.layers.RandomTranslation(0.1, 0.1, fill_mode="constant"),
        keras.layers.RandomZoom(0.1, fill_mode="constant"),
    ]


def run(
    technique: dict[str, Any], seed: int, epochs: int, train: Part, validation: Part
) -> tuple[float, list[float]]:
    """Train with one technique and seed; return the accuracy and when each epoch ended.

    The seed decides the initial weights and what Keras' layers draw; the order of images stays
    random. ``keras.utils.set_random_seed`` would also seed TensorFlow, with which ``model.fit``
    shows the images in one and the same order in all epochs (Keras 3.15, TensorFlow 2.21).
    """
    keras.backend.clear_session()
    random.seed(seed)
    np.random.seed(seed)
    layers = {key: value for key, value in technique.items() if key != "zca"}
    ends = [time.perf_counter()]
    callbacks: list[keras.callbacks.Callback] = [
        keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    ]
    if layers.pop("early_stopping", False):
        stopping = keras.callbacks.EarlyStopping
        callbacks.append(stopping("val_loss", patience=PATIENCE, restore_best_weights=True))
    model = build_model(train[0].shape[1:], len(np.unique(train[1])), **layers)
    model.fit(
        *train,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=validation,
        callbacks=callbacks,
        verbose=0,
    )
    predicted = model.predict(validation[0], batch_size=BATCH_SIZE, verbose=0).argmax(axis=1)
    return float(accuracy_score(validation[1], predicted)), np.diff(ends).tolist()


def whiten_both(train: Part, validation: Part, epsilon: float = 1e-2) -> tuple[Part, Part]:
    """Whiten both parts as the train part needs it (ZCA)."""
    flat = train[0].reshape(len(train[0]), -1)
    mean = flat.mean(axis=0)
    eigenvalues, vectors = np.linalg.eigh(np.cov(flat - mean, rowvar=False))
    matrix = (vectors / np.sqrt(np.maximum(eigenvalues, 0) + epsilon)) @ vectors.T

    def whiten(images: np.ndarray, labels: np.ndarray) -> Part:
        whitened = (images.reshape(len(images), -1) - mean) @ matrix.astype("float32")
        return whitened.reshape(images.shape), labels

    return whiten(*train), whiten(*validation)


def main() -> None:
    """Train with all techniques and seeds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="a zip")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--techniques", default=",".join(TECHNIQUES))
    parser.add_argument("--json", type=Path, help="where to write accuracies and seconds")
    given = parser.parse_args()

    images, labels = load_images(given.images)
    border = round(TRAIN_SHARE * len(images))
    train = images[:border], labels[:border]
    validation = images[border:], labels[border:]
    names = given.techniques.split(",")
    if any("zca" in TECHNIQUES[name] for name in names):  # once for all that use it
        whitened = whiten_both(train, validation)
    rows = []
    for name in names:
        parts = whitened if "zca" in TECHNIQUES[name] else (train, validation)
        for seed in range(1, given.seeds + 1):
            started = time.perf_counter()
            accuracy, epochs = run(TECHNIQUES[name], seed, given.epochs, *parts)
            seconds = time.perf_counter() - started
            row = {"technique": name, "seed": seed, "accuracy": accuracy, "seconds": seconds}
            rows.append(row | {"epochs": len(epochs), "epoch_seconds": epochs})
            print(f"{name} seed {seed}: {accuracy:.4f} ({seconds:.1f} s)", flush=True)

    table = pd.DataFrame(rows).groupby("technique", sort=False)["accuracy"].agg(["mean", "std"])
    print(table.sort_values("mean", ascending=False).round(4))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
