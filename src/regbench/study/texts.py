"""Types of settings that are text: addresses, columns, separators and patterns."""

import re
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from regbench.fields import Name
from regbench.storage import addresses


def _usable(address: str, *, to_write: bool = False) -> str:
    """Return a valid address in its normal form; errors do not repeat it (passwords)."""
    problem = addresses.address_problem(address, to_write=to_write)
    if problem:
        raise ValueError(problem)
    return addresses.clean_address(address)


def _column(value: Any) -> Any:
    """Accept a column's number, from 1, for a file without header."""
    return str(value) if type(value) is int and value > 0 else value


def _separator(value: str) -> str:
    if value != "auto" and len(value) != 1:
        raise PydanticCustomError("separator", "must be auto, or 1 character")
    return value


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise PydanticCustomError(
            "pattern", "must be a regular expression ({fault})", {"fault": str(error)}
        ) from None


def _finds_a_label(pattern: str) -> str:
    if "label" not in _compiled(pattern).groupindex:
        raise PydanticCustomError(
            "pattern", "must be a regular expression with a group (?P<label>...), the label"
        )
    return pattern


def _finds_a_group(pattern: str) -> str:
    if not _compiled(pattern).groups:
        raise PydanticCustomError(
            "pattern", "must have a group in parentheses, such as (?P<group>[^_]+)_"
        )
    return pattern


Address = Annotated[Name, AfterValidator(_usable)]
Results = Annotated[Name, AfterValidator(partial(_usable, to_write=True))]
Column = Annotated[Name, BeforeValidator(_column)]  # its title, or its number from 1
Separator = Annotated[str, AfterValidator(_separator)]
LabelPattern = Annotated[str, AfterValidator(_finds_a_label)]
GroupPattern = Annotated[Name, AfterValidator(_finds_a_group)]
