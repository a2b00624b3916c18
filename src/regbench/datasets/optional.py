"""Files that may not be there: results of another study."""

from typing import Any

import pandas as pd

from regbench.datasets.atomic import CSVDataset, JSONDataset


class OptionalCSVDataset(CSVDataset):
    """A table as CSV; None if there is no such file."""

    def load(self) -> pd.DataFrame | None:
        """Return the table, or None."""
        return super().load() if self._exists() else None


class OptionalJSONDataset(JSONDataset):
    """Plain values as JSON; None if there is no such file."""

    def load(self) -> Any:
        """Return the values, or None."""
        return super().load() if self._exists() else None
