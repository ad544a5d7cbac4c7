"""The life of a share, by hand and through the engine, with questions to AWS in passing."""

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

# Seconds after a write at which its listing is looked at, until it shows the write. The package looks again 5 and 10 s
# after its first look.
LOOKS = (0.0, 2.0, 5.0, 10.0)

_PROGRAM = """\
from pulumi_workspaces_images import ImageShare, ImageSharesExclusive

ImageShare({name!r}, image_id={image!r}, shared_account_id={account!r})
"""
_EXCLUSIVE = "ImageSharesExclusive('only', image_id={image!r}, shared_account_ids=[{account!r}], report_only=True)\n"


class Surprise(Exception):
    """Something is not as it should be; the message is all there is to say."""


class Life:
    """The life of a share that nobody has granted yet.

    Attributes:
        table: what AWS has answered.
        listing: who may copy the image, as last seen.
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
        """Begin a life.

        Args:
            entry: the share.
            before: who may copy the image already.
            aws: WorkSpaces, as the owner.
            recipient: WorkSpaces, as the recipient; None if there are no credentials.
            stack: the stack of the engine's part, without a program.
            table: where to note answers.
            interrupted: ends it all when set.
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
        """Revoke what was never granted, and ask about an image that does not exist."""
        self._note("revoke_ungranted", self._update(False))
        unknown = "wsi-" + "".join(random.choices(string.ascii_lowercase + string.digits, k=9))
        self._note("unknown_image", self._aws.ask(LIST, ImageId=unknown))

    def grant_by_hand(self) -> None:
        """Grant the share, and see when the listing shows it."""
        self._must(self._update(True))
        self._measure("grant_lag", True)

    def ask_around(self) -> None:
        """Grant what is granted, ask for small pages, and with a token that AWS never gave."""
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
        """Ask, as the recipient, for the image and for its shares."""
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
        """Revoke the share, and see when the listing shows it."""
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
        """Declare the share, which nobody has granted."""
        self._program("third")
        self._pulumi("up --yes --skip-preview", "third created")

    def compare(self) -> None:
        """See that the image's shares are as they were."""
        self._look_until(False)
        if self.listing.accounts != self._before.accounts:
            changed = ", ".join(sorted(self.listing.accounts ^ self._before.accounts))
            raise Surprise(f"Meanwhile somebody else has changed the shares of {changed}: this run never does.")

    # What they are made of.

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
        """List until the share is there, or gone.

        Returns:
            How many seconds after the write the last listing was asked for, and the one before it.
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
        """Run a command that must succeed and whose output must show some texts."""
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
        says: what it does, for people.
        do: does it.
        calls: how many calls to WorkSpaces it needs, its listings aside.
        listings: how many times it needs to list the image's shares, if the listing does not lag. The package lists
            them three times where something surprises: drift, or an unlisted account.
    """

    says: str
    do: Callable[[Life], None]
    calls: int
    listings: int


STEPS = (
    Step("revoke the share, which was never granted; list the shares of an unknown image", Life.revoke_ungranted, 2, 0),
    Step("grant the share by hand", Life.grant_by_hand, 1, 1),
    Step("grant it again; list small pages, and from a token that AWS never gave", Life.ask_around, 4, 0),
    Step("look as the recipient, with RECIPIENT_PROFILE", Life.let_the_recipient_look, 2, 0),
    Step("pulumi up: adopt the share", Life.adopt, 2, 0),
    Step("pulumi preview: nothing to do", Life.find_it_unchanged, 1, 1),
    Step("revoke the share by hand", Life.revoke_by_hand, 1, 1),
    Step("pulumi preview: name the drift", Life.name_the_drift, 1, 3),
    Step("pulumi up: heal it", Life.heal, 2, 3),
    Step("pulumi refresh: nothing to do", Life.refresh, 0, 1),
    Step("pulumi up: rename the resource, keep the share", Life.rename, 2, 0),
    Step("pulumi up: name unlisted accounts, revoke nothing", Life.report_unlisted, 1, 3),
    Step("pulumi destroy: revoke the share", Life.destroy, 1, 0),
    Step("pulumi up: grant the share anew", Life.grant, 2, 0),
    Step("pulumi preview: nothing to do", Life.find_it_unchanged, 1, 1),
    Step("pulumi destroy: revoke the share", Life.destroy, 1, 0),
    Step("list the shares: they are as they were", Life.compare, 0, 1),
)


def calls_needed(listing: Listing, account: str, steps: Sequence[Step]) -> int:
    """Return how many calls steps need if AWS throttles none and its listing does not lag.

    Args:
        listing: the image's shares.
        account: the one that gets a share.
        steps: the steps.
    """
    shares = len(listing.accounts | {account})
    size = max(listing.pages) if len(listing.pages) > 1 else max(25, shares)
    pages = max(len(listing.pages), -(-shares // size))
    return sum(step.calls + step.listings * pages for step in steps)


def clean_up(aws: Aws, entry: Entry) -> None:
    """Revoke the share, and see that it is gone.

    Raises:
        ExpectedError: it is not known to be gone.
    """
    try:
        answer = aws.ask(UPDATE, ImageId=entry.image_id, SharedAccountId=entry.account, AllowCopyImage=False)
        begin = time.monotonic()
        # A refusal most likely says that there is no share. It may say something else, and the listing lag.
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
    """Return the one command that revokes the share."""
    return (
        f"aws workspaces update-workspace-image-permission --region {entry.region} --image-id {entry.image_id} "
        f"--shared-account-id {entry.account} --no-allow-copy-image"
    )
