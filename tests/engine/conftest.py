"""Fixtures of the engine tests: one local cloud for all tests, and a stack for each test."""

import shutil
from pathlib import Path

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import Stack
from tests.pages import policies

HERE = Path(__file__).parent


BY_DAY = 70  # engine tests in `make test`: with more of them it takes more than five minutes


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Limit the engine tests of `make test`: if there are too many, mark one as `nightly`."""
    by_day = [item for item in items if HERE in item.path.parents and not item.get_closest_marker("nightly")]
    if len(by_day) > BY_DAY:
        raise pytest.UsageError(f"{len(by_day)} engine tests are not marked nightly; at most {BY_DAY} may be")


@pytest.fixture
def cloud(_cloud: LocalCloud) -> LocalCloud:
    """Return the local cloud, empty. It refuses every action that is not in the policies of the security page."""
    _cloud.reset()
    preview, up = policies()
    _cloud.allow_only([*preview, *up])
    return _cloud


@pytest.fixture
def image(cloud: LocalCloud) -> str:
    """Return a golden image of the owner."""
    return cloud.create_image()


@pytest.fixture(scope="session")
def _new_state(tmp_path_factory: pytest.TempPathFactory, _cloud: LocalCloud) -> Path:
    """Create the state of a new stack once. Every test starts with a copy."""
    folder = tmp_path_factory.mktemp("new")
    Stack(folder, _cloud).create()
    return folder / "state"


@pytest.fixture
def stack(tmp_path: Path, cloud: LocalCloud, _new_state: Path) -> Stack:
    """Return a stack without a program, whose commands run as the owner."""
    shutil.copytree(_new_state, tmp_path / "state")
    return Stack(tmp_path, cloud)
