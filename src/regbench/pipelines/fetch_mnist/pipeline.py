"""The two pipelines that write MNIST as a set of images.

mnist_source --lay_out_mnist--> mnist_set     kedro run --pipelines=fetch_mnist
mnist_source --sample_mnist---> digits_set    kedro run --pipelines=sample_mnist
"""

from kedro.pipeline import Node, Pipeline

from regbench.pipelines.fetch_mnist.nodes import lay_out_mnist, sample_mnist


def create_pipeline() -> Pipeline:
    """Return the pipeline that writes all of MNIST: 49,000 labelled, 21,000 unlabelled images."""
    return Pipeline([Node(lay_out_mnist, "mnist_source", "mnist_set", name="lay_out_mnist")])


def create_sample_pipeline() -> Pipeline:
    """Return the pipeline that writes the sample of MNIST that ships with the project."""
    return Pipeline([Node(sample_mnist, "mnist_source", "digits_set", name="sample_mnist")])
