"""The WorkSpaces image operations with the rules that moto lacks, and methods by which tests control images.

The images are moto's own objects in moto's own backends. This module decides who sees an image, which requests are
refused, and how an answer is split into pages. moto answers all other WorkSpaces operations.

Where AWS documents nothing, the answer comes from `ASSUMPTIONS`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from local.accounts import OWNER, REGION

from .assumptions import ASSUMPTIONS, SUCCESS, Answer
from .wire import AwsError, Call

PAGE = 25  # images, as documented
UNCHANGED = object()

_IMAGE_ID = re.compile(r"wsi-[0-9a-z]{9,63}")
_ACCOUNT = re.compile(r"[0-9]{12}")


class Images:
    """The images of the local cloud: its controls for tests, and the image operations of its API.

    Attributes:
        answers: The answers where AWS documents nothing, by their names in `ASSUMPTIONS`. Tests may change them.
    """

    def __init__(self) -> None:
        self.assume()
        # moto answers each request in a thread of its own and locks nothing.
        self._lock = threading.RLock()
        # Time, image, account, and whether the account had the permission before. A listing that lags undoes these.
        self._changes: deque[tuple[float, Any, str, bool]] = deque(maxlen=10_000)
        self._listing = _Listing()
        self.operations: dict[str, Callable[[Call], Mapping[str, Any]]] = {
            "CopyWorkspaceImage": self._copy,
            "DeleteWorkspaceImage": self._delete,
            "DescribeWorkspaceImagePermissions": self._describe_permissions,
            "DescribeWorkspaceImages": self._describe,
            "UpdateWorkspaceImagePermission": self._update_permission,
        }

    def assume(self) -> None:
        """Answer as `ASSUMPTIONS` says where AWS documents nothing."""
        self.answers: dict[str, Answer] = {name: assumed.answer for name, assumed in ASSUMPTIONS.items()}

    # Controls. They change moto's objects directly, so they leave nothing in the call log.

    def create_image(
        self,
        account: str = OWNER,
        region: str = REGION,
        name: str = "golden",
        image_id: str | None = None,
        state: str = "AVAILABLE",
        tenancy: str = "DEFAULT",
        owner: Any = UNCHANGED,
    ) -> str:
        """Create an image, without the VPC, directory and WorkSpace that moto's own call requires.

        Args:
            account: The account in whose listing the image appears.
            region: Its Region.
            name: Its name.
            image_id: Its id; a new one if not given.
            state: AVAILABLE, PENDING or ERROR.
            tenancy: DEFAULT, or DEDICATED for a BYOL image.
            owner: The OwnerAccountId that listings show, by default the account. With None they show none.

        Returns:
            The id of the image.
        """
        from moto.workspaces.models import WorkspaceImage

        image = WorkspaceImage(name, "", [], account)
        image.image_id = image_id or image.image_id
        image.operating_system = {"Type": "WINDOWS"}
        with self._lock:
            _backend(account, region).workspace_images[image.image_id] = image
            self.set_image(image.image_id, state=state, tenancy=tenancy, owner=owner, region=region)
        return str(image.image_id)

    def set_image(
        self,
        image_id: str,
        state: str | None = None,
        tenancy: str | None = None,
        owner: Any = UNCHANGED,
        region: str | None = None,
    ) -> None:
        """Change properties that `create_image` has set."""
        with self._lock:
            _, image = self._find(image_id, region)
            image.state = state or image.state
            image.required_tenancy = tenancy or image.required_tenancy
            if owner is not UNCHANGED:
                image.owner_account = owner

    def remove_image(self, image_id: str, region: str | None = None) -> None:
        """Remove an image, even if it is shared."""
        with self._lock:
            backend, _ = self._find(image_id, region)
            del backend.workspace_images[image_id]

    def share(self, image_id: str, account: str, region: str | None = None) -> None:
        """Grant a permission outside Pulumi."""
        with self._lock:
            self._change(*self._find(image_id, region), account, True)

    def unshare(self, image_id: str, account: str, region: str | None = None) -> None:
        """Revoke a permission outside Pulumi."""
        with self._lock:
            self._change(*self._find(image_id, region), account, False)

    def shared_with(self, image_id: str, region: str | None = None) -> set[str]:
        """Return the accounts that have a permission on the image."""
        with self._lock:
            return set(_shares(self._find(image_id, region)[1]))

    def _find(self, image_id: str, region: str | None) -> tuple[Any, Any]:
        found = [
            (backend, backend.workspace_images[image_id])
            for backend in _backends(region)
            if image_id in backend.workspace_images
        ]
        if len(found) != 1:
            raise LookupError(f"{len(found)} images {image_id} in {region or 'all Regions'} of the local cloud")
        return found[0]

    def _change(self, backend: Any, image: Any, account: str, allow: bool) -> None:
        self._changes.append((time.monotonic(), image, account, account in _shares(image)))
        backend.update_workspace_image_permission(image.image_id, allow, account)

    @contextmanager
    def _listing_as_of(self, seconds: float) -> Iterator[None]:
        """Let this thread list permissions as they were some seconds ago, within the block."""
        self._listing.lag = seconds
        try:
            yield
        finally:
            self._listing.lag = 0.0

    def _listed(self, image: Any) -> set[str]:
        listed, then = set(_shares(image)), time.monotonic() - self._listing.lag
        for at, changed, account, was_shared in reversed(self._changes):
            if at < then:
                break
            if changed is image:
                (listed.add if was_shared else listed.discard)(account)
        return listed

    # Operations. Each takes a call and returns its result, or raises the error that AWS would return.

    def operate(self, call: Call) -> Mapping[str, Any]:
        """Run one of `operations`."""
        with self._lock:
            return self.operations[call.operation](call)

    def _describe(self, call: Call) -> Mapping[str, Any]:
        ids = call.parameters.get("ImageIds")
        if ids is not None and not 1 <= len(ids) <= PAGE:
            raise _invalid("imageIds", ids, f"Member must have length between 1 and {PAGE}")
        for image_id in ids or ():
            self._check_image_id(image_id)
        kind = call.parameters.get("ImageType")
        if kind not in (None, "OWNED", "SHARED"):
            raise _invalid("imageType", kind, "Member must satisfy enum value set: [OWNED, SHARED]")
        images = [
            # moto sends empty error fields, AWS leaves them out.
            {name: value for name, value in image.to_desc_dict().items() if value not in ("", [])}
            for owned, image in self._visible(call.account, call.region)
            if (not ids or image.image_id in ids) and (kind is None or owned == (kind == "OWNED"))
        ]
        page, token = self._page(call, images, "ImageId")
        return {"Images": page, **token}

    def _describe_permissions(self, call: Call) -> Mapping[str, Any]:
        image_id = call.parameters["ImageId"]
        image = self._owned(call, image_id)
        page, token = self._page(
            call,
            [{"SharedAccountId": account} for account in self._listed(image)],
            "SharedAccountId",
            smallest=int(self.answers["smallest_page"]),
            largest=int(self.answers["page_size"]),
            token_after_full_page=self.answers["token_after_full_page"] == "yes",
        )
        return {"ImageId": image_id, "ImagePermissions": page, **token}

    def _update_permission(self, call: Call) -> Mapping[str, Any]:
        image_id, account = call.parameters["ImageId"], call.parameters["SharedAccountId"]
        allow = call.parameters["AllowCopyImage"]
        if not _ACCOUNT.fullmatch(account):
            raise self._refusal("malformed_account", f"The account ID {account} is not valid.")
        image = self._owned(call, image_id)
        if account == call.account:
            raise self._refusal("grant_to_owner", "An image cannot be shared with the account that owns it.")
        self._check_available(image)
        if allow and image.required_tenancy == "DEDICATED" and call.region.startswith("us-gov-"):
            message = "Sharing BYOL images across accounts is not supported in AWS GovCloud (US)."
            raise self._refusal("byol_in_govcloud", message)
        if allow == (account in _shares(image)):
            name = "grant_granted" if allow else "revoke_ungranted"
            if self.answers[name] == SUCCESS:
                return {}
            raise self._refusal(name, f"Image {image_id} is {'already' if allow else 'not'} shared with {account}.")
        self._change(_backend(call.account, call.region), image, account, allow)
        return {}

    def _delete(self, call: Call) -> Mapping[str, Any]:
        image = self._owned(call, call.parameters["ImageId"], "delete_unknown_image")
        if _shares(image):
            raise AwsError(
                "InvalidResourceStateException",
                f"Image {image.image_id} is shared with other accounts: unshare it before you delete it.",
            )
        del _backend(call.account, call.region).workspace_images[image.image_id]
        return {}

    def _copy(self, call: Call) -> Mapping[str, Any]:
        source_id, source_region = call.parameters["SourceImageId"], call.parameters["SourceRegion"]
        self._check_image_id(source_id)
        for _, image in self._visible(call.account, source_region):
            if image.image_id == source_id:
                self._check_available(image)
                copy = self.create_image(
                    call.account, call.region, call.parameters["Name"], tenancy=image.required_tenancy
                )
                return {"ImageId": copy}
        raise AwsError("ResourceNotFoundException", f"The image {source_id} could not be found.")

    def _visible(self, account: str, region: str) -> Iterator[tuple[bool, Any]]:
        """Yield all images that an account sees in a Region, each after whether the account owns it."""
        home = _backend(account, region)
        for backend in _backends(region):
            for image in backend.workspace_images.values():
                if backend is home:
                    yield image.owner_account in (None, account), image
                elif account in _shares(image) and self.answers["recipient_sees_image"] == "yes":
                    yield False, image

    def _owned(self, call: Call, image_id: str, unknown: str = "unknown_image") -> Any:
        """Return an image of the caller. `unknown` names the answer if the image does not exist."""
        self._check_image_id(image_id)
        image = _backend(call.account, call.region).workspace_images.get(image_id)
        if image is None or image.owner_account not in (None, call.account):
            exists = any(image_id in backend.workspace_images for backend in _backends(call.region))
            name = "others_image" if exists else unknown
            raise self._refusal(name, f"The image {image_id} could not be found.")
        return image

    def _check_image_id(self, image_id: str) -> None:
        if not _IMAGE_ID.fullmatch(image_id):
            raise self._refusal("malformed_image", f"The image ID {image_id} is not valid.")

    def _check_available(self, image: Any) -> None:
        if image.state == "PENDING":
            raise self._refusal("pending_image", f"Image {image.image_id} is being created.")
        if image.state != "AVAILABLE":
            raise self._refusal("failed_image", f"Image {image.image_id} is in state {image.state}.")

    def _page(
        self,
        call: Call,
        items: Sequence[Mapping[str, Any]],
        key: str,
        smallest: int = 1,
        largest: int = PAGE,
        token_after_full_page: bool = False,
    ) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
        """Return one page of a listing, and the token of the next page if there is one.

        A token holds the key of the last item on its page. So changes between two pages neither hide nor repeat other
        items. It also holds a digest of the request, so that every other listing refuses it.
        """
        size = call.parameters.get("MaxResults", PAGE)
        if not 1 <= size <= PAGE:
            raise _invalid("maxResults", size, f"Member must have value between 1 and {PAGE}")
        size = min(max(size, smallest), largest)
        asked = {k: v for k, v in call.parameters.items() if k not in ("NextToken", "MaxResults")}
        scope = json.dumps([call.operation, call.account, call.region, asked], sort_keys=True)
        digest = hashlib.sha256(scope.encode()).hexdigest()[:16]
        after, token = "", call.parameters.get("NextToken")
        if token is not None:
            try:
                scope_of_token, _, after = base64.b64decode(token, validate=True).decode().partition("/")
            except ValueError:
                scope_of_token = ""
            if scope_of_token != digest:
                raise self._refusal("unknown_token", "The NextToken is not valid.")
        rest = sorted((item for item in items if item[key] > after), key=lambda item: str(item[key]))
        page = rest[:size]
        if len(rest) < size or (len(rest) == size and not token_after_full_page):
            return page, {}
        return page, {"NextToken": base64.b64encode(f"{digest}/{page[-1][key]}".encode()).decode()}

    def _refusal(self, name: str, message: str) -> AwsError:
        return AwsError(str(self.answers[name]), message)


class _Listing(threading.local):
    """The number of seconds by which the listings of a thread lag."""

    lag = 0.0


def _backends(region: str | None) -> list[Any]:
    from moto.workspaces.models import workspaces_backends

    return [
        backend
        for regions in list(workspaces_backends.values())
        for name, backend in list(regions.items())
        if region in (None, name)
    ]


def _backend(account: str, region: str) -> Any:
    from moto.workspaces.models import workspaces_backends

    if region not in workspaces_backends[account]:
        # AWS has no host of that name, so a real caller would not even get an answer.
        raise AwsError("InvalidSignatureException", "Credential should be scoped to a valid Region.")
    return workspaces_backends[account][region]


def _shares(image: Any) -> list[str]:
    return [permission["SharedAccountId"] for permission in image.image_permissions]


def _invalid(name: str, value: Any, constraint: str) -> AwsError:
    message = f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
    return AwsError("ValidationException", message)
