"""The steps of a run: grant and revoke a share, by hand and with Pulumi, and record what AWS answers."""

from __future__ import annotations

import random
import shlex
import string
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from local.acceptance.aws import DESCRIBE, LIST, UPDATE, Answer, Aws, Listing, refused
from local.acceptance.journal import Entry
from local.acceptance.table import Table
from local.stack import Stack, finish_unless
from pulumi_workspaces_images.errors import ExpectedError, NotFound

# Seconds after a write at which the shares are listed, until the listing shows the write. The package lists them again
# 5 and 10 s after its first listing.
LOOKS = (0.0, 2.0, 5.0, 10.0)

_PROGRAM = """\
from pulumi_workspaces_images import ImageShare, ImageSharesExclusive

ImageShare({name!r}, image_id={image!r}, shared_account_id={account!r})
"""
_EXCLUSIVE = "ImageSharesExclusive('only', image_id={image!r}, shared_account_ids=[{account!r}], report_only=True)\n"


class Surprise(Exception):
    """Something is not as expected. The message says what."""


class Life:
    """The steps with a share that does not exist yet.

    Attributes:
        table: what AWS has answered.
        listing: the shares of the image, as last listed.
    """

    def __init__(
        self,
        entry: Entry,
        before: Listing,
        aws: Aws,
        recipient: Aws | None,
        stack: Stack,
        table: Table,
        interrupted: threading.Event,
    ) -> None:
        """Prepare the steps.

        Args:
            entry: the share.
            before: the shares of the image before the run.
            aws: WorkSpaces, as the owner.
            recipient: WorkSpaces, as the recipient; None without the recipient's credentials.
            stack: the stack for the steps with Pulumi, without a program.
            table: where to record answers.
            interrupted: ends the steps when it is set.
        """
        self.table = table
        self.listing = before
        self._entry = entry
        self._before = before
        self._aws = aws
        self._recipient = recipient
        self._stack = stack
        self._interrupted = interrupted
        self._image = {"ImageId": entry.image_id}
        self._account = {"SharedAccountId": entry.account}

    # The steps, in their order.

    def revoke_ungranted(self) -> None:
        """Revoke the share, which was never granted, and list the shares of an image that does not exist."""
        self._note("revoke_ungranted", self._update(False))
        unknown = "wsi-" + "".join(random.choices(string.ascii_lowercase + string.digits, k=9))
        self._note("unknown_image", self._aws.ask(LIST, ImageId=unknown))

    def grant_by_hand(self) -> None:
        """Grant the share, and measure when the listing shows it."""
        self._must(self._update(True))
        self._measure("grant_lag", True)

    def ask_around(self) -> None:
        """Grant the share again, list small pages, and list from a token that AWS never gave."""
        self._note("grant_granted", self._update(True))
        shares, pages = len(self.listing.accounts), self.listing.pages
        few = "the image has too few shares"
        if len(pages) > 1:
            self.table.note("page_size", max(pages))
        else:
            self.table.note("page_size", None, few)
        first = self._aws.ask(LIST, MaxResults=1, **self._image)
        if shares > 1:
            self.table.note("smallest_page", first.code if first.error else len(first.body["ImagePermissions"]))
        else:
            self.table.note("smallest_page", None, few)
        last = self._aws.ask(LIST, MaxResults=min(shares, 25), **self._image)
        if not last.error and len(last.body["ImagePermissions"]) == shares:
            self.table.note("token_after_full_page", "yes" if last.body.get("NextToken") else "no")
        else:
            self.table.note("token_after_full_page", None, "no page held all shares")
        self._note("unknown_token", self._aws.ask(LIST, NextToken="unknown", **self._image))

    def let_the_recipient_look(self) -> None:
        """Ask for the image and for its shares as the recipient."""
        if not self._recipient:
            for name in ("others_image", "recipient_sees_image"):
                self.table.note(name, None, "asked with RECIPIENT_PROFILE only")
            return
        seen = self._recipient.ask(DESCRIBE, ImageIds=[self._entry.image_id], ImageType="SHARED")
        if seen.error:
            self._note("recipient_sees_image", seen)
        else:
            self.table.note("recipient_sees_image", "yes" if seen.body.get("Images") else "no")
        self._note("others_image", self._recipient.ask(LIST, **self._image))

    def adopt(self) -> None:
        """Declare the share that was granted by hand."""
        self._program("first")
        self._pulumi("up --yes --skip-preview", "first created")

    def find_it_unchanged(self) -> None:
        """Preview the same program."""
        self._pulumi("preview --expect-no-changes", "2 unchanged")

    def revoke_by_hand(self) -> None:
        """Revoke the share, and measure when the listing shows it."""
        self._must(self._update(False))
        self._measure("revoke_lag", False)

    def name_the_drift(self) -> None:
        """Preview the same program."""
        self._pulumi("preview", "is no longer shared with", "first update")

    def heal(self) -> None:
        """Grant the share again."""
        self._pulumi("up --yes --skip-preview", "first updated")

    def refresh(self) -> None:
        """Compare the state with AWS."""
        self._pulumi("refresh --yes --skip-preview --expect-no-changes", "2 unchanged")

    def rename(self) -> None:
        """Declare the share under another name, without an alias."""
        self._program("second")
        self._pulumi("up --yes --skip-preview", "second created", "first deleted", "stays shared")

    def report_unlisted(self) -> None:
        """Declare an exclusive list that reports, and revokes nothing."""
        self._program("second", exclusive=True)
        unlisted = (f"{account}" for account in sorted(self._before.accounts))
        self._pulumi("up --yes --skip-preview", "only created", *unlisted)

    def destroy(self) -> None:
        """Destroy the stack."""
        self._pulumi("destroy --yes --skip-preview", "deleted")

    def grant(self) -> None:
        """Declare the share while it does not exist."""
        self._program("third")
        self._pulumi("up --yes --skip-preview", "third created")

    def compare(self) -> None:
        """Check that the image's shares are as they were."""
        self._look_until(False)
        if self.listing.accounts != self._before.accounts:
            changed = ", ".join(sorted(self.listing.accounts ^ self._before.accounts))
            raise Surprise(f"The image's shares with {changed} have changed. This run has not changed them.")

    # What the steps share.

    def _update(self, allow: bool) -> Answer:
        return self._aws.ask(UPDATE, AllowCopyImage=allow, **self._image, **self._account)

    def _must(self, answer: Answer) -> None:
        if answer.error:
            raise Surprise(f"AWS refused it: {refused(answer.error)}")

    def _note(self, name: str, answer: Answer) -> None:
        self.table.note(name, answer.code, f"HTTP {answer.status}" if answer.error else "")

    def _measure(self, name: str, shown: bool) -> None:
        seconds, unseen = self._look_until(shown)
        self.table.note(name, round(seconds, 1), f"not yet after {unseen:.1f} s" if unseen is not None else "")

    def _look_until(self, shown: bool) -> tuple[float, float | None]:
        """List the shares until the listing shows the share, or no longer shows it.

        Returns:
            The seconds from the write to the last listing, and to the listing before it; None if there was none.
        """
        begin, unseen = time.monotonic(), None
        for pause in LOOKS:
            self._aws.wait(max(0.0, begin + pause - time.monotonic()))
            seconds = time.monotonic() - begin
            self.listing = self._aws.shares(self._entry.image_id)
            if (self._entry.account in self.listing.accounts) == shown:
                return seconds, unseen
            unseen = seconds
        raise Surprise(f"The listing of the image's shares does not show it after {unseen:.0f} s.")

    def _program(self, name: str, exclusive: bool = False) -> None:
        text = _PROGRAM + (_EXCLUSIVE if exclusive else "")
        names = {"name": name, "image": self._entry.image_id, "account": self._entry.account}
        (self._stack.folder / "__main__.py").write_text(text.format(**names), encoding="utf-8")

    def _pulumi(self, command: str, *showing: str) -> None:
        """Run a command that must succeed and whose output must contain some strings."""
        try:
            code, output = finish_unless(self._interrupted, self._stack.start(*shlex.split(command)))
        except subprocess.TimeoutExpired as error:
            raise Surprise(f"`pulumi {command}` has not ended within {error.timeout:.0f} s.") from None
        shown = " ".join(output.split())
        missing = [text for text in showing if text not in shown]
        if code or missing:
            expected = "exit code 0" if code else f"an output with: {', '.join(missing)}"
            raise Surprise(f"`pulumi {command}` exited {code}; expected {expected}. Its output:\n{output}")


