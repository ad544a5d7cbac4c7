"""Test the package on AWS, with an image of yours and a second account that gets a share of it for some minutes.

Credentials, Region and endpoint come from the environment, as for the AWS CLI. The shares of other accounts are not
changed, and at the end the image's shares are as they were. docs/aws-behaviour.md says more.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from local.acceptance.aws import DESCRIBE, Aws, Listing, Reports, is_throttled
from local.acceptance.journal import Entry, Journal
from local.acceptance.life import STEPS, Life, Surprise, calls_needed, clean_up, revoke_command
from local.acceptance.table import Table, asked_of, differences
from local.engine import install
from local.environment import ROOT, engine_environment
from local.stack import CommandError, Stack
from pulumi_workspaces_images.aws.connection import Connection
from pulumi_workspaces_images.errors import ExpectedError
from pulumi_workspaces_images.share import account_id_problem, image_id_problem

MOST_CALLS = 60

_CLEANED_UP = 3


def say(text: str = "") -> None:
    """Print a line at once."""
    print(text, flush=True)


class Run:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        """Prepare a run, without a call to AWS.

        Args:
            options: the command line.
            folder: the folder of the journal, in the user's cache. The stack is created in it.
        """
        self._options = options
        self._home = folder / "stack"
        self._journal = Journal(folder)
        self._interrupted = threading.Event()

    def run(self) -> int:
        """Run all steps and return the exit code.

        Raises:
            ExpectedError: the run refuses to start, or cannot clean up.
            CommandError: Pulumi does not work.
        """
        try:
            return self._run()
        finally:
            self._journal.unlock()

    def _run(self) -> int:
        connection = Connection({}, project="acceptance")
        region = connection.valid_region()
        caller = connection.caller(region)
        assert caller
        aws = Aws(region, wait=self._wait)
        begun = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        entry = Entry(self._options.image, self._options.account, region, caller.account, aws.endpoint, begun)
        self._journal.lock()
        shutil.rmtree(self._home, ignore_errors=True)
        if left := self._journal.read():
            return self._clean_up_after(left, entry, aws)
        if entry.account == entry.owner:
            raise ExpectedError(f"ACCOUNT is {entry.account}, which is the caller's own: name another account")
        recipient = self._recipient(region)
        before = self._look(aws, entry)
        looks = 1 if self._options.yes else 2
        needed = looks * len(aws.calls) + calls_needed(before, entry.account, STEPS)
        if needed > MOST_CALLS:
            raise ExpectedError(
                f"the run would need {needed} WorkSpaces calls, more than {MOST_CALLS}, because image {entry.image_id} "
                f"is shared with {len(before.accounts)} accounts; use one with fewer shares, such as a new copy of it"
            )
        say(f"As {caller.arn}, at {entry.endpoint}, this run is going to")
        for step in STEPS:
            say(f"  - {step.says}")
        say(
            f"It works with the share of image {entry.image_id} in {region} with account {entry.account}. While it\n"
            "exists, for some minutes, that account can copy the image and keep the copy. No other account's share is\n"
            "changed. At the end, also after Ctrl-C, the image's shares are as they are now. The run needs at most\n"
            f"{needed} WorkSpaces calls, and some more if AWS throttles calls or the listing of the shares lags."
        )
        if not self._agreed():
            return 1
        if not self._options.yes:
            before = self._look(aws, entry)  # the user may have taken a long time to answer
        return self._live(entry, before, aws, recipient)

    def _recipient(self, region: str) -> Aws | None:
        profile = self._options.recipient_profile
        if not profile:
            return None
        caller = Connection({"aws:profile": profile}, project="acceptance").caller(region)
        if not caller or caller.account != self._options.account:
            raise ExpectedError(
                f"RECIPIENT_PROFILE {profile} belongs to account {caller.account if caller else 'unknown'}, and not to "
                f"ACCOUNT {self._options.account}"
            )
        return Aws(region, profile, wait=self._wait)

    def _look(self, aws: Aws, entry: Entry) -> Listing:
        """Return the image's shares, if the run may start.

        Raises:
            ExpectedError: the run may not start.
        """
        what = f"image {entry.image_id} in {entry.region}"
        images = aws.need(DESCRIBE, ImageIds=[entry.image_id], ImageType="OWNED").get("Images", [])
        if not images or images[0].get("OwnerAccountId", entry.owner) != entry.owner:
            raise ExpectedError(f"the caller's account {entry.owner} does not own {what}: check IMAGE and the Region")
        if images[0].get("State") != "AVAILABLE":
            raise ExpectedError(f"{what} is {images[0].get('State')}, and must be AVAILABLE")
        before = aws.shares(entry.image_id)
        if entry.account in before.accounts:
            raise ExpectedError(
                f"{what} is shared with {entry.account} already, and no journal says that an earlier run has done it: "
                f"name another account, or revoke the share if it is not needed: {revoke_command(entry)}"
            )
        return before

    def _clean_up_after(self, left: Entry, entry: Entry, aws: Aws) -> int:
        what = f"image {left.image_id} with account {left.account} in {left.region}"
        if (left.owner, left.region, left.endpoint) != (entry.owner, entry.region, entry.endpoint):
            raise ExpectedError(
                f"a run of {left.begun} may have left a share: of {what}, owned by {left.owner}, at {left.endpoint}. "
                f"Run this with that account's credentials, Region and endpoint to clean up, or remove "
                f"{self._journal.path} if that is settled"
            )
        say(f"A run of {left.begun} was killed, and may have left the share of {what}. It is going to be revoked,")
        say("which needs two WorkSpaces calls, and a few more if the listing of the shares lags.")
        if not self._agreed():
            return 1
        clean_up(aws, left)
        self._journal.remove()
        say("Done: the share is gone. Now run the same command again.")
        return _CLEANED_UP

    def _agreed(self) -> bool:
        if self._options.yes:
            return True
        try:
            answer = input("Go on? [y/N] ")
        except EOFError:
            say()
            answer = ""
        if answer.strip().lower() in ("y", "yes"):
            return True
        say("Nothing was done. (YES=1 skips the question.)")
        return False

    def _live(self, entry: Entry, before: Listing, aws: Aws, recipient: Aws | None) -> int:
        # Signals raise no exception: it could come after a process has started but before it is known, or in clean-up.
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, lambda *_: self._interrupted.set())
        reports = Reports()
        stack = self._stack(entry, reports)
        table = Table(
            date=entry.begun,
            region=entry.region,
            endpoint=asked_of(entry.endpoint),
            botocore=version("botocore"),
            package=version("pulumi-workspaces-images"),
            engine=stack.pulumi("version").strip(),
        )
        stack.pulumi("stack", "init", "acceptance")
        life = Life(entry, before, aws, recipient, stack, table, self._interrupted)
        counts = [source.calls for source in (aws, recipient, reports) if source]
        start = time.monotonic()
        self._journal.write(entry)
        try:
            self._take_steps(life, entry.account, counts)
            table.passed = True
        except KeyboardInterrupt:
            say("Interrupted.")
        except (Surprise, ExpectedError) as error:
            print(f"The run did not pass. {error}", file=sys.stderr, flush=True)
        finally:
            try:
                if not table.passed:
                    say("Cleaning up, which may take ten seconds.")
                    aws.wait = time.sleep
                    self._journal.outlive()
                    clean_up(aws, entry)
                self._journal.remove()
            finally:
                codes = [code for calls in counts for code in calls]
                table.calls, table.throttled = len(codes), sum(map(is_throttled, codes))
                if table.answers:
                    self._show(table)
                shutil.rmtree(self._home, ignore_errors=True)
        if not table.passed:
            say("The run's share is revoked.")
            return 130 if self._interrupted.is_set() else 1
        say(f"All steps passed, in {time.monotonic() - start:.0f} s. The image's shares are as they were.")
        return 0

    def _take_steps(self, life: Life, account: str, counts: Sequence[Sequence[str]]) -> None:
        for number, step in enumerate(STEPS):
            made = sum(not is_throttled(code) for calls in counts for code in calls)
            needed = made + calls_needed(life.listing, account, STEPS[number:])
            if needed > MOST_CALLS:
                raise Surprise(f"It was stopped: because the listing lags, it would need {needed} WorkSpaces calls.")
            self._wait(0)
            say(f"{number + 1:2} of {len(STEPS)}: {step.says}")
            step.do(life)

    def _stack(self, entry: Entry, reports: Reports) -> Stack:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        environment = {**kept, **engine_environment(self._home / "state"), **reports.environment}
        stack = Stack(self._home / "program", environment)
        stack.inherited = (self._journal.descriptor,)
        (stack.folder / "Pulumi.yaml").write_text("name: acceptance\nruntime: python\n", encoding="utf-8")
        # They allow only this share, whatever the environment and the program say.
        guards = {
            "aws:region": entry.region,
            "aws:allowedAccountIds": f'["{entry.owner}"]',
            "workspaces-images:allowedAccountIds": f'["{entry.account}"]',
        }
        stack.configure("acceptance", guards)
        return stack

    def _wait(self, seconds: float) -> None:
        if self._interrupted.wait(seconds):
            raise KeyboardInterrupt

    def _show(self, table: Table) -> None:
        markdown, data = table.write(self._options.output)
        say(f"{table.calls} WorkSpaces calls were made, of which {table.throttled} were throttled.")
        different = differences(table.answers)
        if different:
            say(f"{table.endpoint} does not answer as the local cloud assumes:")
            for line in different.values():
                say(f"  - {line}")
        say(f"The answers are in {markdown}\nand in {data}.")
        say("docs/aws-behaviour.md explains them, and says how to send them in.")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code. 0: the run passed. 1: it did not pass, or did not start. 2: bad arguments. 3: it has only cleaned
        up after a run that was killed. 130: it was interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="python -m local.acceptance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", metavar="IMAGE", type=_image, help="an image that the caller owns, e.g. wsi-0a1b2c3d4")
    parser.add_argument("account", metavar="ACCOUNT", type=_account, help="an account without a share of it, 12 digits")
    parser.add_argument("--recipient-profile", help="an AWS profile of ACCOUNT, for what only a recipient can ask")
    parser.add_argument("--yes", action="store_true", help="start without asking")
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "build" / "acceptance",
        help="the folder for the table of answers (default: build/acceptance)",
    )
    options = parser.parse_args(arguments)
    try:
        install.folders()  # this may take minutes, so it comes before there is anything to clean up
        return Run(options, install.cache() / "acceptance").run()
    except (install.EngineError, CommandError, ExpectedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def _image(text: str) -> str:
    if problem := image_id_problem(text):
        raise argparse.ArgumentTypeError(problem)
    return text


def _account(text: str) -> str:
    if problem := account_id_problem(text):
        raise argparse.ArgumentTypeError(problem)
    return text


if __name__ == "__main__":
    sys.exit(main())
