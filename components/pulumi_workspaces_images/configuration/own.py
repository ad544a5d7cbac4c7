"""`workspaces-images:recheck`: what becomes of a look at AWS that fails."""

import difflib
import enum
from collections.abc import Mapping

from ..errors import ConfigurationError
from .values import choice, flat_key_problem, set_without_path

_AT = "workspaces-images:"
_OWN_KEYS = ("recheck", "allowedAccountIds", "requireOrganization")
_ALL_KEYS = (*_OWN_KEYS, "shares")  # the last one is the stack program's


class Recheck(enum.Enum):
    """What `workspaces-images:recheck` says about every look at AWS in check and diff."""

    STRICT = "strict"
    """A look that fails is an error; the default."""
    WARN = "warn"
    """A look that fails is a warning."""
    OFF = "off"
    """AWS is not asked."""


def read_recheck(configuration: Mapping[str, object]) -> Recheck:
    """Return what `workspaces-images:recheck` says.

    Raises:
        ConfigurationError: it says something else, or a key there is misspelt or was set without `--path`. (Other
            keys there may be the program's own: its project can have that name.)
    """
    for key in configuration:
        problem = _key_problem(key, _OWN_KEYS)
        if problem:
            raise ConfigurationError(problem)
    said = choice([r.value for r in Recheck])(configuration, f"{_AT}recheck", "")
    return Recheck(said) if said else Recheck.STRICT


def unread_keys(configuration: Mapping[str, object]) -> list[str]:
    """Say of each key of `workspaces-images:` that nobody reads, the stack program included, what is wrong with it."""
    problems = []
    for key in configuration:
        problem = _key_problem(key, _ALL_KEYS)
        if not problem and key.startswith(_AT) and key.removeprefix(_AT) not in _ALL_KEYS:
            problem = f"{key} is not a configuration key; there are {', '.join(_ALL_KEYS)}"
        if problem:
            problems.append(problem)
    return problems


def _key_problem(key: str, known: tuple[str, ...]) -> str | None:
    name = key.removeprefix(_AT)
    if not key.startswith(_AT) or name in known:
        return None
    if set_without_path(name) in _ALL_KEYS:
        return flat_key_problem(key)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    near = near or [other for other in known if len(name) > 3 and other.startswith(name)]
    return f"{key} is not a configuration key; did you mean {_AT}{near[0]}?" if near else None
