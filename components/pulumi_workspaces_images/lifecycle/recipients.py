"""The accounts that images may be shared with. The stack sets these limits because IAM has no condition for them.

The limits apply to grants only: a share that is no longer allowed can always be revoked.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ..aws.connection import Connection
from ..aws.organization import Organization
from ..configuration.own import ALLOWED_ACCOUNT_IDS, REQUIRE_ORGANIZATION, OwnConfiguration
from ..errors import printable

_AT_ONCE = 4


class Recipients:
    """The accounts that `workspaces-images:allowedAccountIds` and `workspaces-images:requireOrganization` allow."""

    def __init__(self, settings: OwnConfiguration, connection: Connection) -> None:
        """Ask nothing yet: AWS is asked only when it is needed."""
        self._settings = settings
        self._organization = Organization(connection)

    def list_problem(self, account_id: str) -> str | None:
        """Return why the stack's list forbids sharing with `account_id`; None if it allows it."""
        allowed = self._settings.allowed_account_ids
        if allowed is None or account_id in allowed:
            return None
        return f"account {account_id} is not in {ALLOWED_ACCOUNT_IDS}, the accounts that images may be shared with"

    def name_of(self, account_id: str) -> str:
        """Return an account's name if the organization was asked about it already, else an empty string."""
        member = self._organization.known_member(account_id)
        return printable(member.name) if member else ""

    def organization_problems(self, account_ids: Sequence[str], region: str) -> dict[str, str | None]:
        """Return the `organization_problem` of each account, with a few requests to AWS at a time.

        Raises:
            ExpectedError: the organization could not be asked.
        """
        accounts = list(dict.fromkeys(account_ids))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            problems = pool.map(lambda account: self.organization_problem(account, region), accounts)
            return dict(zip(accounts, problems, strict=True))

    def organization_problem(self, account_id: str, region: str) -> str | None:
        """Return why `requireOrganization` forbids sharing with `account_id`; None if it is not set, or allows it.

        Raises:
            ExpectedError: the organization could not be asked.
        """
        if not self._settings.require_organization:
            return None
        member = self._organization.member(account_id, region)
        if member is None:
            return (
                f"account {account_id} is not a member of the caller's organization, which {REQUIRE_ORGANIZATION} "
                "requires"
            )
        if member.state != "ACTIVE":
            return (
                f"account {account_id} ({printable(member.name)}) is {printable(member.state)} in the organization; "
                f"{REQUIRE_ORGANIZATION} requires an ACTIVE member"
            )
        return None
