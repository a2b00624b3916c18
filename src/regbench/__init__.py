"""RegBench: which regularization technique helps, by how much, is it real, what does it cost?"""

__version__ = "0.1.0"
