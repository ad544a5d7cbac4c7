"""What AWS Organizations knows about an account: whether it is a member, and its state."""

from dataclasses import dataclass

from ..errors import AccessDenied
from .connection import Connection
from .once import Once


@dataclass(frozen=True)
class Member:
    """An account of the caller's organization.

    Attributes:
        account_id: 12 digits.
        name: the account's name in its organization.
        state: `ACTIVE`, or why it is not: `PENDING_ACTIVATION`, `SUSPENDED`, `PENDING_CLOSURE`, `CLOSED`.
    """

    account_id: str
    name: str
    state: str


class Organization:
    """The caller's organization. It is asked once about each account, however many shares that has. Thread-safe."""

    def __init__(self, connection: Connection) -> None:
        """Ask through `connection`. The service is global, so the Region of the first request serves all."""
        self._connection = connection
        self._members: Once[Member | None] = Once(connection.clock)

    def member(self, account_id: str, region: str) -> Member | None:
        """Return what the organization knows about an account; None if it is not a member.

        Args:
            account_id: 12 digits.
            region: a Region of the partition in which to ask.

        Raises:
            AccessDenied: the caller is not the management account or a delegated administrator.
            CredentialsError, Refused, Unanswered: the request failed.
        """
        return self._members.get(account_id, lambda: self._describe(account_id, region))

    def known_member(self, account_id: str) -> Member | None:
        """Return what the organization has answered about an account; None if it was not asked, or is no member."""
        return self._members.known(account_id)

    def _describe(self, account_id: str, region: str) -> Member | None:
        def describe() -> Member | None:
            client = self._connection.client("organizations", region)
            try:
                account = client.describe_account(AccountId=account_id)["Account"]
            except (
                client.exceptions.AccountNotFoundException,
                client.exceptions.AWSOrganizationsNotInUseException,
            ):
                return None
            # AWS is replacing Status by State. Some partitions may still return only Status.
            return Member(account_id, account.get("Name", ""), account.get("State") or account.get("Status", ""))

        try:
            return self._connection.ask(
                f"asking the organization about account {account_id}", "organizations:DescribeAccount", describe
            )
        except AccessDenied as error:
            raise AccessDenied(f"{error}; only the management account and delegated administrators may ask") from None
