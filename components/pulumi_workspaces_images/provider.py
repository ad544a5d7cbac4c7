"""The lifecycle of an image share: check, diff, create, update, read, delete, and nothing else.

The state of every stack refers to this module and its provider classes by name: neither may be renamed.
"""

import functools
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from pulumi.dynamic import (
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

from . import checks, process
from .errors import AccessDenied, ExpectedError, NotFound
from .share import Share, parse_id

_IDENTITY = ("image_id", "shared_account_id", "region")

Method = TypeVar("Method", bound=Callable[..., Any])


class Bug(Exception):
    """Anything but an expected failure; the message holds the traceback, which this process cuts off elsewhere."""


def plainly(method: Method) -> Method:
    """Let an expected failure reach the user as its one line, and a bug with its traceback."""

    @functools.wraps(method)
    def wrapper(*args: Any) -> Any:
        try:
            return method(*args)
        except ExpectedError as error:
            raise error from None
        except Exception as error:
            # A limit of its own: without one, sys.tracebacklimit would cut this one off too.
            trace = "".join(traceback.format_exception(error, limit=100))
            raise Bug(f"a bug in pulumi-workspaces-images; please report it with this traceback:\n{trace}") from None

    return wrapper  # type: ignore[return-value]


class ImageShareProvider(ResourceProvider):
    """The provider of `ImageShare`. Its instance is shared by the threads, and holds nothing that is pickled."""

    # The reference to this class is not a secret; as one, it would hide the whole resource in every diff.
    serialize_as_secret_always = False

    @plainly
    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration; called once per process.

        Raises:
            ConfigurationError: a key that cannot be honoured.
        """
        self._process = process.configure(req)

    @plainly
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Find all that is wrong with a share before anything is done, and note that it is declared.

        Raises:
            ExpectedError: AWS could not be asked, and `workspaces-images:recheck` is strict.
        """
        image_id, account_id = news.get("image_id"), news.get("shared_account_id")
        failures = checks.format_failures(image_id, account_id)
        region = checks.resolve_region(self._process, news.get("region"), failures)
        inputs = {"image_id": image_id, "shared_account_id": account_id, "region": region}

        wrong = {failure.property for failure in failures}
        known: dict[str, Any] = {
            name: None if name in wrong or isinstance(value, Unknown) else value for name, value in inputs.items()
        }
        share = Share(**known) if all(known.values()) else None
        if share is not None:
            self._process.declarations.declare(share)
        try:
            failures += self._process.look(lambda: checks.live_failures(self._process, **known)) or []
        except ExpectedError:
            self._failed(share)
            raise
        if failures:
            self._failed(share)
        return CheckResult(inputs, failures)

    @plainly
    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare the identity, and where it is the same, look whether the permission is still there.

        Raises:
            ExpectedError: AWS could not be asked, and `workspaces-images:recheck` is strict.
        """
        changed = [
            name for name in _IDENTITY if isinstance(news.get(name), Unknown) or news.get(name) != olds.get(name)
        ]
        if changed:
            return DiffResult(changes=True, replaces=changed)
        share = _share_of(news)
        with self._process.declarations.serialized(share):
            if self._process.declarations.was_revoked(share):
                # By the deletion of another resource in this update, not by somebody else; no look is needed.
                return DiffResult(changes=True)
            shared = self._process.look(lambda: self._process.permissions.is_shared(share))
        if shared is False:
            self._process.engine.warn(
                f"image {share.image_id} is no longer shared with {share.shared_account_id} in {share.region}: "
                "the share was revoked outside Pulumi; the update grants it again"
            )
        return DiffResult(changes=shared is False)

    @plainly
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Grant the permission; one that is there already is adopted.

        Raises:
            ExpectedError: the permission was not granted.
        """
        share = _share_of(props)
        return CreateResult(share.id, self._grant(share))

    @plainly
    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Grant the permission again: it was revoked outside Pulumi, or earlier in the same update.

        Raises:
            ExpectedError: the permission was not granted.
        """
        return UpdateResult(self._grant(_share_of(news)))

    @plainly
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look whether the share exists: for refresh, and for `ImageShare.get`.

        Raises:
            ExpectedError: AWS could not be asked, or not as the owner of the image; or `get` found no such share.
        """
        try:
            image_id, account_id = parse_id(id_)
        except ValueError as error:
            raise ExpectedError(f"reading an image share: {error}") from None
        share = Share(image_id, account_id, self._process.connection.region(props.get("region")))
        owner = props.get("owner_account_id")
        try:
            shared = self._process.permissions.is_shared(share)
        except (NotFound, AccessDenied) as error:
            self._confirm_gone(share, owner, error)
            shared = False
        if shared:
            outputs = self._outputs(share)
            return ReadResult(id_, outputs, {name: outputs[name] for name in _IDENTITY})
        if owner is None:  # only what a create or an earlier read has put there has an owner: this is a `get`
            raise NotFound(
                f"reading image share {share.id} in {share.region}: image {share.image_id} is not shared with "
                f"{share.shared_account_id}; declare an ImageShare to share it"
            )
        return ReadResult("", {})

    @plainly
    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Revoke the permission, unless the running program still declares the share in another resource.

        Raises:
            ExpectedError: the permission was not revoked, or must not drop out of the state.
        """
        share = _share_of(props)
        declarations = self._process.declarations
        with declarations.serialized(share):
            if declarations.is_declared(share):
                if declarations.has_failed(share):
                    raise ExpectedError(
                        f"unsharing image {share.image_id} from {share.shared_account_id} in {share.region}: kept, as "
                        "another resource declares the share and could not take it over; run `pulumi up` again"
                    )
                self._process.engine.info(
                    f"image {share.image_id} stays shared with {share.shared_account_id} in {share.region}: "
                    "another resource of the program declares the share"
                )
                return
            try:
                self._process.permissions.revoke(share)
            except (NotFound, AccessDenied) as error:
                self._confirm_gone(share, props.get("owner_account_id"), error)
            declarations.revoked(share)

    def _grant(self, share: Share) -> dict[str, Any]:
        declarations = self._process.declarations
        with declarations.serialized(share):
            try:
                outputs = self._outputs(share)
                self._process.permissions.grant(share)
            except ExpectedError:
                declarations.failed(share)
                raise
            declarations.granted(share)
        return outputs

    def _outputs(self, share: Share) -> dict[str, Any]:
        caller = self._process.connection.caller(share.region)
        # Only the owner can grant and list, so whoever could is the owner; if he may not be asked for, the image knows.
        owner = (
            caller.account
            if caller
            else self._process.permissions.describe(share.image_id, share.region).owner_account_id
        )
        return {**share._asdict(), "owner_account_id": owner}

    def _failed(self, share: Share | None) -> None:
        if share is not None:
            self._process.declarations.failed(share)

    def _confirm_gone(self, share: Share, owner: str | None, error: ExpectedError) -> None:
        """Return if the image is gone; to anybody but its owner, an image that lives on looks the same.

        Raises:
            ExpectedError: the caller is not the owner, or nobody can tell; or `error` was not about the image.
        """
        caller = self._process.connection.caller(share.region)
        if caller and owner and caller.account != owner:
            raise ExpectedError(
                f"{error}; image {share.image_id} is owned by account {owner}, and the caller is account "
                f"{caller.account} ({caller.arn}): use the owner's credentials; nothing was changed"
            )
        if not isinstance(error, NotFound):
            raise error
        if caller is None:
            raise ExpectedError(
                f"{error}; that counts as gone only for its owner, account {owner}, and aws:skipRequestingAccountId "
                "forbids asking who the caller is: unset it; nothing was changed"
            )


def _share_of(props: dict[str, Any]) -> Share:
    return Share(*(props[name] for name in _IDENTITY))
