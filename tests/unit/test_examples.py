"""The example that needs the plugin of pulumi-aws runs under Pulumi's mocks, and all examples are checked."""

import contextvars
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.output import Unknown
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

from local.environment import ROOT

EXAMPLES = {path.parent.name: path.parent for path in sorted(ROOT.glob("examples/*/Pulumi.yaml"))}
ACCOUNT = "aws:organizations/account:Account"
SHARE = "pulumi-python:dynamic/workspaces:ImageShare"
IDS = {"sales": "222222222222", "legal": "333333333333"}


class Recorder(Mocks):
    """Records every registered resource. In a preview the ids of new accounts are unknown."""

    def __init__(self, preview: bool) -> None:
        self.preview = preview
        self.seen: dict[tuple[str, str], dict[Any, Any]] = {}

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.seen[args.typ, args.name] = args.inputs
        return "" if self.preview else IDS.get(args.name, args.name), args.inputs

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        pytest.fail(f"the example calls {args.token}")


def readme(example: str) -> str:
    return (EXAMPLES[example] / "README.md").read_text()


def configuration(example: str) -> dict[str, str]:
    """Return the configuration that the README's `pulumi config set` commands set, as a program reads it."""
    values: dict[str, Any] = {}
    for line in re.findall(r"^pulumi config set (.*)$", readme(example), re.MULTILINE):
        *path, key, value = shlex.split(line)
        key = key if ":" in key else f"{example}:{key}"
        if path:
            key, label = key.split(".")
            values.setdefault(key, {})[label] = value
        else:
            values[key] = value
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def run(example: str, preview: bool) -> dict[tuple[str, str], dict[Any, Any]]:
    """Run an example with the configuration of its README; return its resources by type and name."""
    recorder = Recorder(preview)

    def run_mocked() -> None:
        pulumi.runtime.set_mocks(recorder, project=example, stack="prod", preview=preview)
        pulumi.runtime.set_all_config(configuration(example))
        wait_for: Any = pulumi.runtime.test
        wait_for(lambda: runpy.run_path(str(EXAMPLES[example]), run_name="__main__") and None)()

    # Pulumi keeps its settings in context variables, which end with this context.
    contextvars.copy_context().run(run_mocked)
    return recorder.seen


def test_new_accounts_get_their_shares() -> None:
    seen = run("new-accounts-py", preview=False)
    for label, account in IDS.items():
        share = seen[SHARE, f"golden-{label}"]
        assert (share["image_id"], share["shared_account_id"]) == ("wsi-0a1b2c3d4", account)
        assert seen[ACCOUNT, label]["email"] == f"aws-{label}@example.com"


def test_new_accounts_are_unknown_at_preview() -> None:
    """The preview succeeds and shows a share for each account, as in the README."""
    seen = run("new-accounts-py", preview=True)
    for label in IDS:
        assert isinstance(seen[SHARE, f"golden-{label}"]["shared_account_id"], Unknown)
    (said,) = re.findall(r"^```text\n(.*?)^```", readme("new-accounts-py"), re.MULTILINE | re.DOTALL)
    shown = {f" +  {type_.replace('organizations/account', 'organizations')} {name} create" for type_, name in seen}
    assert set(said.splitlines()) == shown


@pytest.mark.parametrize("example", EXAMPLES)
def test_project_of_an_example(example: str) -> None:
    """It has the name of its folder, and installs the package from the root of this repository."""
    assert yaml.safe_load((EXAMPLES[example] / "Pulumi.yaml").read_text())["name"] == example
    assert "\n../..\n" in (EXAMPLES[example] / "requirements.txt").read_text()
    assert (EXAMPLES[example] / "../..").resolve() == ROOT


def test_examples_pass_the_type_check(tmp_path: Path) -> None:
    """They are copied because mypy accepts only one module named `__main__`."""
    for example, folder in EXAMPLES.items():
        shutil.copy(folder / "__main__.py", tmp_path / f"{example.replace('-', '_')}.py")
    mypy = subprocess.run(
        [sys.executable, "-m", "mypy", *tmp_path.glob("*.py")], cwd=ROOT, capture_output=True, text=True
    )
    assert mypy.returncode == 0, mypy.stdout + mypy.stderr
