"""A contestant's stack in a folder of its own: its program, and the commands that do its works."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import local.stack
from local.accounts import REGION
from local.cloud import LocalCloud

from .plan import Contestant, Share

CONTESTANTS = Path(__file__).parent / "contestants"

_PROGRAM = """\
import json
from pathlib import Path

from {module} import {name}

for share in json.loads(Path(__file__).with_name("shares.json").read_text()):
    {name}(share["name"], image_id=share["image_id"], shared_account_id=share["account"], region=share["region"])
"""
_CLASSES = {
    "this": ("pulumi_workspaces_images", "ImageShare"),
    "null": ("benchmarks.contestants.null", "Share"),
    "naive": ("benchmarks.contestants.naive", "Share"),
}


class BenchmarkError(Exception):
    """A command did not do what was to be measured; one line, and its output."""


class Stack(ABC):
    """The shares of one contestant.

    Attributes:
        contestant: whose they are.
        shares: what it declares.
        folder: its program.
        environment: of its commands.
        has_provider: whether a provider process of its own works for it.
    """

    has_provider = True

    def __init__(
        self, contestant: Contestant, shares: list[Share], folder: Path, environment: Mapping[str, str], url: str
    ) -> None:
        """Write the program; `folder` is made."""
        self.contestant = contestant
        self.shares = shares
        self.folder = folder
        self.environment = {
            **environment,
            **LocalCloud.credentials(contestant.owner),
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        folder.mkdir(parents=True)
        declared = [{**asdict(share), "region": REGION} for share in shares]
        (folder / "shares.json").write_text(json.dumps(declared))
        self._create(url)

    @abstractmethod
    def _create(self, url: str) -> None: ...

    @abstractmethod
    def command(self, work: str) -> tuple[list[str], dict[str, str]]:
        """Return the command that does a work, and the variables that it needs besides."""

    @abstractmethod
    def changes(self, output: str) -> int:
        """Return how many changes a command has announced or made, by its output."""


class PulumiStack(Stack):
    """Resources of a dynamic provider, their state in files."""

    def _create(self, url: str) -> None:
        module, name = _CLASSES[self.contestant.name]
        (self.folder / "__main__.py").write_text(_PROGRAM.format(module=module, name=name))
        (self.folder / "Pulumi.yaml").write_text("name: benchmark\nruntime: python\n")
        state = self.folder.with_name(f"{self.folder.name}-state")
        state.mkdir()
        self.environment |= {"PULUMI_BACKEND_URL": state.as_uri(), "PULUMI_STACK": "benchmark"}
        stack = local.stack.Stack(self.folder, self.environment)
        stack.pulumi("stack", "init", "benchmark")
        endpoints = json.dumps([{"workspaces": url}, {"sts": url}])
        stack.configure("benchmark", {"aws:region": REGION, "aws:endpoints": endpoints})

    def command(self, work: str) -> tuple[list[str], dict[str, str]]:
        verbs = {"preview-parallel": "preview", "drift-preview": "preview", "drift-up": "up"}
        verb = verbs.get(work, work)
        command = ["pulumi", verb, "--non-interactive", "--color", "never"]
        if verb != "preview":
            command += ["--yes", "--skip-preview"]
        return command, {"PULUMI_PARALLEL_DIFF": "true"} if work == "preview-parallel" else {}

    def changes(self, output: str) -> int:
        summary = output[output.rfind("Resources:") :] if "Resources:" in output else ""
        return sum(map(int, re.findall(r"^\s+(?:[~+-]|\+-) (\d+) ", summary, re.MULTILINE)))


class TerraformStack(Stack):
    """`terraform_data` resources with the AWS CLI in their provisioners."""

    has_provider = False

    def _create(self, url: str) -> None:
        shutil.copy(CONTESTANTS / "main.tf", self.folder)
        self.environment |= {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        # The AWS CLI is another Python program, and this project's Python is none of its business.
        folders = self.environment["PATH"].split(os.pathsep)
        self.environment["PATH"] = os.pathsep.join(f for f in folders if f != str(Path(sys.prefix, "bin")))
        for variable in ("PYTHONPATH", "VIRTUAL_ENV"):
            self.environment.pop(variable, None)
        command = ["terraform", "init", "-input=false", "-no-color"]
        code, output = local.stack.finish(local.stack.start(command, self.folder, self.environment))
        if code:
            raise BenchmarkError(f"{' '.join(command)} exited {code}:\n{output}")

    def command(self, work: str) -> tuple[list[str], dict[str, str]]:
        verb = {
            "preview": ["plan"],
            "drift-preview": ["plan"],
            "refresh": ["apply", "-refresh-only", "-auto-approve"],
            "destroy": ["destroy", "-auto-approve"],
        }.get(work, ["apply", "-auto-approve"])
        return ["terraform", *verb, "-input=false", "-no-color"], {}

    def changes(self, output: str) -> int:
        plan = re.search(r"^Plan: (\d+) to add, (\d+) to change, (\d+) to destroy", output, re.MULTILINE)
        return sum(map(int, plan.groups())) if plan else 0


def make(contestant: Contestant, shares: list[Share], folder: Path, environment: Mapping[str, str], url: str) -> Stack:
    """Return the stack of a contestant, ready for its first command."""
    kind = TerraformStack if contestant.name == "terraform" else PulumiStack
    return kind(contestant, shares, folder, environment, url)
