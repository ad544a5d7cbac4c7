"""`make demo`: show the main use case on the local cloud, with a real engine and this repository's stack program.

The demo checks everything that it shows: each line of output, the exit code of each command, and the shares in the
cloud. It stops at the first difference.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from local.accounts import LEGAL, OWNER, REGION, SALES
from local.cloud import LocalCloud
from local.engine import install
from local.stack import Stack, environment_in, finish_unless

NAMES = {SALES: "sales", LEGAL: "legal"}
IMAGE = "wsi-golden001"
WIDTH = 100
BOLD, DIM, GREEN, CYAN = "1", "2", "32", "36"


class Surprise(Exception):
    """Something was not as expected. The message says what."""


class Demo:
    """The steps of the demo, and what they print."""

    def __init__(self, stack: Stack, cloud: LocalCloud, interrupted: threading.Event) -> None:
        self._stack = stack
        self._cloud = cloud
        self._interrupted = interrupted
        self._command, self._output = "", ""  # the last command and its whole output

    def tell(self) -> None:
        """Run all steps.

        Raises:
            Surprise: A step did not go as expected.
            KeyboardInterrupt: The user interrupted the demo.
        """
        shares = "workspaces-images:shares.golden"
        up = "pulumi up --yes --skip-preview"
        self._cloud.create_image(OWNER, REGION, image_id=IMAGE)
        show(f"AWS is a local cloud here. In it, account {OWNER} owns the image {IMAGE}.")

        show("\nAn image is shared with two accounts, as the stack's configuration says", BOLD)
        self._run("pulumi stack init demo")
        self._run(f"pulumi config set aws:region {REGION}")
        self._run(f"pulumi config set --path {shares}.imageId {IMAGE}")
        self._run(f"pulumi config set --path {shares}.accounts.sales {SALES}")
        self._run(f"pulumi config set --path {shares}.accounts.legal {LEGAL}")
        self._run("pulumi preview", f"account {SALES} gets access", f"account {LEGAL} gets access")
        self._shared_with()
        self._run(up, "golden-sales created", "golden-legal created")
        self._shared_with(SALES, LEGAL)

        show("\nA recipient sees it", BOLD)
        seen = (f'"ImageId": "{IMAGE}"', f'"OwnerAccountId": "{OWNER}"')
        self._aws("DescribeWorkspaceImages", *seen, by=SALES, ImageType="SHARED")

        show("\nSomeone revokes one by hand: preview says so, up repairs it", BOLD)
        permission: dict[str, Any] = {"ImageId": IMAGE, "AllowCopyImage": False, "SharedAccountId": SALES}
        self._aws("UpdateWorkspaceImagePermission", **permission)
        warning = f"warning: image {IMAGE} is no longer shared with {SALES}"
        self._run("pulumi preview", warning, "golden-sales update", "3 unchanged")
        self._shared_with(LEGAL)
        self._run(up, "golden-sales updated")
        self._shared_with(SALES, LEGAL)
        self._run("pulumi preview --expect-no-changes", "4 unchanged")

        show("\nAn account that is no longer configured loses its share", BOLD)
        self._run(f"pulumi config rm --path {shares}.accounts.legal")
        self._run(up, "golden-legal deleted", "3 unchanged")
        self._shared_with(SALES)

        show("\nState and AWS agree: refresh finds nothing to change", BOLD)
        self._run("pulumi refresh --yes --skip-preview --expect-no-changes", "3 unchanged")

        show("\nAn image cannot be deleted while it is shared: destroy revokes its shares", BOLD)
        self._aws("DeleteWorkspaceImage", "InvalidResourceStateException", refused=True, ImageId=IMAGE)
        self._run("pulumi destroy --yes --skip-preview", "golden-sales deleted")
        self._shared_with()
        self._aws("DeleteWorkspaceImage", ImageId=IMAGE)
        self._aws("DescribeWorkspaceImages", '"Images": []')

    def _run(self, command: str, *telling: str) -> None:
        """Run a command that must succeed, and show the lines of its output that contain one of `telling`."""
        self._begin(command)
        try:
            code, self._output = finish_unless(self._interrupted, self._stack.start(*shlex.split(command)[1:]))
        except subprocess.TimeoutExpired as error:
            raise self._surprise(f"an end within {error.timeout:.0f} seconds") from None
        if code:
            raise self._surprise(f"exit code 0, not {code}")
        self._show(telling)

    def _aws(self, operation: str, *telling: str, by: str = OWNER, refused: bool = False, **parameters: Any) -> None:
        """Make the call that the AWS CLI would make, and show the lines of the answer that contain one of `telling`."""
        words = ["aws workspaces", xform_name(operation, "-")]
        for name, value in parameters.items():
            option = xform_name(name, "-")
            words.append(f"--no-{option}" if value is False else f"--{option} {value}")
        if by != OWNER:
            words.append(f"--profile {NAMES[by]}")
        self._begin(" ".join(words))
        try:
            keys: dict[str, Any] = {name.lower(): value for name, value in self._cloud.credentials(by).items()}
            client = boto3.client("workspaces", region_name=REGION, endpoint_url=self._cloud.url, **keys)
            answer = getattr(client, xform_name(operation))(**parameters)
            del answer["ResponseMetadata"]  # as the AWS CLI does
            self._output, failed = json.dumps(answer, indent=4, default=str), False
        except (BotoCoreError, ClientError) as error:
            self._output, failed = str(error), True
        if failed != refused:
            raise self._surprise("a refusal" if refused else "a call that succeeds")
        self._show(telling)

    def _shared_with(self, *accounts: str) -> None:
        """Show the accounts that the image is shared with, which must be exactly these."""
        shared = self._cloud.shared_with(IMAGE)
        if shared != set(accounts):
            raise self._surprise(f"an image shared with {people(accounts)}; it is shared with {people(shared)}")
        show(f"  In AWS, the image is shared with {people(shared)}.", GREEN)

    def _begin(self, command: str) -> None:
        self._command, self._output = command, ""
        lines = textwrap.wrap(command, WIDTH - 6, break_long_words=False, break_on_hyphens=False)
        show("  $ " + " \\\n      ".join(lines), CYAN)

    def _show(self, telling: tuple[str, ...]) -> None:
        # Pulumi prints a message in a resource's row, and again below.
        lines = [_ROW.sub(r"\1", " ".join(line.split())) for line in self._output.splitlines()]
        for part in telling:
            found = [line for line in lines if part in line]
            if not found:
                raise self._surprise(f"a line with: {part}")
            # The shortest line: the engine also repeats its messages in longer lines that show the progress.
            show(textwrap.fill(min(found, key=len), WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 6), DIM)

    def _surprise(self, expected: str) -> Surprise:
        return Surprise(f"`{self._command}`: expected {expected}\nIts full output:\n{self._output}")


_ROW = re.compile(r"([-+~] \S+ \S+ \w+(?: \([\d.]+s\))?) .*")


def people(accounts: Any) -> str:
    """Return accounts with their names, for readers."""
    return " and ".join(f"{NAMES.get(a, 'another account')} ({a})" for a in sorted(accounts)) or "no account"


def show(text: str, style: str = "") -> None:
    """Print at once, styled if the output is a terminal and NO_COLOR is not set."""
    styled = style and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(f"\x1b[{style}m{text}\x1b[0m" if styled else text, flush=True)


def main(cloud: LocalCloud | None = None) -> int:
    """Run the demo. This changes the environment and the signal handlers of the process.

    Args:
        cloud: The cloud to use, not yet started. The default is a new local cloud.

    Returns:
        The exit code. 0 means that everything was as expected.
    """
    try:
        install.folders()  # this may take minutes, so it comes before there is anything to clean up
    except install.EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    interrupted = threading.Event()
    # Signals raise no exception: it could come after a process has started but before it is known, or during clean-up.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: interrupted.set())
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="demo-") as folder:
            environment = environment_in(Path(folder))
            os.environ.clear()  # because the cloud and boto3 run in this process
            os.environ.update(environment)
            with cloud or LocalCloud() as running:
                environment |= {**running.credentials(OWNER), "AWS_ENDPOINT_URL": running.url}
                stack = Stack(Path(folder, "program"), environment)
                stack.copy_stack_program()
                Demo(stack, running, interrupted).tell()
    except Surprise as surprise:
        print(f"\nThe demo failed. {surprise}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Nothing was left behind.", file=sys.stderr)
        return 130
    show(f"\nEverything worked, in {time.monotonic() - start:.0f} seconds. Nothing was left behind.", BOLD)
    return 0


if __name__ == "__main__":
    sys.exit(main())
