"""TensorFlow computations of regularizers; imported only where they act."""
