"""With whom an image may be shared: the stack's own limits, as IAM knows no condition on the target of a share.

They apply to what is granted: a share that is no longer allowed can always be revoked.
"""

from collections.abc import Mapping

from ..aws.connection import Connection
from ..aws.organization import Organization
from ..configuration.values import account_ids, flag
from ..errors import ConfigurationError, printable

_ALLOWED = "workspaces-images:allowedAccountIds"
_ORGANIZATION = "workspaces-images:requireOrganization"


class Guards:
    """`workspaces-images:allowedAccountIds` and `workspaces-images:requireOrganization`.

    Attributes:
        organization_required: whether a recipient must be an ACTIVE member of the caller's organization.
    """

    def __init__(self, configuration: Mapping[str, object], connection: Connection) -> None:
        """Read the two keys; AWS is not asked before somebody needs it.

        Raises:
            ConfigurationError: a key that is not what it should be.
        """
        # An unset variable of a pipeline must not open what is meant to be closed; nobody at all is [].
        for key in (_ALLOWED, _ORGANIZATION):
            if configuration.get(key) == "":
                raise ConfigurationError(f"{key} is set, but empty; give it a value, or remove it")
        allowed = account_ids(configuration, _ALLOWED, "")
        self._allowed = None if configuration.get(_ALLOWED) is None else frozenset(allowed or ())
        self.organization_required = bool(flag(configuration, _ORGANIZATION, ""))
        self._organization = Organization(connection)

    def list_problem(self, account_id: str) -> str | None:
        """Say why the stack's list keeps `account_id` from being shared with; None if it does not."""
        if self._allowed is None or account_id in self._allowed:
            return None
        return f"account {account_id} is not on the list {_ALLOWED} of the accounts that may be shared with"

    def organization_problem(self, account_id: str, region: str) -> str | None:
        """Say why its membership keeps `account_id` from being shared with; None if it does not, or is not required.

        Raises:
            ExpectedError: the organization could not be asked.
        """
        if not self.organization_required:
            return None
        member = self._organization.member(account_id, region)
        if member is None:
            return f"account {account_id} is not a member of the caller's organization, which {_ORGANIZATION} asks for"
        if member.state != "ACTIVE":
            return (
                f"account {account_id} ({printable(member.name)}) is {printable(member.state)} in the organization; "
                f"{_ORGANIZATION} asks for an ACTIVE member"
            )
        return None
