"""The learning curve, and the comparison of network sizes."""

from regbench.pipelines.scaling.pipeline import create_learning_curve, create_network_size

__all__ = ["create_learning_curve", "create_network_size"]
