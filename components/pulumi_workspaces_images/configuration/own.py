"""The package's own configuration keys, `workspaces-images:...`, as typed values."""

import difflib
import enum
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import ConfigurationError
from .values import account_ids, choice, flag, flat_key_problem, set_without_path

_NAMESPACE = "workspaces-images"
_AT = f"{_NAMESPACE}:"
RECHECK = f"{_AT}recheck"
ALLOWED_ACCOUNT_IDS = f"{_AT}allowedAccountIds"
REQUIRE_ORGANIZATION = f"{_AT}requireOrganization"

_OWN_KEYS = tuple(key.removeprefix(_AT) for key in (RECHECK, ALLOWED_ACCOUNT_IDS, REQUIRE_ORGANIZATION))
_ALL_KEYS = (*_OWN_KEYS, "accountGroups", "shares")  # the stack program reads the last two


class Recheck(enum.Enum):
    """The values of `workspaces-images:recheck`: what happens if a request to AWS fails in check or diff."""

    STRICT = "strict"
    """It is an error; the default."""
    WARN = "warn"
    """It is a warning."""
    OFF = "off"
    """AWS is not asked."""


@dataclass(frozen=True)
class OwnConfiguration:
    """The values of our own keys.

    Attributes:
        recheck: what happens if AWS cannot be asked in check or diff.
        allowed_account_ids: the accounts that images may be shared with; None if every account is allowed.
        require_organization: whether a recipient must be an ACTIVE member of the caller's organization.
    """

    recheck: Recheck
    allowed_account_ids: frozenset[str] | None
    require_organization: bool

    @property
    def digest(self) -> str:
        """Return a hash of all the values, which reveals none of the accounts."""
        allowed = None if self.allowed_account_ids is None else sorted(self.allowed_account_ids)
        told = repr((self.recheck.value, allowed, self.require_organization))
        return hashlib.sha256(told.encode()).hexdigest()


def read_own(configuration: Mapping[str, object]) -> OwnConfiguration:
    """Return the values of our own keys.

    Raises:
        ConfigurationError: a key has a wrong value, is misspelt or was set without `--path`. (Any other key of the
            namespace may be the program's own, because its project may have the same name.)
    """
    for key in configuration:
        problem = _key_problem(key, _OWN_KEYS)
        if problem:
            raise ConfigurationError(problem)
    recheck = choice([r.value for r in Recheck])(configuration, RECHECK, "")
    # An unset variable of a pipeline must not switch a guard off. To allow no account, set [].
    for key in (ALLOWED_ACCOUNT_IDS, REQUIRE_ORGANIZATION):
        if configuration.get(key) == "":
            raise ConfigurationError(f"{key} is set, but empty; give it a value, or remove it")
    allowed = account_ids(configuration, ALLOWED_ACCOUNT_IDS, "") or ()
    own = OwnConfiguration(
        recheck=Recheck(recheck) if recheck else Recheck.STRICT,
        allowed_account_ids=None if configuration.get(ALLOWED_ACCOUNT_IDS) is None else frozenset(allowed),
        require_organization=bool(flag(configuration, REQUIRE_ORGANIZATION, "")),
    )
    if own.require_organization and own.recheck is Recheck.OFF:
        raise ConfigurationError(f"{REQUIRE_ORGANIZATION} cannot be checked while {RECHECK} is off: remove one of them")
    return own


def own_keys(configuration: Mapping[str, object]) -> dict[str, object]:
    """Return our own keys of a raw configuration, for providers that do not receive the stack's configuration.

    Keys that `read_own` refuses are among them, because no other process may read them.
    """
    keys = (RECHECK, ALLOWED_ACCOUNT_IDS, REQUIRE_ORGANIZATION)
    return {key: value for key, value in configuration.items() if key in keys or _key_problem(key, _OWN_KEYS)}


def unread_keys(configuration: Mapping[str, object]) -> list[str]:
    """Return a problem for each key of `workspaces-images:` that neither the package nor the stack program reads."""
    problems = []
    for key in configuration:
        problem = _key_problem(key, _ALL_KEYS)
        if not problem and key.startswith(_AT) and key.removeprefix(_AT) not in _ALL_KEYS:
            problem = f"{key} is not a configuration key; the keys are {', '.join(_ALL_KEYS)}"
        if problem:
            problems.append(problem)
    return problems


def _key_problem(key: str, known: tuple[str, ...]) -> str | None:
    namespace, _, name = key.partition(":")
    ours = namespace == _NAMESPACE
    if not ours and not _is_misspelt(namespace):
        return None
    if ours and name in known:
        return None
    root = set_without_path(name)
    if ours and root in _ALL_KEYS:
        return flat_key_problem(key)
    plain = re.sub("[-_]", "", root or name).lower()  # ALLOWED_ACCOUNT_IDS, too
    names = {other.lower(): other for other in known}
    # A namespace like ours may be the project's own, so there only our very names are refused.
    near = difflib.get_close_matches(plain, names, n=1, cutoff=0.8 if ours else 1)
    if ours and len(plain) > 3:
        near = near or [other for other in names if other.startswith(plain)]
    return f"{key} is not a configuration key; did you mean {_AT}{names[near[0]]}?" if near else None


def _is_misspelt(namespace: str) -> bool:
    """Tell whether a namespace is almost ours, or the package's name."""
    plain = namespace.lower().replace("_", "-").removeprefix("pulumi-")
    return bool(difflib.get_close_matches(plain, [_NAMESPACE], cutoff=0.9))
