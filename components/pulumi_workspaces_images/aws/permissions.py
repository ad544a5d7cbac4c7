"""What Amazon WorkSpaces can do: grant, revoke and list the permissions of an image, and describe the image.

No pulumi in here: typed results and typed errors, for the dynamic provider and for any other front end.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..errors import ExpectedError, NotFound, Refused, Unanswered
from ..share import Share
from .connection import Connection
from .listing import Listing, Page
from .once import Once

if TYPE_CHECKING:
    from mypy_boto3_workspaces.type_defs import WorkspaceImageTypeDef

# The service's own limit for both listings (botocore's model).
PAGE_SIZE = 25


@dataclass(frozen=True)
class Image:
    """A WorkSpaces image as AWS describes it.

    Attributes:
        image_id: its id.
        state: `AVAILABLE`, `PENDING` or `ERROR`.
        byol: whether it is a Bring Your Own License image (it requires dedicated tenancy).
        owner_account_id: its owner; None where AWS does not say.
        name: its name, which need not be unique; empty where AWS does not say.
        created: when it was created, in UTC; None where AWS does not say.
    """

    image_id: str
    state: str
    byol: bool
    owner_account_id: str | None
    name: str = ""
    created: datetime | None = None


class Permissions:
    """The image permissions of one owner account, in every Region of its connection. Safe for threads.

    Looking costs what the image costs: an image is listed once, as far as needed, and described once, however many
    shares ask, and what this process has written itself is known without asking.
    """

    def __init__(self, connection: Connection, *, before_write: Callable[[], None] = lambda: None) -> None:
        """Work through `connection`.

        Args:
            connection: AWS.
            before_write: called before each attempt of each write, retries included; what it raises ends the write.
        """
        self._connection = connection
        self._before_write = before_write
        self._images: Once[dict[str, Image]] = Once(connection.clock)
        self._owned: Once[tuple[Image, ...]] = Once(connection.clock)
        self._lock = threading.Lock()  # guards the dictionaries below
        self._together: dict[tuple[str, str], tuple[str, ...]] = {}
        self._listings: dict[tuple[str, str], Listing] = {}
        self._written: dict[Share, bool] = {}

    def grant(self, share: Share) -> None:
        """Let the recipient copy the image; already granted is success, also where AWS refuses to grant it again.

        Raises:
            NotFound, AccessDenied, CredentialsError, Refused, Unanswered: and the permission is not known to be there.
        """
        self._write(share, True, unsettled=(Unanswered, Refused))

    def revoke(self, share: Share) -> None:
        """Take the permission to copy the image away; already revoked is success.

        How AWS refuses to revoke what is not granted is undocumented; a revoke that is sent again after a lost answer
        meets just that.

        Raises:
            NotFound: AWS does not know the image.
            AccessDenied, CredentialsError, Refused, Unanswered: and the permission is not known to be gone.
        """
        self._write(share, False, unsettled=(Unanswered, Refused, NotFound))

    def is_shared_now(self, share: Share) -> bool:
        """Tell whether the recipient may copy the image, by a look of its own.

        Raises:
            NotFound, AccessDenied, CredentialsError, Refused, Unanswered: the look failed.
        """
        return self._new_listing(share.image_id, share.region).holds(share.shared_account_id)

    def is_shared(self, share: Share) -> bool:
        """Tell whether the recipient may copy the image.

        Raises:
            NotFound, AccessDenied, CredentialsError, Refused, Unanswered: the look failed.
        """
        with self._lock:
            written = self._written.get(share)
        if written is not None:
            return written
        return self._listing(share.image_id, share.region).holds(share.shared_account_id)

    def describe(self, image_id: str, region: str) -> Image:
        """Describe an image.

        Raises:
            NotFound: AWS does not know it in that Region.
            AccessDenied, CredentialsError, Refused, Unanswered: the look failed.
        """
        with self._lock:
            together = self._together.get((region, image_id), ())
        if together:
            try:
                images = self._images.get((region, together), lambda: self._describe(together, region))
            except (NotFound, Refused):
                images = {}  # AWS may refuse many because of one
            if image_id in images:
                return images[image_id]
        alone = (image_id,)
        images = self._images.get((region, alone), lambda: self._describe(alone, region))
        if image_id not in images:
            raise NotFound(f"{_looking_at(alone, region)}: not found")
        return images[image_id]

    def describe_together(self, image_ids: Iterable[str], region: str) -> list[str]:
        """Let one call describe many images of a Region, once the first of them is asked for.

        Args:
            image_ids: the images; an id that AWS does not know spoils nothing.
            region: their Region.

        Returns:
            The first image of each call.
        """
        with self._lock:
            new = sorted(image_id for image_id in set(image_ids) if (region, image_id) not in self._together)
            for start in range(0, len(new), PAGE_SIZE):
                together = tuple(new[start : start + PAGE_SIZE])
                self._together |= {(region, image_id): together for image_id in together}
        return new[::PAGE_SIZE]

    def owned_images(self, region: str) -> tuple[Image, ...]:
        """List the images that the caller owns in a Region, in whatever state, in no particular order.

        Raises:
            AccessDenied, CredentialsError, Refused, Unanswered: the look failed; half a listing is none.
        """
        return self._owned.get(region, lambda: self._list_owned(region))

    def shared_with(self, image_id: str, region: str) -> frozenset[str]:
        """List the accounts that may copy an image.

        Raises:
            NotFound, AccessDenied, CredentialsError, Refused, Unanswered: the look failed.
        """
        accounts = set(self._listing(image_id, region).accounts())
        with self._lock:
            written = list(self._written.items())
        for share, allowed in written:
            if (share.image_id, share.region) == (image_id, region):
                (accounts.add if allowed else accounts.discard)(share.shared_account_id)
        return frozenset(accounts)

    def _write(self, share: Share, allow: bool, unsettled: tuple[type[ExpectedError], ...]) -> None:
        """Write; an error of the types `unsettled` is settled by a look: the answer may be lost, the work be done."""
        try:
            try:
                self._update(share, allow)
            except unsettled as error:
                self._settle(share, allow, error)
        except BaseException:
            # Nobody knows how it ended; and what was listed before it counts no more.
            with self._lock:
                self._written.pop(share, None)
                self._listings.pop((share.region, share.image_id), None)
            raise
        with self._lock:
            self._written[share] = allow

    def _update(self, share: Share, allow: bool) -> None:
        client = self._connection.client("workspaces", share.region)
        verb, preposition = ("sharing", "with") if allow else ("unsharing", "from")
        self._connection.ask(
            f"{verb} image {share.image_id} {preposition} {share.shared_account_id} in {share.region}",
            "workspaces:UpdateWorkspaceImagePermission",
            lambda: client.update_workspace_image_permission(
                ImageId=share.image_id, AllowCopyImage=allow, SharedAccountId=share.shared_account_id
            ),
            before_attempt=self._before_write,
        )

    def _settle(self, share: Share, wanted: bool, error: ExpectedError) -> None:
        """Raise `error`, how a write ended, unless a look made since shows what was wanted.

        Raises:
            NotFound: the look says that AWS does not know the image.
        """
        try:
            shared = self.is_shared_now(share)
        except NotFound as gone:
            raise error if isinstance(error, NotFound) else gone from None
        except ExpectedError:
            raise error from None
        if shared != wanted:
            raise error

    def _listing(self, image_id: str, region: str) -> Listing:
        with self._lock:
            listing = self._listings.get((region, image_id))
            if listing is None or listing.is_old():
                listing = self._listings[region, image_id] = self._new_listing(image_id, region)
            return listing

    def _new_listing(self, image_id: str, region: str) -> Listing:
        doing = f"listing the shares of image {image_id} in {region}"
        action = "workspaces:DescribeWorkspaceImagePermissions"

        def read_page(token: str | None) -> Page:
            client = self._connection.client("workspaces", region)
            request: dict[str, Any] = {"ImageId": image_id, "MaxResults": PAGE_SIZE}
            if token:
                request["NextToken"] = token
            page = self._connection.ask(doing, action, lambda: client.describe_workspace_image_permissions(**request))
            permissions = page.get("ImagePermissions", [])
            return [p["SharedAccountId"] for p in permissions if "SharedAccountId" in p], page.get("NextToken")

        return Listing(read_page, self._connection.clock)

    def _describe(self, image_ids: tuple[str, ...], region: str) -> dict[str, Image]:
        client = self._connection.client("workspaces", region)
        doing, action = _looking_at(image_ids, region), "workspaces:DescribeWorkspaceImages"
        answer = self._connection.ask(doing, action, lambda: client.describe_workspace_images(ImageIds=list(image_ids)))
        return {image["ImageId"]: _image(image) for image in answer.get("Images", []) if image.get("ImageId")}

    def _list_owned(self, region: str) -> tuple[Image, ...]:
        client = self._connection.client("workspaces", region)
        pages = client.get_paginator("describe_workspace_images").paginate(
            ImageType="OWNED", PaginationConfig={"PageSize": PAGE_SIZE}
        )
        answer = self._connection.ask(
            f"listing the images in {region}", "workspaces:DescribeWorkspaceImages", lambda: pages.build_full_result()
        )
        return tuple(_image(image) for image in answer.get("Images", []) if image.get("ImageId"))


def _looking_at(image_ids: tuple[str, ...], region: str) -> str:
    return f"looking at {'image' if len(image_ids) == 1 else 'images'} {', '.join(image_ids)} in {region}"


def _image(answer: "WorkspaceImageTypeDef") -> Image:
    created = answer.get("Created")
    return Image(
        answer["ImageId"],
        state=answer.get("State", ""),
        byol=answer.get("RequiredTenancy") == "DEDICATED",
        owner_account_id=answer.get("OwnerAccountId"),
        name=answer.get("Name", ""),
        # botocore gives it in this machine's time zone: what a program makes of it would differ between machines.
        created=created.astimezone(timezone.utc) if created else None,
    )
