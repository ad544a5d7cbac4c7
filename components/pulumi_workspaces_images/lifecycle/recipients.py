"""With whom an image may be shared: the stack's own limits, because IAM has no condition on the target of a share.

They apply to what is granted: a share that is no longer allowed can always be revoked.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ..aws.connection import Connection
from ..aws.organization import Organization
from ..configuration.own import ALLOWED_ACCOUNT_IDS, REQUIRE_ORGANIZATION, OwnConfiguration
from ..errors import printable

_AT_ONCE = 4


class Recipients:
    """The accounts that `workspaces-images:allowedAccountIds` and `workspaces-images:requireOrganization` let in."""

    def __init__(self, settings: OwnConfiguration, connection: Connection) -> None:
        """AWS is not asked before it is needed."""
        self._settings = settings
        self._organization = Organization(connection)

    def list_problem(self, account_id: str) -> str | None:
        """Say why the stack's list keeps `account_id` from being shared with; None if it does not."""
        allowed = self._settings.allowed_account_ids
        if allowed is None or account_id in allowed:
            return None
        return f"account {account_id} is not on the list {ALLOWED_ACCOUNT_IDS} of the accounts that may be shared with"

    def name_of(self, account_id: str) -> str:
        """Return an account's name if the organization was asked about it; nobody is asked for that, so else ""."""
        member = self._organization.known_member(account_id)
        return printable(member.name) if member else ""

    def organization_problems(self, account_ids: Sequence[str], region: str) -> dict[str, str | None]:
        """Return what `organization_problem` says of each account; AWS is asked about a few at a time.

        Raises:
            ExpectedError: the organization could not be asked.
        """
        accounts = list(dict.fromkeys(account_ids))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            problems = pool.map(lambda account: self.organization_problem(account, region), accounts)
            return dict(zip(accounts, problems, strict=True))

    def organization_problem(self, account_id: str, region: str) -> str | None:
        """Say why its membership keeps `account_id` from being shared with; None if it does not, or is not required.

        Raises:
            ExpectedError: the organization could not be asked.
        """
        if not self._settings.require_organization:
            return None
        member = self._organization.member(account_id, region)
        if member is None:
            return (
                f"account {account_id} is not a member of the caller's organization, which {REQUIRE_ORGANIZATION} "
                "asks for"
            )
        if member.state != "ACTIVE":
            return (
                f"account {account_id} ({printable(member.name)}) is {printable(member.state)} in the organization; "
                f"{REQUIRE_ORGANIZATION} asks for an ACTIVE member"
            )
        return None
