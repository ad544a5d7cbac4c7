"""`workspaces-images:recheck`: what becomes of a look at AWS that fails."""

import difflib
import enum
from collections.abc import Mapping

from .configuration_values import choice, flat_key_problem, set_without_path
from .errors import ConfigurationError

_STACK_PROGRAMS_KEYS = ("shares",)
_OWN_KEYS = ("recheck", "allowedAccountIds", "requireOrganization")


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
    at = "workspaces-images:"
    for key in configuration:
        name = key.removeprefix(at)
        if not key.startswith(at):
            continue
        if set_without_path(name) in (*_OWN_KEYS, *_STACK_PROGRAMS_KEYS):
            raise ConfigurationError(flat_key_problem(key))
        if name not in _OWN_KEYS:
            near = difflib.get_close_matches(name, _OWN_KEYS, n=1, cutoff=0.8)
            if near:
                raise ConfigurationError(f"{key} is not a configuration key; did you mean {at}{near[0]}?")
    said = choice([r.value for r in Recheck])(configuration, f"{at}recheck", "")
    return Recheck(said) if said else Recheck.STRICT
