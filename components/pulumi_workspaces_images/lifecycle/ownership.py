"""Who owns an image: AWS tells nobody else about its shares, so its "not found" is trusted by the owner only."""

from ..aws.connection import Caller, Connection
from ..aws.permissions import Permissions
from ..errors import ExpectedError, NotFound, NotTheOwner


class Ownership:
    """What depends on whether the caller owns an image."""

    def __init__(self, connection: Connection, permissions: Permissions) -> None:
        """Both are of one caller."""
        self._connection = connection
        self._permissions = permissions

    def owner(self, image_id: str, region: str) -> str:
        """Return the account that owns an image; empty where nobody says.

        Only the owner can grant and list, so the caller is, or will be refused; where he may not be asked for
        (`aws:skipRequestingAccountId`), the image may know.

        Raises:
            ExpectedError: AWS could not be asked.
        """
        caller = self._connection.caller(region)
        return caller.account if caller else self._permissions.describe(image_id, region).owner_account_id or ""

    def confirm_gone(self, image_id: str, region: str, owner: str | None, error: ExpectedError) -> None:
        """Return if an image that the state holds is gone; to anybody but its owner, one that lives on looks the same.

        Args:
            image_id: the image.
            region: its Region.
            owner: its owner by the state.
            error: how AWS answered.

        Raises:
            NotTheOwner: the caller is not the owner, or nobody can tell.
            ExpectedError: AWS could not be asked; or `error`, if it does not say "not found".
        """
        caller = self.refuse_others(image_id, region, owner, str(error))
        if not isinstance(error, NotFound):
            raise error
        if not owner:
            raise NotTheOwner(
                f"{error}; that counts as gone only for its owner, whom the state does not name; if the image is gone, "
                "remove the share from the state with `pulumi state delete`; it stays in the state"
            )
        if not caller:
            raise NotTheOwner(
                f"{error}; that counts as gone only for its owner, account {owner}, and aws:skipRequestingAccountId "
                "forbids asking who the caller is: unset it; it stays in the state"
            )

    def refuse_others(self, image_id: str, region: str, owner: str | None, answer: str) -> Caller | None:
        """Return the caller, None where nobody may ask; what AWS answers to anybody but the owner counts for nothing.

        Args:
            image_id: the image.
            region: its Region.
            owner: its owner by the state.
            answer: how AWS answered.

        Raises:
            NotTheOwner: the caller is not the owner.
            ExpectedError: AWS could not be asked.
        """
        caller = self._connection.caller(region)
        if caller and owner and caller.account != owner:
            raise NotTheOwner(
                f"{answer}; image {image_id} is owned by account {owner}, and the caller is account {caller.account} "
                f"({caller.arn}): use the owner's credentials; it stays in the state"
            )
        return caller
