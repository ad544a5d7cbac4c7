"""A stack of the engine tests: a program, its configuration, and the commands a user types."""

import json
import os
import re
import signal
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.accounts import LEGAL, OWNER, REGION, SALES
from local.cloud import LocalCloud
from local.environment import engine_environment

__all__ = ["LEGAL", "OWNER", "REGION", "SALES", "SHARE_TYPE", "Run", "Stack"]

SHARE_TYPE = "pulumi-python:dynamic/workspaces:ImageShare"

PROJECT = "name: workspaces-images\nruntime: python\n"
COMMAND_TIMEOUT = 240.0  # seconds; only a hanging command ever takes so long

_COUNT = re.compile(r"^\s+[~+\-><=]* ?(\d+) (?:to )?([a-z]+)(?: failed)?$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """One command's end: its exit code and everything it printed."""

    code: int
    output: str

    @property
    def counts(self) -> dict[str, int]:
        """What the summary counts, in its infinitive: {"create": 2, "same": 1}."""
        summary = self.output[self.output.rfind("Resources:") :] if "Resources:" in self.output else ""
        names = {
            "unchanged": "same",
            "created": "create",
            "updated": "update",
            "deleted": "delete",
            "replaced": "replace",
        }
        found: dict[str, int] = {}
        for number, word in _COUNT.findall(summary):
            if word != "changes":
                found[names.get(word, word)] = int(number)
        for number in re.findall(r"changes\. (\d+) unchanged", summary):
            found["same"] = int(number)
        return found

    @property
    def clean(self) -> bool:
        """Whether nothing but unchanged resources is counted."""
        return set(self.counts) == {"same"}

    def line(self, *parts: str) -> str:
        """Return the one line that holds all `parts`; it is an error if there is none."""
        for line in self.output.splitlines():
            if all(part in line for part in parts):
                return line.strip()
        raise AssertionError(f"no line with {parts} in:\n{self.output}")


def environment_in(folder: Path) -> dict[str, str]:
    """Return the environment of commands whose state and home are in `folder`."""
    # Nothing of the developer's own AWS set-up may decide how a test ends.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_", "COV"))}
    return environment | {"HOME": str(folder), **engine_environment(folder / "state"), "PULUMI_STACK": "test"}


class Stack:
    """A Pulumi project in a folder of its own, with a state of its own, on the local cloud.

    `create` makes its stack; where PULUMI_STACK and the state name one already, that is it.
    """

    def __init__(self, folder: Path, cloud: LocalCloud, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.cloud = cloud
        self.environment = dict(environment)
        self.keep_configuration_file = False  # True: it stays as `pulumi config set` has written it
        self.configuration: dict[str, Any] = {
            "aws:region": REGION,
            "aws:endpoints": [{"workspaces": cloud.url}, {"sts": cloud.url}],
        }
        (folder / "Pulumi.yaml").write_text(PROJECT)
        self.credentials(OWNER)

    def create(self) -> None:
        """Make the stack, named `test`."""
        self.run("stack", "init", "test")

    def credentials(self, account: str) -> None:
        """Let the following commands run as `account`."""
        self.environment.update(self.cloud.credentials(account))

    def program(self, text: str) -> None:
        """Let the stack's program be `text`, with the package's names and pulumi imported."""
        head = "import pulumi\nfrom pulumi import ResourceOptions\nfrom pulumi_workspaces_images import *\n"
        (self.folder / "__main__.py").write_text(head + textwrap.dedent(text))

    def shares(self, image_id: str, **accounts: str) -> None:
        """Let the stack's program be one `ImageShare` per name, with that account."""
        self.program(
            "\n".join(
                f"ImageShare({name!r}, image_id={image_id!r}, shared_account_id={account!r})"
                for name, account in accounts.items()
            )
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a `pulumi` command, in a process group of its own."""
        self._write_configuration()
        return subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, ok: bool | None = True) -> Run:
        """Run a `pulumi` command; `ok` is whether it must succeed, None if it may do either."""
        process = self.start(*arguments)
        try:
            output, _ = process.communicate(timeout=COMMAND_TIMEOUT)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        run = Run(process.returncode, output)
        if ok is not None:
            assert (run.code == 0) == ok, f"pulumi {' '.join(arguments)} exited {run.code}:\n{output}"
        return run

    def preview(self, *arguments: str, ok: bool | None = True) -> Run:
        return self.run("preview", *arguments, ok=ok)

    def up(self, *arguments: str, ok: bool | None = True) -> Run:
        """Apply the program without the preview before it: the update alone must do the right thing."""
        return self.run("up", "--yes", "--skip-preview", *arguments, ok=ok)

    def refresh(self, *arguments: str, ok: bool | None = True) -> Run:
        return self.run("refresh", "--yes", "--skip-preview", *arguments, ok=ok)

    def destroy(self, *arguments: str, ok: bool | None = True) -> Run:
        return self.run("destroy", "--yes", "--skip-preview", *arguments, ok=ok)

    def export(self) -> dict[str, Any]:
        """Return the stack's state, secrets in the clear."""
        exported: dict[str, Any] = json.loads(self._query("stack", "export", "--show-secrets"))
        return exported

    def state(self) -> list[dict[str, Any]]:
        """Return the entries of image shares in the state, as the local backend keeps it (faster than an export)."""
        states = Path(self.environment["PULUMI_BACKEND_URL"].removeprefix("file://")).glob("**/stacks/*/*.json")
        latest = max(states, key=lambda path: path.stat().st_mtime_ns)
        resources = json.loads(latest.read_text())["checkpoint"]["latest"].get("resources") or []
        return [r for r in resources if r["type"] == SHARE_TYPE]

    def declared(self) -> dict[str, str]:
        """Return what the state holds: resource name -> account."""
        return {r["urn"].rsplit("::", 1)[1]: r["outputs"]["shared_account_id"] for r in self.state()}

    def output(self, name: str) -> Any:
        """Return a stack output."""
        return json.loads(self._query("stack", "output", name, "--json"))

    def _query(self, *arguments: str) -> str:
        return subprocess.run(
            ["pulumi", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def _write_configuration(self) -> None:
        if self.keep_configuration_file:
            return
        values = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in self.configuration.items()
        }
        (self.folder / "Pulumi.test.yaml").write_text(yaml.safe_dump({"config": values}))
