"""The lifecycle of an image share: check, diff, create, update, read, delete, and nothing else.

The state of every stack refers to this module and its provider classes by name: neither may be renamed.
"""

from contextlib import suppress
from typing import Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    UpdateResult,
)
from pulumi.output import Unknown

from .errors import AccessDenied, ConfigurationError, ExpectedError, NotFound, printable
from .lifecycle import base, checks
from .share import Share, as_account_id, parse_id

_IDENTITY = ("image_id", "shared_account_id", "region")


class ImageShareProvider(base.Provider):
    """The provider of `ImageShare`."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Report every problem of a share before anything is done, and note that it is declared.

        Raises:
            ExpectedError: AWS could not be asked, and `workspaces-images:recheck` is strict.
        """
        base.hide_secrets(olds, news)
        image_id, account_id = news.get("image_id"), as_account_id(news.get("shared_account_id"))
        failures = checks.format_failures(image_id, account_id)
        region = checks.region_or_failure(self._command, news, olds, failures)
        inputs = {"image_id": image_id, "shared_account_id": account_id, "region": region}

        wrong = {failure.property for failure in failures}
        known: dict[str, Any] = {
            name: None if name in wrong or isinstance(value, Unknown) else value for name, value in inputs.items()
        }
        share = Share(**known) if all(known.values()) else None
        with self._command.ledger.taking_over(share):
            problems = [self._command.ledger.declare(share)] if share else []
            self._command.take_own(news)  # before anything asks AWS: `recheck` is one of these keys
            if share:
                listings = not base.changed(_IDENTITY, olds, inputs) or self._command.previews is True
                self._command.prefetch(share.image_id, share.region, news.get("_images"), listings=listings)
            if known["shared_account_id"]:
                problems.append(self._command.recipients.list_problem(known["shared_account_id"]))
            failures += [CheckFailure("shared_account_id", problem) for problem in problems if problem]
            written = bool(news.get("region"))
            live = (
                self._command.recheck(lambda: checks.live_failures(self._command, **known, region_is_written=written))
                or []
            )
            owner = any(failure.property == "shared_account_id" for failure in live)
            asked = known["shared_account_id"] == news.get("_member")  # by the program
            if not owner and not asked:
                # A guard that cannot be evaluated refuses the share, with any `recheck`.
                live += checks.organization_failures(self._command, known["shared_account_id"], known["region"])
            failures += live
        if failures:
            self._command.ledger.failed(share)
        elif share and self._command.previews and not olds.get("image_id"):
            # Only the check of a new resource, or of a replacement, has no inputs from the state.
            self._announce(share, news.get("_member_name"))
        return base.checked(inputs, failures, news)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare the identity, and if it is unchanged, check that the share is still there.

        Raises:
            ExpectedError: AWS could not be asked, and `workspaces-images:recheck` is strict.
        """
        changed = base.changed(_IDENTITY, olds, news)
        if changed:
            return DiffResult(changes=True, replaces=changed)
        share = _share_of(news)
        with self._command.ledger.serialized(share):
            if self._command.ledger.was_revoked(share):
                # Revoked by the deletion of another resource in this update: AWS need not be asked.
                return DiffResult(changes=True)
            # Another process may have granted the share since this process last saw or changed it.
            held = self._command.ledger.is_held(share)
            shared = held or self._command.recheck(lambda: self._command.permissions.is_shared(share))
            if shared is not False:
                self._command.ledger.found(share)
        if shared is False:
            what = "the update grants it again" if self._command.previews is False else "`pulumi up` grants it again"
            message = (
                f"image {share.image_id} is no longer shared with {share.shared_account_id} in {share.region}: the "
                f"share was revoked outside Pulumi; {what}"
            )
            more = (
                f"more shares of image {share.image_id} in {share.region} were revoked outside Pulumi: run `pulumi "
                "preview --diff` to see them all"
            )
            self._command.announcements.add(message, self._command.warn, more=more)
        return DiffResult(changes=shared is False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Grant the permission. A share that exists already is adopted.

        Raises:
            ExpectedError: the permission was not granted.
        """
        share = _share_of(props)
        return CreateResult(share.id, self._grant(share))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Grant the permission again: it was revoked outside Pulumi, or earlier in the same update.

        Raises:
            ExpectedError: the permission was not granted.
        """
        return UpdateResult(self._grant(_share_of(news)))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Check whether the share exists, for refresh and for `ImageShare.get`.

        Raises:
            ExpectedError: AWS could not be asked, the caller is not the owner of the image, or `get` found no such
                share.
        """
        # A `get` does not have the outputs that create and read put into the state.
        is_get = "owner_account_id" not in props
        share = self._share_to_read(id_, props.get("region"), is_get)
        try:
            shared = self._command.permissions.is_shared(share)
        except (NotFound, AccessDenied) as error:
            if is_get:
                raise type(error)(f"reading image share {share.id} in {share.region}: {error}") from None
            self._command.ownership.confirm_gone(share.image_id, share.region, props["owner_account_id"], error)
            shared = False
        if shared:
            outputs = self._outputs(share)
            return ReadResult(id_, outputs, {name: outputs[name] for name in _IDENTITY})
        if is_get:
            raise NotFound(
                f"reading image share {share.id} in {share.region}: image {share.image_id} is not shared with "
                f"{share.shared_account_id}; declare an ImageShare to share it"
            )
        answer = f"reading image share {share.id} in {share.region}: not shared"
        self._command.ownership.refuse_others(share.image_id, share.region, props["owner_account_id"], answer)
        # Image and account may be secrets. Only the program knows that, and a refresh does not run it.
        self._command.announcements.add(
            "the share was revoked outside Pulumi, or its image was deleted; refresh removes it from the state",
            self._command.warn,
            more="more shares are gone: run `pulumi refresh --diff` to see them all",
        )
        return ReadResult("", {})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Revoke the permission, unless the running program still declares the share in another resource.

        Raises:
            ExpectedError: the permission was not revoked, or the resource must stay in the state.
        """
        share = _share_of(props)
        ledger = self._command.ledger
        with ledger.serialized(share):
            if ledger.keeps(share):
                self._command.info(
                    f"image {share.image_id} stays shared with {share.shared_account_id} in {share.region}: "
                    "another resource of the program declares the share"
                )
                return
            if ledger.is_gone(share):  # an exclusive list of this update has revoked it
                return
            owner = props.get("owner_account_id")
            with ledger.revoking(share):
                try:
                    accepted = self._command.permissions.revoke(share)
                except (NotFound, AccessDenied) as error:
                    self._command.ownership.confirm_gone(share.image_id, share.region, owner, error)
                    return
                if not accepted:
                    account = share.shared_account_id
                    answer = f"unsharing image {share.image_id} from {account} in {share.region}: not shared"
                    self._command.ownership.refuse_others(share.image_id, share.region, owner, answer)

    def _announce(self, share: Share, member_name: object) -> None:
        """Name the account that will get access, for the reviewer of the preview."""
        name = member_name or self._command.recipients.name_of(share.shared_account_id)
        account = f"account {share.shared_account_id}{f' ({name})' if name else ''}"
        image_name = self._command.permissions.known_name(share.image_id, share.region)
        image = f"image {share.image_id}{f' ({printable(image_name)})' if image_name else ''}"
        if self._has_access(share):
            message = f"{account} has access to {image} in {share.region} already; `pulumi up` adopts the share"
            more = (
                f"more accounts have access to image {share.image_id} in {share.region} already: run `pulumi preview "
                "--diff` to see them all"
            )
        else:
            message = f"{account} gets access to {image} in {share.region}"
            more = (
                f"more accounts get access to image {share.image_id} in {share.region}: run `pulumi preview --diff` to "
                "see them all"
            )
        self._command.announcements.add(message, self._command.info, more=more)

    def _has_access(self, share: Share) -> bool:
        accounts: frozenset[str] = frozenset()
        if not self._command.never_asks:
            with suppress(ExpectedError):  # it is only about the words
                accounts = self._command.permissions.shared_with(share.image_id, share.region)
        return share.shared_account_id in accounts

    def _grant(self, share: Share) -> dict[str, Any]:
        ledger = self._command.ledger
        with ledger.serialized(share), ledger.taking_over(share):
            ledger.granting(share)
            outputs = self._outputs(share)
            try:
                self._command.permissions.grant(share)
            except ExpectedError as error:
                # With `delete_before_replace` the resource that held the share may have left the state already. If this
                # one failed, a share that still exists would be in no state at all.
                if not (ledger.was_kept(share) and self._lives_on(share)):
                    raise error from None
            ledger.granted(share)
        return outputs

    def _lives_on(self, share: Share) -> bool:
        try:
            return self._command.permissions.is_shared(share, anew=True)
        except ExpectedError:
            return False

    def _outputs(self, share: Share) -> dict[str, Any]:
        return {**share._asdict(), "owner_account_id": self._command.ownership.owner(share.image_id, share.region)}

    def _share_to_read(self, id_: str, region: Any, is_get: bool) -> Share:
        try:
            image_id, account_id = parse_id(id_)
        except ValueError as error:
            raise ExpectedError(f"reading an image share: {error}") from None
        if not is_get:
            return Share(image_id, account_id, region)
        try:
            region = checks.find_region(self._command, {"region": region}, {})
        except ConfigurationError as error:
            raise ExpectedError(f"reading image share {id_}: region {error}") from None
        return Share(image_id, account_id, region)


def _share_of(props: dict[str, Any]) -> Share:
    return Share(*(props[name] for name in _IDENTITY))
