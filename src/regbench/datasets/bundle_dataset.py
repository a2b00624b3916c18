"""A Kedro dataset for a study's bundle."""

from regbench.bundle import contents, reading
from regbench.datasets.one_file import OneFileDataset


class BundleDataset(OneFileDataset[contents.Bundle, contents.Bundle]):
    """A bundle as one zip, written atomically; the same study gives the same bytes."""

    def load(self) -> contents.Bundle:
        """Return the bundle.

        Raises:
            kedro.io.DatasetError: It is missing or no bundle (see the cause).
        """
        return reading.read_bundle(self._file.local_copy())

    def save(self, data: contents.Bundle) -> None:
        """Write the bundle."""
        with self._file.atomic_write() as partial, partial.open("wb") as file:
            contents.write(data, file)
