"""Fixtures of the engine tests: one local cloud for all, a stack for each."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cloud import LocalCloud
from local.environment import ROOT, engine_environment
from tests.engine.harness import Stack


def readme_policy() -> list[str]:
    """Return the IAM actions that the README asks for."""
    policies = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [statement["Action"] for policy in policies for statement in json.loads(policy)["Statement"]]


@pytest.fixture(scope="session")
def _cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def cloud(_cloud: LocalCloud) -> LocalCloud:
    """The local cloud, empty; it refuses every action that is not in the README's policies."""
    _cloud.reset()
    _cloud.allow_only(readme_policy())
    return _cloud


@pytest.fixture
def image(cloud: LocalCloud) -> str:
    """A golden image of the owner."""
    return cloud.create_image()


@pytest.fixture
def stack(tmp_path: Path, cloud: LocalCloud) -> Stack:
    """A stack without a program, whose commands run as the owner."""
    (tmp_path / "program").mkdir()
    # Nothing of the developer's own AWS set-up may decide how a test ends.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_", "COV"))}
    environment |= {"HOME": str(tmp_path), **engine_environment(tmp_path / "state")}
    return Stack(tmp_path / "program", cloud, environment)
