"""Who owns an image. AWS tells only the owner about its shares, so "not found" is trusted only if the owner asks."""

from ..aws.connection import Caller, Connection
from ..aws.permissions import Permissions
from ..errors import ExpectedError, NotFound, NotTheOwner


class Ownership:
    """Checks that depend on whether the caller owns an image."""

    def __init__(self, connection: Connection, permissions: Permissions) -> None:
        """Take a connection, and permissions that use it."""
        self._connection = connection
        self._permissions = permissions

    def owner(self, image_id: str, region: str) -> str:
        """Return the account that owns an image; empty if it cannot be known.

        Only the owner can grant and list, so the caller is the owner or will be refused. With
        `aws:skipRequestingAccountId` the caller is not known, but the image's description may name the owner.

        Raises:
            ExpectedError: AWS could not be asked.
        """
        caller = self._connection.caller(region)
        return caller.account if caller else self._permissions.describe(image_id, region).owner_account_id or ""

    def confirm_gone(self, image_id: str, region: str, owner: str | None, error: ExpectedError) -> None:
        """Return if an image in the state is really gone. To any account but its owner, an existing image looks gone.

        Args:
            image_id: the image.
            region: its Region.
            owner: its owner according to the state.
            error: how AWS answered.

        Raises:
            NotTheOwner: the caller is not the owner, or that cannot be known.
            ExpectedError: AWS could not be asked; or `error`, if it does not say "not found".
        """
        caller = self.refuse_others(image_id, region, owner, str(error))
        if not isinstance(error, NotFound):
            raise error
        if not owner:
            raise NotTheOwner(
                f"{error}; only the owner can tell whether the image is gone, and the state does not name the owner; "
                "if it is gone, remove the share with `pulumi state delete`; the resource stays in the state"
            )
        if not caller:
            raise NotTheOwner(
                f"{error}; only the owner, account {owner}, can tell whether the image is gone, and "
                "aws:skipRequestingAccountId forbids asking who the caller is: unset it; the resource stays in the "
                "state"
            )

    def refuse_others(self, image_id: str, region: str, owner: str | None, answer: str) -> Caller | None:
        """Return the caller, None if AWS may not be asked who it is; refuse a caller that is not the owner.

        What AWS answers to other accounts proves nothing about the image.

        Args:
            image_id: the image.
            region: its Region.
            owner: its owner according to the state.
            answer: how AWS answered.

        Raises:
            NotTheOwner: the caller is not the owner.
            ExpectedError: AWS could not be asked.
        """
        caller = self._connection.caller(region)
        if caller and owner and caller.account != owner:
            raise NotTheOwner(
                f"{answer}; image {image_id} is owned by account {owner}, and the caller is account {caller.account} "
                f"({caller.arn}): use the owner's credentials; the resource stays in the state"
            )
        return caller
