"""All checks, discovered in the folder ``checks``."""

from functools import cache

from regbench.doctor.base import Check
from regbench.registry import DeclarationError, modules_of

_PACKAGE = f"{__name__.rpartition('.')[0]}.checks"


@cache
def checks() -> dict[str, Check]:
    """Return all checks by code, in the order of codes.

    Raises:
        DeclarationError: A file declares none, or one whose code is not the file's.
    """
    found: dict[str, Check] = {}
    for name, module in modules_of(_PACKAGE).items():
        check = getattr(module, "CHECK", None)
        code = name.partition("_")[0].upper()
        if not isinstance(check, Check) or check.code != code:
            raise DeclarationError(f"{module.__file__}: CHECK is to be a check with code {code}")
        if code in found:
            raise DeclarationError(f"{module.__file__}: another file declares {code}, too")
        found[code] = check
    return dict(sorted(found.items()))
