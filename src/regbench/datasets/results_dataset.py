"""A technique's results, which may not be there yet."""

import pandas as pd

from regbench.datasets.atomic import CSVDataset


class ResultsDataset(CSVDataset):
    """A row per run as CSV; an empty table when the technique has not been trained.

    The comparison takes all techniques, trained or not, and says which is which.
    """

    def load(self) -> pd.DataFrame:
        """Return the results, or an empty table without columns."""
        return super().load() if self._exists() else pd.DataFrame()
