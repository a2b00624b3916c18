"""Download of MNIST into a set of images: all of it, or the sample that ships."""

from regbench.pipelines.fetch_mnist.pipeline import create_pipeline, create_sample_pipeline

__all__ = ["create_pipeline", "create_sample_pipeline"]
