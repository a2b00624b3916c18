"""RegBench: which regularization technique helps, by how much, is it real, what does it cost?"""

import os

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Arrow's own keeps 70 MB for itself

__version__ = "0.1.0"
