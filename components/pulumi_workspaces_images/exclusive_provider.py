"""The lifecycle of an exclusive list: every account that has a share of the image and is not on the list is unlisted.

The state of every stack refers to this module and its provider class by name: neither may be renamed.
"""

from typing import Any, TypeGuard

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
from .share import Share, as_account_id

_IDENTITY = ("image_id", "region")
_INPUTS = ("image_id", "shared_account_ids", "report_only", "region")


class ImageSharesExclusiveProvider(base.Provider):
    """The provider of `ImageSharesExclusive`."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Report every problem, contradictions with declared shares included, and name the unlisted accounts.

        Raises:
            ExpectedError: AWS could not be asked, and `workspaces-images:recheck` is strict.
        """
        base.hide_secrets(olds, news)
        self._command.take_own(news)
        image_id, accounts = news.get("image_id"), news.get("shared_account_ids")
        if isinstance(accounts, list):
            accounts = list(map(as_account_id, accounts))
        failures = checks.list_format_failures(image_id, accounts)
        report_only = news.get("report_only", False)
        if not isinstance(report_only, (bool, Unknown)) and report_only != "fail":
            failures.append(CheckFailure("report_only", "must be True, False or 'fail'"))
        region = checks.region_or_failure(self._command, news, olds, failures)
        inputs = {
            "image_id": image_id,
            "shared_account_ids": accounts,
            "report_only": report_only,
            "region": region,
        }
        wrong = {failure.property for failure in failures}
        if "image_id" in wrong or not isinstance(image_id, str) or not isinstance(region, str):
            return base.checked(inputs, failures, news)
        listings = not failures and not base.changed(_IDENTITY, olds, inputs)
        self._command.prefetch(image_id, region, news.get("_images"), listings=listings)
        if not failures and _known(accounts):
            contradictions = self._command.ledger.declare_exclusive(image_id, region, frozenset(accounts))
            failures += [CheckFailure("shared_account_ids", contradiction) for contradiction in contradictions]
        written = bool(news.get("region"))
        failures += (
            self._command.recheck(
                lambda: checks.live_failures(self._command, image_id, None, region, region_is_written=written)
            )
            or []
        )
        if not failures:
            unlisted = self._unlisted(inputs, olds)
            if unlisted and report_only == "fail":
                failures.append(
                    CheckFailure(
                        "shared_account_ids",
                        f"{_found(image_id, region, unlisted)}; put the account on the list, or revoke its access by "
                        "hand: exclusive ownership is set to fail, which revokes nothing and may hide other drift",
                    )
                )
            elif unlisted:
                self._warn(image_id, region, unlisted, report_only=report_only)
        return base.checked(inputs, failures, news)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare the list, and if it is unchanged, check for unlisted accounts.

        Raises:
            ExpectedError: AWS could not be asked, and `workspaces-images:recheck` is strict.
        """
        changed = base.changed(_IDENTITY, olds, news)
        if changed:
            return DiffResult(changes=True, replaces=changed)
        accounts = news.get("shared_account_ids")
        if not _known(accounts) or set(accounts) != set(olds.get("shared_account_ids") or ()):
            return DiffResult(changes=True)
        if news.get("report_only") != olds.get("report_only"):
            return DiffResult(changes=True)
        unlisted = self._unlisted(news, olds)
        if unlisted:  # a refresh runs diff without check
            self._warn(news["image_id"], news["region"], unlisted, report_only=news.get("report_only"))
        return DiffResult(changes=bool(unlisted) and not news.get("report_only"))

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Revoke the shares of unlisted accounts.

        Raises:
            ExpectedError: a share was not revoked; the diagnostics name those that were.
        """
        return CreateResult(props["image_id"], self._sync(props, {}))

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Revoke the shares of accounts that are not on the new list.

        Raises:
            ExpectedError: a share was not revoked; the diagnostics name those that were. Or the caller is not the
                owner, and would replace the owner in the state.
        """
        image_id, region = news["image_id"], news["region"]
        doing = f"updating the exclusive list of image {image_id} in {region}"
        self._command.ownership.refuse_others(image_id, region, olds.get("owner_account_id"), doing)
        return UpdateResult(self._sync(news, olds))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Check that the image still exists: nothing else needs a refresh.

        Raises:
            ExpectedError: AWS could not be asked, or the caller is not the owner of the image.
        """
        if "owner_account_id" not in props:
            raise ExpectedError(
                f"reading the exclusive shares of {id_}: they cannot be read by id; declare them instead"
            )
        image_id, region, owner = props["image_id"], props["region"], props["owner_account_id"]
        # AWS also describes a shared image to its recipients, but lists its shares only to the owner.
        doing = f"reading the exclusive shares of image {image_id} in {region}"
        self._command.ownership.refuse_others(image_id, region, owner, doing)
        try:
            self._command.permissions.describe(image_id, region)
        except (NotFound, AccessDenied) as error:
            self._command.ownership.confirm_gone(image_id, region, owner, error)
            return ReadResult("", {})
        outputs = {name: props[name] for name in (*_INPUTS, "owner_account_id", "revoked_account_ids") if name in props}
        return ReadResult(id_, outputs, {name: props[name] for name in _INPUTS if name in props})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Revoke nothing: shares do not end with the list.

        Raises:
            ExpectedError: the caller is not the owner, who may still want the list; or AWS could not be asked who the
                caller is.
        """
        image_id, region = props["image_id"], props["region"]
        doing = f"deleting the exclusive list of image {image_id} in {region}"
        self._command.ownership.refuse_others(image_id, region, props.get("owner_account_id"), doing)

    def _unlisted(self, news: dict[str, Any], olds: dict[str, Any]) -> list[str]:
        """Return the unlisted accounts; an empty list if AWS could not be asked, or the list is not known yet.

        If unlisted accounts are revoked, an account that leaves the list is unlisted in the same update, because it may
        have no resource of its own. Otherwise only the next preview names it, because its own resource may revoke it.
        """
        accounts, image_id, region = news["shared_account_ids"], news["image_id"], news["region"]
        if not _known(accounts):
            return []
        leaving = (olds.get("shared_account_ids") or []) if news.get("report_only") else []

        def look() -> frozenset[str]:
            return self._command.permissions.unlisted(image_id, region, [*accounts, *leaving])

        if news.get("report_only") == "fail":
            if self._command.never_asks:
                raise ConfigurationError(
                    f"image {image_id} in {region}: exclusive ownership that is set to fail has to ask AWS, and "
                    "workspaces-images:recheck is off; set it to strict, or exclusive to report"
                )
            return sorted(look())  # whatever `recheck` says: it opens no guard
        if self._command.never_asks:
            self._command.warn_once(
                f"image {image_id} in {region}: unlisted accounts are not checked because "
                "workspaces-images:recheck is off"
            )
        return sorted(self._command.recheck(look) or ())

    def _warn(self, image_id: str, region: str, unlisted: list[str], *, report_only: object) -> None:
        """Name unlisted accounts. An update that revokes them reports it afterwards."""
        found = _found(image_id, region, unlisted)
        if isinstance(report_only, Unknown):
            self._command.warn_once(found)
        elif report_only:
            self._command.warn_once(f"{found}: only reported")
        elif self._command.previews is not False:
            self._command.warn_once(f"{found}: `pulumi up` revokes it")

    def _sync(self, news: dict[str, Any], olds: dict[str, Any]) -> dict[str, Any]:
        image_id, region = news["image_id"], news["region"]
        outputs = {name: news[name] for name in _INPUTS}
        outputs["owner_account_id"] = self._command.ownership.owner(image_id, region)
        revoked: list[str] = []
        failed: list[ExpectedError] = []
        if not news["report_only"]:
            for account in self._unlisted(news, olds):
                try:
                    self._revoke(Share(image_id, account, region))
                    revoked.append(printable(account))  # it may have been on a secret list
                except ExpectedError as error:
                    failed.append(error)  # a revoke that fails must not stop the others
        if failed:
            raise ExpectedError("; ".join(map(str, failed)))
        return {**outputs, "revoked_account_ids": revoked}

    def _revoke(self, share: Share) -> None:
        ledger = self._command.ledger
        with ledger.serialized(share):
            if ledger.is_declared(share):
                raise ExpectedError(
                    f"unsharing image {share.image_id} from {share.shared_account_id} in {share.region}: kept because "
                    "the program also declares an ImageShare of it; put the account on the exclusive list, or remove "
                    "the ImageShare"
                )
            with ledger.revoking(share):
                self._command.permissions.revoke(share)
        self._command.info(
            f"image {share.image_id} in {share.region} was unshared from {share.shared_account_id}, not on the list of "
            "its ImageSharesExclusive"
        )


def _found(image_id: str, region: str, unlisted: list[str]) -> str:
    accounts = ", ".join(unlisted)
    return f"image {image_id} in {region} is shared with {accounts}, not on the list of its ImageSharesExclusive"


def _known(accounts: Any) -> TypeGuard[list[str]]:
    return isinstance(accounts, list) and not any(isinstance(account, Unknown) for account in accounts)