class Step(NamedTuple):
    """A step of the run.

    Attributes:
        says: what the step does, as the user reads it.
        do: runs the step.
        calls: how many calls to WorkSpaces it needs, without its listings.
        listings: how many times it needs to list the image's shares, if the listing does not lag. The package lists
            them three times if it finds drift or an unlisted account.
    """

    says: str
    do: Callable[[Life], None]
    calls: int
    listings: int


STEPS = (
    Step("revoke the share, which was never granted; list the shares of an unknown image", Life.revoke_ungranted, 2, 0),
    Step("grant the share by hand", Life.grant_by_hand, 1, 1),
    Step("grant it again; list small pages, and from a token that AWS never gave", Life.ask_around, 4, 0),
    Step("ask for image and shares as the recipient, with RECIPIENT_PROFILE", Life.let_the_recipient_look, 2, 0),
    Step("pulumi up: adopt the share", Life.adopt, 2, 0),
    Step("pulumi preview: nothing to do", Life.find_it_unchanged, 1, 1),
    Step("revoke the share by hand", Life.revoke_by_hand, 1, 1),
    Step("pulumi preview: name the drift", Life.name_the_drift, 1, 3),
    Step("pulumi up: heal it", Life.heal, 2, 3),
    Step("pulumi refresh: nothing to do", Life.refresh, 0, 1),
    Step("pulumi up: rename the resource, keep the share", Life.rename, 2, 0),
    Step("pulumi up: name unlisted accounts, revoke nothing", Life.report_unlisted, 1, 3),
    Step("pulumi destroy: revoke the share", Life.destroy, 1, 0),
    Step("pulumi up: grant the share again", Life.grant, 2, 0),
    Step("pulumi preview: nothing to do", Life.find_it_unchanged, 1, 1),
    Step("pulumi destroy: revoke the share", Life.destroy, 1, 0),
    Step("list the shares: they are as they were", Life.compare, 0, 1),
)


