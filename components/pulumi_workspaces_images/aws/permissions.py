"""The permissions of images in Amazon WorkSpaces: grant, revoke and list them, and describe the images.

This imports no pulumi. Its typed results and errors serve the dynamic provider and any other front end.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ExpectedError, NotFound, Refused, Unanswered
from ..share import Share
from .connection import Connection
from .listing import Listing, Page
from .once import Once

if TYPE_CHECKING:
    from mypy_boto3_workspaces import WorkSpacesClient
    from mypy_boto3_workspaces.type_defs import WorkspaceImageTypeDef

# The service's own limit for both listings (botocore's model).
PAGE_SIZE = 25

# An unexpected listing is read again this many seconds after the first one of the image. A listing may lag behind a
# write, and AWS does not say for how long.
LOOK_AGAIN = (5.0, 10.0)

_ANY_TIME = -math.inf  # earlier than whatever the clock shows

T = TypeVar("T")


@dataclass(frozen=True)
class Image:
    """A WorkSpaces image as AWS describes it.

    Attributes:
        image_id: its id.
        state: `AVAILABLE`, `PENDING` or `ERROR`.
        byol: whether it is a Bring Your Own License image (it requires dedicated tenancy).
        owner_account_id: its owner; None if AWS does not say.
        name: its name, which need not be unique; empty if AWS does not say.
        created: when it was created, in UTC; None if AWS does not say.
    """

    image_id: str
    state: str
    byol: bool
    owner_account_id: str | None
    name: str = ""
    created: datetime | None = None


class Permissions:
    """The image permissions of one owner account, in every Region of its connection. Thread-safe.

    However many shares an image has, its permissions are listed once, as far as needed, and it is described once. What
    this process has written itself is known without a request. Only unexpected results are listed again, as
    `LOOK_AGAIN` says.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        before_write: Callable[[], None] = lambda: None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Work through `connection`.

        Args:
            connection: AWS.
            before_write: called before each attempt of each write, retries included; an exception ends the write.
            wait: waits for a number of seconds, before AWS is asked again about an unexpected result.
        """
        self._connection = connection
        self._before_write = before_write
        self._wait = wait
        self._images: Once[dict[str, Image]] = Once(connection.clock)
        self._owned: Once[tuple[Image, ...]] = Once(connection.clock)
        self._lock = threading.Lock()  # guards the dictionaries below
        self._together: dict[tuple[str, str], tuple[str, ...]] = {}
        self._listings: dict[tuple[str, str], Listing] = {}
        self._written: dict[Share, bool] = {}

    def grant(self, share: Share) -> None:
        """Let the recipient copy the image. If it may already, that is success, even if AWS refuses to grant it again.

        Raises:
            NotFound, AccessDenied, CredentialsError, Refused, Unanswered: the write failed, and the permission is not
                known to exist.
        """
        self._write(share, True, unsettled=(Unanswered, Refused))

    def revoke(self, share: Share) -> bool:
        """Take the permission to copy the image away. If it is revoked already, that is success.

        AWS does not document its error for revoking a share that does not exist. A revoke that is sent again after a
        lost answer gets that error.

        Returns:
            Whether AWS accepted the request. If not, a listing says that the permission is gone.

        Raises:
            NotFound: AWS does not know the image.
            AccessDenied, CredentialsError, Refused, Unanswered: the write failed, and the permission is not known to be
                gone.
        """
        return self._write(share, False, unsettled=(Unanswered, Refused, NotFound))

    def is_shared(self, share: Share, *, anew: bool = False) -> bool:
        """Tell whether the recipient may copy the image. "No" is returned only after AWS was asked again.

        Args:
            share: the share.
            anew: whether to ignore listings that began before this call.

        Raises:
            NotFound, AccessDenied, CredentialsError, Refused, Unanswered: the listing failed.
        """
        if anew:
            return self._holds(share, expected=True, since=self._connection.clock())
        with self._lock:
            written = self._written.get(share)
        return self._holds(share, expected=True) if written is None else written

    def unlisted(self, image_id: str, region: str, listed: Iterable[str]) -> frozenset[str]:
        """Return the accounts that may copy an image and are not `listed`. They are returned only after asking again.

        Raises:
            NotFound, AccessDenied, CredentialsError, Refused, Unanswered: the listing failed.
        """
        allowed = frozenset(listed)
        return self._look(
            image_id,
            region,
            lambda listing: self._with_written(image_id, region, listing.accounts()) - allowed,
            surprises=bool,
        )

    def describe(self, image_id: str, region: str) -> Image:
        """Describe an image.

        Raises:
            NotFound: AWS does not know it in that Region.
            AccessDenied, CredentialsError, Refused, Unanswered: the request failed.
        """
        with self._lock:
            together = self._together.get((region, image_id), ())
        if together:
            try:
                images = self._images.get((region, together), lambda: self._describe(together, region))
            except (NotFound, Refused):
                images = {}  # AWS may refuse the whole call because of one image
            if image_id in images:
                return images[image_id]
        alone = (image_id,)
        images = self._images.get((region, alone), lambda: self._describe(alone, region))
        if image_id not in images:
            raise NotFound(f"{_describing(alone, region)}: not found")
        return images[image_id]

    def known_name(self, image_id: str, region: str) -> str:
        """Return the name of an image that was described already; empty if it was not, or has no name."""
        with self._lock:
            together = self._together.get((region, image_id), ())
        known = (self._images.known((region, ids)) or {} for ids in (together, (image_id,)))
        return next((images[image_id].name for images in known if image_id in images), "")

    def describe_together(self, image_ids: Iterable[str], region: str) -> list[str]:
        """Make one call describe many images of a Region, as soon as the first of them is needed.

        Args:
            image_ids: the images. An id that AWS does not know does not affect the others.
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
        """List the images that the caller owns in a Region, in any state and order. A partial list is never returned.

        Raises:
            AccessDenied, CredentialsError, Refused, Unanswered: the request failed.
        """
        return self._owned.get(region, lambda: self._list_owned(region))

    def shared_with(self, image_id: str, region: str) -> frozenset[str]:
        """List the accounts that may copy an image.

        Raises:
            NotFound, AccessDenied, CredentialsError, Refused, Unanswered: the listing failed.
        """
        return self._with_written(image_id, region, self._listing(image_id, region).accounts())

    def _with_written(self, image_id: str, region: str, accounts: frozenset[str]) -> frozenset[str]:
        """Return the accounts of an image's listing, with the changes that this process has made since."""
        with self._lock:
            written = {
                share.shared_account_id: allowed
                for share, allowed in self._written.items()
                if (share.image_id, share.region) == (image_id, region)
            }
        granted = {account for account, allowed in written.items() if allowed}
        return (accounts - written.keys()) | granted

    def _write(self, share: Share, allow: bool, unsettled: tuple[type[ExpectedError], ...]) -> bool:
        """Write. After an error of the types `unsettled`, check whether the write took effect in spite of it.

        Returns:
            Whether AWS accepted the write.
        """
        accepted = True
        try:
            try:
                self._update(share, allow)
            except unsettled as error:
                self._settle(share, allow, error)
                accepted = False
        except BaseException:
            # The result is not known.
            with self._lock:
                self._written.pop(share, None)
            raise
        with self._lock:
            self._written[share] = allow
        return accepted

    def _update(self, share: Share, allow: bool) -> None:
        verb, preposition = ("sharing", "with") if allow else ("unsharing", "from")
        self._connection.ask(
            f"{verb} image {share.image_id} {preposition} {share.shared_account_id} in {share.region}",
            "workspaces:UpdateWorkspaceImagePermission",
            lambda: self._client(share.region).update_workspace_image_permission(
                ImageId=share.image_id, AllowCopyImage=allow, SharedAccountId=share.shared_account_id
            ),
            region=share.region,
            before_attempt=self._before_write,
        )

    def _settle(self, share: Share, wanted: bool, error: ExpectedError) -> None:
        """Raise `error`, with which a write ended, unless a listing made since shows that it took effect.

        Raises:
            NotFound: AWS does not know the image, according to the listing.
        """
        try:
            shared = self._holds(
                share,
                expected=wanted,
                since=self._connection.clock(),
                believes_not_found=isinstance(error, NotFound),  # AWS has said it twice then
            )
        except NotFound as gone:
            raise error if isinstance(error, NotFound) else gone from None
        except ExpectedError:
            with self._lock:
                self._listings.pop((share.region, share.image_id), None)  # the next call asks AWS again
            raise error from None
        if shared != wanted:
            raise error

    def _holds(
        self, share: Share, *, expected: bool, since: float = _ANY_TIME, believes_not_found: bool = False
    ) -> bool:
        return self._look(
            share.image_id,
            share.region,
            lambda listing: listing.holds(share.shared_account_id),
            surprises=lambda held: held != expected,
            since=since,
            believes_not_found=believes_not_found,
        )

    def _look(
        self,
        image_id: str,
        region: str,
        ask: Callable[[Listing], T],
        *,
        surprises: Callable[[T], bool],
        since: float = _ANY_TIME,
        believes_not_found: bool = False,
    ) -> T:
        """Ask an image's listing. While the answer is unexpected, ask later listings, which all callers share.

        Args:
            image_id: the image.
            region: its Region.
            ask: asks a listing.
            surprises: whether an answer is unexpected, so that AWS is asked again.
            since: the first listing must have begun at this time or later.
            believes_not_found: whether to accept at once that AWS does not know the image.
        """
        listing = self._listing(image_id, region, since)
        for pause in LOOK_AGAIN:
            try:
                answer = ask(listing)
                if not surprises(answer):
                    return answer
            except NotFound:
                if believes_not_found:
                    raise
            again = listing.first_look + pause
            seconds = again - self._connection.clock()
            if seconds > 0:
                self._wait(seconds)
            listing = self._listing(image_id, region, since, again)
        return ask(listing)

    def _listing(self, image_id: str, region: str, since: float = _ANY_TIME, again: float = _ANY_TIME) -> Listing:
        """Return a listing of an image that began at `again` or later, in a series that began at `since` or later."""
        with self._lock:
            listing = self._listings.get((region, image_id))
            if listing is None or listing.is_old() or listing.first_look < since:
                listing = self._listings[region, image_id] = self._new_listing(image_id, region)
            elif listing.began < again:
                listing = self._new_listing(image_id, region, listing.first_look)
                self._listings[region, image_id] = listing
            return listing

    def _new_listing(self, image_id: str, region: str, first_look: float | None = None) -> Listing:
        doing = f"listing the shares of image {image_id} in {region}"
        action = "workspaces:DescribeWorkspaceImagePermissions"

        def read_page(token: str | None) -> Page:
            request: dict[str, Any] = {"ImageId": image_id, "MaxResults": PAGE_SIZE}
            if token:
                request["NextToken"] = token
            page = self._connection.ask(
                doing,
                action,
                lambda: self._client(region).describe_workspace_image_permissions(**request),
                region=region,
            )
            if token and page.get("NextToken") == token:
                raise Unanswered(f"{doing}: AWS returned the same page twice; try again later")
            permissions = page.get("ImagePermissions", [])
            return [p["SharedAccountId"] for p in permissions if "SharedAccountId" in p], page.get("NextToken")

        return Listing(read_page, self._connection.clock, first_look)

    def _client(self, region: str) -> "WorkSpacesClient":
        return self._connection.client("workspaces", region)

    def _describe(self, image_ids: tuple[str, ...], region: str) -> dict[str, Image]:
        answer = self._connection.ask(
            _describing(image_ids, region),
            "workspaces:DescribeWorkspaceImages",
            lambda: self._client(region).describe_workspace_images(ImageIds=list(image_ids)),
            region=region,
        )
        return {image["ImageId"]: _image(image) for image in answer.get("Images", []) if image.get("ImageId")}

    def _list_owned(self, region: str) -> tuple[Image, ...]:
        answer = self._connection.ask(
            f"listing the images in {region}",
            "workspaces:DescribeWorkspaceImages",
            lambda: (
                self._client(region)
                .get_paginator("describe_workspace_images")
                .paginate(ImageType="OWNED", PaginationConfig={"PageSize": PAGE_SIZE})
                .build_full_result()
            ),
            region=region,
        )
        return tuple(_image(image) for image in answer.get("Images", []) if image.get("ImageId"))


def _describing(image_ids: tuple[str, ...], region: str) -> str:
    return f"describing {'image' if len(image_ids) == 1 else 'images'} {', '.join(image_ids)} in {region}"


def _image(answer: "WorkspaceImageTypeDef") -> Image:
    created = answer.get("Created")
    return Image(
        answer["ImageId"],
        state=answer.get("State", ""),
        byol=answer.get("RequiredTenancy") == "DEDICATED",
        owner_account_id=answer.get("OwnerAccountId"),
        name=answer.get("Name", ""),
        # botocore returns it in this machine's time zone, so a program's results would differ between machines.
        created=created.astimezone(timezone.utc) if created else None,
    )
