"""What regularizers compute with TensorFlow; imported only where they act."""