def calls_needed(listing: Listing, account: str, steps: Sequence[Step]) -> int:
    """Return how many calls steps need if AWS throttles none and its listing does not lag.

    Args:
        listing: the image's shares.
        account: the recipient.
        steps: the steps.
    """
    shares = len(listing.accounts | {account})
    size = max(listing.pages) if len(listing.pages) > 1 else max(25, shares)
    pages = max(len(listing.pages), -(-shares // size))
    return sum(step.calls + step.listings * pages for step in steps)


def clean_up(aws: Aws, entry: Entry) -> None:
    """Revoke the share, and check that it is gone.

    Raises:
        ExpectedError: the share may still exist.
    """
    try:
        answer = aws.ask(UPDATE, ImageId=entry.image_id, SharedAccountId=entry.account, AllowCopyImage=False)
        begin = time.monotonic()
        # A refusal most likely means that there is no share. But it may have another reason, and the listing may lag.
        for pause in LOOKS[-1:] if answer.error else LOOKS:
            aws.wait(max(0.0, begin + pause - time.monotonic()))
            if entry.account not in aws.shares(entry.image_id).accounts:
                return
    except NotFound:
        return  # no image, no share
    except ExpectedError as error:
        raise ExpectedError(f"{error}; so run this again later, or revoke the share: {revoke_command(entry)}") from None
    said = refused(answer.error) if answer.error else "AWS said that it has revoked it"
    raise ExpectedError(
        f"image {entry.image_id} is still shared with {entry.account} ({said}); run this again later, or revoke the "
        f"share: {revoke_command(entry)}"
    )


def revoke_command(entry: Entry) -> str:
    """Return the AWS CLI command that revokes the share."""
    return (
        f"aws workspaces update-workspace-image-permission --region {entry.region} --image-id {entry.image_id} "
        f"--shared-account-id {entry.account} --no-allow-copy-image"
    )
