"""Train a convolutional network: the PyTorch script that a person would write."""

import time

import numpy as np
import torch
from torch import nn

BATCH_SIZE = 128
Part = tuple[np.ndarray, np.ndarray]


def build_model(classes: int, filters: list[int]) -> nn.Module:
    """Two 3 x 3 convolutions with batch normalization a stage, pooling between, a linear head."""
    layers: list[nn.Module] = []
    channels = 3
    for stage, many in enumerate(filters):
        if stage:
            layers.append(nn.MaxPool2d(2))
        for _ in range(2):
            layers += [
                nn.Conv2d(channels, many, 3, padding=1, bias=False),
                nn.BatchNorm2d(many),
                nn.ReLU(),
            ]
            channels = many
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    return nn.Sequential(*layers)


def run(train: Part, validation: Part, filters: list[int], epochs: int) -> list[float]:
    """Train on uint8 images, N x H x W x 3; return the seconds of each epoch."""
    trained, validated = (_tensors(part) for part in (train, validation))
    model = build_model(int(train[1].max()) + 1, filters).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters())
    seconds = []
    for _ in range(epochs):
        started = time.perf_counter()
        model.train()
        for rows in torch.randperm(len(trained[0])).split(BATCH_SIZE):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(trained[0][rows]), trained[1][rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for rows in torch.arange(len(validated[0])).split(BATCH_SIZE):
                model(validated[0][rows]).argmax(1)
        seconds.append(time.perf_counter() - started)
    return seconds


def _tensors(part: Part) -> tuple[torch.Tensor, torch.Tensor]:
    """Return N x 3 x H x W float32 from 0 to 1, and class numbers."""
    images = torch.from_numpy(part[0]).permute(0, 3, 1, 2).float() / 255
    return images.contiguous(memory_format=torch.channels_last), torch.from_numpy(part[1]).long()
