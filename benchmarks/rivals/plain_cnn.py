"""Train a convolutional network on a zip of split folders with class folders: a plain Keras script.

python benchmarks/rivals/plain_cnn.py --images photos.zip --epochs 15 --seeds 2
"""

import argparse
import io
import json
import random
import zipfile
from pathlib import Path

import keras
import numpy as np
from keras import layers
from PIL import Image

BATCH_SIZE = 128
LEARNING_RATE = 0.001
FILTERS = (32, 64, 128)
Part = tuple[np.ndarray, np.ndarray]


def load_images(path: Path) -> dict[str, Part]:
    """Read ``<part>/<class>/<name>`` of a zip: by part, N x H x W x 3 (uint8) and class numbers."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        classes = sorted({name.split("/")[1] for name in names})
        parts = {}
        for part in ("train", "validation", "test"):
            mine = [name for name in names if name.startswith(f"{part}/")]
            pictures = [
                np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))
                for name in mine
            ]
            labels = [classes.index(name.split("/")[1]) for name in mine]
            parts[part] = np.stack(pictures), np.array(labels)
    return parts


def build_model(shape: tuple[int, int, int], classes: int, steps: int) -> keras.Sequential:
    """Build and compile three stages of two convolutions, with a rate that falls to 0 by cosine."""
    model = keras.Sequential([keras.Input(shape), layers.Rescaling(1 / 255)])
    for stage, filters in enumerate(FILTERS):
        if stage:
            model.add(layers.MaxPooling2D())
        for _ in range(2):
            convolution = layers.Conv2D(
                filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
            )
            model.add(convolution)
            model.add(layers.BatchNormalization(momentum=0.9))
            model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(classes, activation="softmax"))
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def run(parts: dict[str, Part], seed: int, epochs: int) -> float:
    """Train on the train part; return the accuracy on the test part.

    The seed decides the initial weights; the order of images stays random, as in plain_keras.py.
    """
    keras.backend.clear_session()
    random.seed(seed)
    np.random.seed(seed)
    images, labels = parts["train"]
    steps = epochs * -(-len(images) // BATCH_SIZE)
    model = build_model(images.shape[1:], int(labels.max()) + 1, steps)
    model.fit(
        images,
        labels,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=parts["validation"],
        verbose=0,
    )
    predicted = model.predict(parts["test"][0], batch_size=BATCH_SIZE, verbose=0).argmax(axis=1)
    return float(np.mean(predicted == parts["test"][1]))


def main() -> None:
    """Train with all seeds, print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="a zip")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=2, help="how many")
    parser.add_argument("--json", type=Path, help="where to write the accuracies")
    given = parser.parse_args()
    parts, accuracies = load_images(given.images), []
    for seed in range(1, given.seeds + 1):
        accuracies.append(run(parts, seed, given.epochs))
        print(f"seed {seed}: {accuracies[-1]:.4f}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(accuracies) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
