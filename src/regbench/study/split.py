"""The settings of a split: shares, method, groups, and whether every seed draws its own."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from regbench.fields import Float, Int, Name, Seed, Settings
from regbench.study.texts import GroupPattern


class Split(Settings):
    """How images are split into train, validation and test; shares of 1."""

    method: Literal["auto", "given", "stratified", "sequential", "hashed"]
    train: Annotated[Float, Field(gt=0, lt=1)]
    validation: Annotated[Float, Field(gt=0, lt=1)]
    test: Annotated[Float, Field(ge=0, lt=1)]
    seed: Seed
    group_column: Name | None = None  # a column of the label file, such as patient
    # A regular expression that finds the group in a file name.
    group_pattern: GroupPattern | None = None
    resample: bool = False  # every seed draws its own split
    folds: Annotated[Int, Field(ge=2, le=100)] | None = None  # and judges one of so many folds

    @model_validator(mode="after")
    def _groups_can_be_kept(self) -> Self:
        """Refuse two kinds of groups at once, and groups in a split by the order of rows."""
        if self.group_column is not None and self.group_pattern is not None:
            raise ValueError("group_column and group_pattern exclude each other; set one to null")
        if self.is_grouped and self.method == "sequential":
            raise ValueError(
                "method=sequential goes by the order of rows and keeps no group together; set "
                "method to stratified, hashed or given, or leave out group_column and group_pattern"
            )
        return self

    @model_validator(mode="after")
    def _something_is_drawn(self) -> Self:
        """Refuse splits by the order of rows where every seed is to have its own."""
        if self.resamples and self.method == "sequential":
            raise ValueError(
                "method=sequential goes by the order of rows, so that seeds cannot have splits of "
                "their own; set method to stratified or hashed, or resample: false and folds: null"
            )
        return self

    @property
    def resamples(self) -> bool:
        """Whether every seed has a split of its own: ``resample``, or ``folds``."""
        return self.resample or self.folds is not None

    def with_folds_as_shares(self) -> "Split":
        """Return the settings with the shares of a split whose judged part is one fold.

        The other images are train and validation in their proportion; without a test part the
        fold is validation. Without ``folds`` the settings are as they are.
        """
        if self.folds is None:
            return self
        fold = 1 / self.folds
        shares = {"train": 1 - fold, "validation": fold, "test": 0.0}
        if self.test:
            train = (1 - fold) * self.train / (self.train + self.validation)
            shares = {"train": train, "validation": 1 - fold - train, "test": fold}
        return self.model_copy(update=shares)

    @property
    def is_grouped(self) -> bool:
        """Whether images are kept together by group."""
        return self.group_column is not None or self.group_pattern is not None

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test must sum to 1, not {total:g}")
        return self
