"""Compare regularization techniques on a set of images: a plain PyTorch script.

python benchmarks/rivals/plain_torch.py --images data/01_raw/mnist.zip --seeds 3
"""

import argparse
import copy
import io
import json
import math
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.metrics import accuracy_score

try:
    import torch
    import torch.nn.functional as F  # noqa: N812 - its usual name
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset
except ImportError:
    sys.exit("PyTorch is not installed: pip install torch")

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


def load_images(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the pictures that Train/train.csv lists, from a folder or a zip.

    Returns:
        Images, float32, N x 1 x 28 x 28, from 0 to 1; labels, int64, N.
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
    images = np.stack(pictures).astype("float32")[:, np.newaxis] / 255
    return images, table["label"].to_numpy(copy=True)


def build_model(
    inputs: int, classes: int, dropout: float = 0.0, batch_normalization: bool = False
) -> nn.Sequential:
    """Build five hidden layers of 500 with a technique's layers in between."""
    layers: list[nn.Module] = [nn.Flatten()]
    for number in range(5):
        layers.append(nn.Linear(inputs if number == 0 else 500, 500))
        if batch_normalization:
            layers.append(nn.BatchNorm1d(500))
        layers.append(nn.ReLU())
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(500, classes))


def augment(images: torch.Tensor) -> torch.Tensor:
    """Rotate every image by up to 10 degrees, shift and zoom it by up to 10 %."""

    def draw(most: float) -> torch.Tensor:
        return (2 * torch.rand(len(images)) - 1) * most

    angle, scale = draw(math.radians(10)), 1 + draw(0.1)
    cosine, sine = scale * torch.cos(angle), scale * torch.sin(angle)
    # A shift of 10 % is 0.2 in grid coordinates, which go from -1 to 1.
    rows = [
        torch.stack([cosine, -sine, draw(0.2)], dim=1),
        torch.stack([sine, cosine, draw(0.2)], dim=1),
    ]
    grid = F.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


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


def predict(model: nn.Module, loader: DataLoader) -> torch.Tensor:
    """Return the logits of all images."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(images) for images, _ in loader])


def run(
    technique: dict[str, Any],
    seed: int,
    epochs: int,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
) -> tuple[float, list[float]]:
    """Train with one technique and seed; for ZCA, the images are whitened before.

    Returns:
        The accuracy on the validation images, and the seconds of every epoch.
    """
    torch.manual_seed(seed)
    (x_train, y_train), (x_validation, y_validation) = train, validation
    train_set = TensorDataset(torch.from_numpy(x_train), torch.from_numpy(y_train))
    validation_set = TensorDataset(torch.from_numpy(x_validation), torch.from_numpy(y_validation))
    train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True)
    validation_loader = DataLoader(validation_set, batch_size=BATCH_SIZE)

    model = build_model(
        int(np.prod(x_train.shape[1:])),
        len(np.unique(y_train)),
        technique.get("dropout", 0.0),
        technique.get("batch_normalization", False),
    )
    kernels = [layer.weight for layer in model if isinstance(layer, nn.Linear)][:-1]
    optimizer = torch.optim.Adam(model.parameters())
    best_loss, best_epoch, best_state = math.inf, 0, model.state_dict()
    seconds = []
    for epoch in range(epochs):
        started = time.perf_counter()
        model.train()
        for images, labels in train_loader:
            logits = model(augment(images) if technique.get("augmentation") else images)
            loss = F.cross_entropy(logits, labels)
            if "l1" in technique:
                loss = loss + technique["l1"] * sum(kernel.abs().sum() for kernel in kernels)
            if "l2" in technique:
                loss = loss + technique["l2"] * sum(kernel.square().sum() for kernel in kernels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        validation_loss = float(
            F.cross_entropy(predict(model, validation_loader), torch.from_numpy(y_validation))
        )
        seconds.append(time.perf_counter() - started)
        if technique.get("early_stopping"):
            if validation_loss < best_loss:
                best_loss, best_epoch = validation_loss, epoch
                best_state = copy.deepcopy(model.state_dict())
            if epoch - best_epoch >= PATIENCE:
                break
    if technique.get("early_stopping"):
        model.load_state_dict(best_state)
    predicted = predict(model, validation_loader).argmax(dim=1).numpy()
    return float(accuracy_score(y_validation, predicted)), seconds


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
            accuracy, epochs = run(TECHNIQUES[name], seed, arguments.epochs, *parts)
            seconds = time.perf_counter() - started
            row = {"technique": name, "seed": seed, "accuracy": accuracy, "seconds": seconds}
            rows.append(row | {"epochs": len(epochs), "epoch_seconds": epochs})
            print(f"{name} seed {seed}: {accuracy:.4f} ({seconds:.1f} s)", flush=True)

    runs = pd.DataFrame(rows)
    table = runs.groupby("technique", sort=False)["accuracy"].agg(["mean", "std"])
    print(table.sort_values("mean", ascending=False).round(4))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
