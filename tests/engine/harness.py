"""A stack of the engine tests: a program, its configuration, and the commands a user types."""

import json
import os
import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import local.stack
from local.accounts import LEGAL, OWNER, REGION, SALES
from local.cloud import LocalCloud
from local.environment import ROOT
from local.stack import environment_in, finish

__all__ = ["LEGAL", "OWNER", "REGION", "SALES", "SHARE_TYPE", "Run", "Stack"]

SHARE_TYPE = "pulumi-python:dynamic/workspaces:ImageShare"

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


class Stack(local.stack.Stack):
    """A stack named `test`, with its state in `home`, on the local cloud; `create` makes it if the state has none."""

    def __init__(self, home: Path, cloud: LocalCloud) -> None:
        super().__init__(home / "program", {**environment_in(home), "PULUMI_STACK": "test"})
        self.looks_again()
        self.cloud = cloud
        self.keep_configuration_file = False  # True: it stays as `pulumi config set` has written it
        self.configuration: dict[str, Any] = {
            "aws:region": REGION,
            "aws:endpoints": [{"workspaces": cloud.url}, {"sts": cloud.url}],
        }
        (self.folder / "Pulumi.yaml").write_text("name: workspaces-images\nruntime: python\n")
        self.credentials(OWNER)

    def create(self) -> None:
        """Make the stack, named `test`."""
        self.run("stack", "init", "test")

    def looks_again(self, *seconds: float) -> None:
        """Let the provider ask AWS again about what surprises, so many seconds after its first look; never if none."""
        self.environment |= {"PYTHONPATH": str(ROOT / "tests" / "patience"), "LOOK_AGAIN": ",".join(map(str, seconds))}

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
        """Start a `pulumi` command, with the configuration as it is now."""
        if not self.keep_configuration_file:
            values = {k: v if isinstance(v, str) else json.dumps(v) for k, v in self.configuration.items()}
            self.configure("test", values)
        return super().start(*arguments)

    def run(self, *arguments: str, ok: bool | None = True) -> Run:
        """Run a `pulumi` command; `ok` is whether it must succeed, None if it may do either."""
        run = Run(*finish(self.start(*arguments)))
        if ok is not None:
            assert (run.code == 0) == ok, f"pulumi {' '.join(arguments)} exited {run.code}:\n{run.output}"
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
        exported: dict[str, Any] = json.loads(self.run("stack", "export", "--show-secrets").output)
        return exported

    def state(self) -> list[dict[str, Any]]:
        """Return the entries of image shares in the state, as the local backend keeps it (faster than an export)."""
        states = Path(self.environment["PULUMI_BACKEND_URL"].removeprefix("file://")).glob("**/stacks/*/*.json")
        latest = max(states, key=lambda path: path.stat().st_mtime_ns)
        resources = json.loads(latest.read_text())["checkpoint"]["latest"].get("resources") or []
        return [r for r in resources if r["type"] == SHARE_TYPE]

    def records(self) -> list[Path]:
        """Return the records that provider processes keep of the updates of their engines."""
        return list(Path(self.environment["PULUMI_HOME"], f"workspaces-images-{os.getuid()}").iterdir())

    def declared(self) -> dict[str, str]:
        """Return what the state holds: resource name -> account."""
        return {r["urn"].rsplit("::", 1)[1]: r["outputs"]["shared_account_id"] for r in self.state()}

    def output(self, name: str) -> Any:
        """Return a stack output."""
        return json.loads(self.run("stack", "output", name, "--json").output)
