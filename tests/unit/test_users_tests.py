"""Unit tests of a user's project: many programs run in one process, and do not affect each other."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import asyncio
import unittest

import pulumi
import pytest
from pulumi_workspaces_images import ImageShare, ImageShares, ImageSharesExclusive

IMAGE, SALES, LEGAL = "wsi-0a1b2c3d4", "222222222222", "333333333333"

class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        return args.name, args.inputs

    def call(self, args):
        return {}

def mock():
    pulumi.runtime.set_mocks(Mocks())

def sales():
    return ImageShares("golden", IMAGE, {"sales": SALES}, exclusive=True).urn

def legal():
    return ImageShares("other", IMAGE, {"legal": LEGAL}, exclusive=True).urn

def contradiction(account):
    ImageShare("sales", IMAGE, account)
    return ImageSharesExclusive("only", IMAGE, [LEGAL]).urn

class Contradiction(unittest.TestCase):
    @pulumi.runtime.test
    def test_in_a_test(self):
        mock()
        with self.assertRaisesRegex(pulumi.RunError, "ImageShare shares image"):
            contradiction(SALES)

    def test_in_a_test_through_an_output(self):
        @pulumi.runtime.test
        def run():
            mock()
            return contradiction(pulumi.Output.from_input(SALES))
        with self.assertRaisesRegex(pulumi.RunError, "ImageShare shares image"):
            run()
"""
TESTS = """
def test_plain_sales():
    sales()

def test_plain_legal():
    legal()

@pulumi.runtime.test
def test_decorated_sales():
    return sales()

@pulumi.runtime.test
def test_decorated_legal():
    return legal()

class Tests(unittest.TestCase):
    def test_sales(self):
        sales()

    def test_legal(self):
        legal()

    @pulumi.runtime.test
    def test_decorated_sales(self):
        return sales()

    @pulumi.runtime.test
    def test_decorated_legal(self):
        return legal()
"""
EACH = """
@pytest.fixture(autouse=True)
def mocks():
    mock()

@pulumi.runtime.test
def test_two_programs_in_a_test():
    sales()
    mock()
    return legal()

class AsyncTests(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        mock()

    async def test_sales(self):
        await sales().future()

    async def test_legal(self):
        await legal().future()
"""
# Plugins for asyncio run several tests in one event loop and context.
RUNNER = """
async def run(program):
    await program().future()

async def mocks():
    mock()

@unittest.skipUnless(hasattr(asyncio, "Runner"), "Python 3.10 has no runners")
def test_one_runner():
    with asyncio.Runner() as runner:
        runner.run(mocks())
        runner.run(run(sales))
        runner.run(run(legal))
"""
PROJECTS = {
    "set_mocks once": [f"mock()\n{TESTS}", f"mock()\nmade = sales()\n{TESTS}", f"mock()\nmade = legal()\n{TESTS}"],
    "set_mocks for each test": [f"{TESTS}{EACH}"],
    "one runner": [RUNNER],
}


@pytest.mark.parametrize("project", PROJECTS)
def test_tests_of_a_project_do_not_affect_each_other(
    tmp_path: Path, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contradiction within one test is found (case 1)."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the plugins take seconds to import
    run(tmp_path, PROJECTS[project], "pytest", "-p", "no:cacheprovider")


@pytest.mark.nightly
def test_tests_of_a_project_run_with_unittest_too(tmp_path: Path) -> None:
    run(tmp_path, PROJECTS["set_mocks once"], "unittest")


def run(folder: Path, files: list[str], *runner: str) -> None:
    """Run test files, and assert that all tests pass."""
    for number, text in enumerate(files):
        (folder / f"test_{number}.py").write_text(f"{HEAD}\n{text}")
    ran = subprocess.run([sys.executable, "-m", *runner], cwd=folder, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
