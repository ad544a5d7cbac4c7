"""A stack of the engine tests: a program, its configuration, and the commands that a user types."""

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
    """The result of a command: its exit code and everything that it printed."""

    code: int
    output: str

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of the summary, by the verb in the infinitive: {"create": 2, "same": 1}."""
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
        """Whether the summary counts only unchanged resources."""
        return set(self.counts) == {"same"}

    def line(self, *parts: str) -> str:
        """Return the first line that contains all `parts`; fail if there is none."""
        for line in self.output.splitlines():
            if all(part in line for part in parts):
                return line.strip()
        raise AssertionError(f"no line with {parts} in:\n{self.output}")


class Stack(local.stack.Stack):
    """A stack named `test` on the local cloud, with its state in `home`. `create` makes it if the state has none."""

    def __init__(self, home: Path, cloud: LocalCloud) -> None:
        super().__init__(home / "program", {**environment_in(home), "PULUMI_STACK": "test"})
        self.looks_again()
        self.cloud = cloud
        self.keep_configuration_file = False  # True: keep what `pulumi config set` has written
        self.configuration: dict[str, Any] = {
            "aws:region": REGION,
            "aws:endpoints": [{"workspaces": cloud.url}, {"sts": cloud.url}],
        }
        (self.folder / "Pulumi.yaml").write_text("name: workspaces-images\nruntime: python\n")
        self.credentials(OWNER)

    def create(self) -> None:
        """Create the stack, named `test`."""
        self.run("stack", "init", "test")

    def looks_again(self, *seconds: float) -> None:
        """Let the provider ask AWS again before it reports drift, these seconds after the first request, or never."""
        self.environment |= {"PYTHONPATH": str(ROOT / "tests" / "patience"), "LOOK_AGAIN": ",".join(map(str, seconds))}

    def credentials(self, account: str) -> None:
        """Run the following commands as `account`."""
        self.environment.update(self.cloud.credentials(account))

    def program(self, text: str) -> None:
        """Set the stack's program to `text`, with the package's names and pulumi imported."""
        head = "import pulumi\nfrom pulumi import ResourceOptions\nfrom pulumi_workspaces_images import *\n"
        (self.folder / "__main__.py").write_text(head + textwrap.dedent(text))

    def shares(self, image_id: str, **accounts: str) -> None:
        """Set the stack's program to one `ImageShare` per name, with that account."""
        self.program(
            "\n".join(
                f"ImageShare({name!r}, image_id={image_id!r}, shared_account_id={account!r})"
                for name, account in accounts.items()
            )
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a `pulumi` command with the current configuration."""
        if not self.keep_configuration_file:
            values = {k: v if isinstance(v, str) else json.dumps(v) for k, v in self.configuration.items()}
            self.configure("test", values)
        return super().start(*arguments)

    def run(self, *arguments: str, ok: bool | None = True) -> Run:
        """Run a `pulumi` command. `ok` tells whether it must succeed; with None it may also fail."""
        run = Run(*finish(self.start(*arguments)))
        if ok is not None:
            assert (run.code == 0) == ok, f"pulumi {' '.join(arguments)} exited {run.code}:\n{run.output}"
        return run

    def preview(self, *arguments: str, ok: bool | None = True) -> Run:
        return self.run("preview", *arguments, ok=ok)

    def up(self, *arguments: str, ok: bool | None = True) -> Run:
        """Apply the program without a preview first: the update alone must do the right thing."""
        return self.run("up", "--yes", "--skip-preview", *arguments, ok=ok)

    def refresh(self, *arguments: str, ok: bool | None = True) -> Run:
        return self.run("refresh", "--yes", "--skip-preview", *arguments, ok=ok)

    def destroy(self, *arguments: str, ok: bool | None = True) -> Run:
        return self.run("destroy", "--yes", "--skip-preview", *arguments, ok=ok)

    def export(self) -> dict[str, Any]:
        """Return the stack's state with its secrets in clear."""
        exported: dict[str, Any] = json.loads(self.run("stack", "export", "--show-secrets").output)
        return exported

    def state(self) -> list[dict[str, Any]]:
        """Return the entries of image shares in the state, from the backend's file (faster than an export)."""
        states = Path(self.environment["PULUMI_BACKEND_URL"].removeprefix("file://")).glob("**/stacks/*/*.json")
        latest = max(states, key=lambda path: path.stat().st_mtime_ns)
        resources = json.loads(latest.read_text())["checkpoint"]["latest"].get("resources") or []
        return [r for r in resources if r["type"] == SHARE_TYPE]

    def records(self) -> list[Path]:
        """Return the records that provider processes have written of the operations of their engines."""
        return list(Path(self.environment["PULUMI_HOME"], f"workspaces-images-{os.getuid()}").iterdir())

    def declared(self) -> dict[str, str]:
        """Return the shares in the state: resource name -> account."""
        return {r["urn"].rsplit("::", 1)[1]: r["outputs"]["shared_account_id"] for r in self.state()}

    def output(self, name: str) -> Any:
        """Return a stack output."""
        return json.loads(self.run("stack", "output", name, "--json").output)
