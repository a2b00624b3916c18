"""Compare regularization techniques on a set of images: a plain Keras script.

python benchmarks/rivals/plain_keras.py --images data/01_raw/mnist.zip --seeds 3
"""

import argparse
import io
import json
import random
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from PIL import Image
from sklearn.metrics import accuracy_score

BATCH_SIZE = 128
TRAIN_SHARE = 0.7
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


def load_images(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the pictures that Train/train.csv lists, from a folder or a zip.

    Returns:
        Images, float32, N x 28 x 28 x 1, from 0 to 1; labels, int64, N.
    """
    if path.is_dir():
        table = pd.read_csv(path / "Train" / "train.csv")
        folder = path / "Train" / "Images" / "train"
        pictures = [np.asarray(Image.open(folder / name)) for name in table["filename"]]
    else:
        with zipfile.ZipFile(path) as archive:
            table = pd.read_csv(archive.open("Train/train.csv"))
            pictures = [
                np.asarray(Image.open(io.BytesIO(archive.read(f"Train/Images/train/{name}"))))
                for name in table["filename"]
            ]
    images = np.stack(pictures).astype("float32")[..., np.newaxis] / 255
    return images, table["label"].to_numpy()


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


def fit_zca(images: np.ndarray, epsilon: float = 1e-2) -> Callable[[np.ndarray], np.ndarray]:
    """Find the whitening of some images."""
    flat = images.reshape(len(images), -1)
    mean = flat.mean(axis=0)
    eigenvalues, vectors = np.linalg.eigh(np.cov(flat - mean, rowvar=False))
    matrix = (vectors / np.sqrt(np.maximum(eigenvalues, 0) + epsilon)) @ vectors.T
    matrix = matrix.astype("float32")

    def whiten(images: np.ndarray) -> np.ndarray:
        whitened: np.ndarray = (images.reshape(len(images), -1) - mean) @ matrix
        return whitened.reshape(images.shape)

    return whiten


def set_seed(seed: int) -> None:
    """Decide the initial weights and what Keras' layers draw; the order of images stays random.

    ``keras.utils.set_random_seed`` would also seed TensorFlow, with which ``model.fit`` shows the
    images in one and the same order in all epochs (Keras 3.15, TensorFlow 2.21).
    """
    random.seed(seed)
    np.random.seed(seed)


def run(
    technique: dict[str, Any],
    seed: int,
    epochs: int,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
) -> tuple[float, int]:
    """Train with one technique and seed; for ZCA, the images are whitened before.

    Returns:
        The accuracy on the validation images, and how many epochs it took.
    """
    keras.backend.clear_session()
    set_seed(seed)
    layers = {key: value for key, value in technique.items() if key != "zca"}
    (x_train, y_train), (x_validation, y_validation) = train, validation
    callbacks = []
    if layers.pop("early_stopping", False):
        callbacks = [
            keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
        ]
    model = build_model(x_train.shape[1:], len(np.unique(y_train)), **layers)
    history = model.fit(
        x_train,
        y_train,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=(x_validation, y_validation),
        callbacks=callbacks,
        verbose=0,
    )
    predicted = model.predict(x_validation, batch_size=BATCH_SIZE, verbose=0).argmax(axis=1)
    return float(accuracy_score(y_validation, predicted)), len(history.epoch)


def main() -> None:
    """Train with all techniques and seeds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="a folder or a zip")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--techniques", default=",".join(TECHNIQUES))
    parser.add_argument("--json", type=Path, help="where to write accuracies and seconds")
    arguments = parser.parse_args()

    images, labels = load_images(arguments.images)
    border = round(TRAIN_SHARE * len(images))
    train = images[:border], labels[:border]
    validation = images[border:], labels[border:]
    names = arguments.techniques.split(",")
    if any("zca" in TECHNIQUES[name] for name in names):  # once for all that use it
        whiten = fit_zca(train[0])
        whitened = tuple((whiten(images), labels) for images, labels in (train, validation))
    rows = []
    for name in names:
        parts = whitened if "zca" in TECHNIQUES[name] else (train, validation)
        for seed in range(1, arguments.seeds + 1):
            started = time.perf_counter()
            accuracy, epochs_done = run(TECHNIQUES[name], seed, arguments.epochs, *parts)
            seconds = time.perf_counter() - started
            row = {"technique": name, "seed": seed, "accuracy": accuracy, "seconds": seconds}
            rows.append(row | {"epochs": epochs_done})
            print(f"{name} seed {seed}: {accuracy:.4f} ({seconds:.1f} s)", flush=True)

    runs = pd.DataFrame(rows)
    table = runs.groupby("technique", sort=False)["accuracy"].agg(["mean", "std"])
    print(table.sort_values("mean", ascending=False).round(4))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
