"""What a failure looks like: one line, or, for a bug, its traceback."""

import sys
import traceback
from typing import Any

import pytest

from pulumi_workspaces_images.errors import Bug, NotFound, one_line
from pulumi_workspaces_images.provider import ImageShareProvider
from tests.unit.helpers import SALES


@pytest.fixture
def no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the provider process: exceptions are shown without their traceback."""
    monkeypatch.setattr(sys, "tracebacklimit", 0, raising=False)


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


@pytest.mark.usefixtures("no_traceback")
def test_expected_failure_is_one_line() -> None:
    """Neither its traceback, nor what led to it."""

    @one_line
    def fail() -> None:
        try:
            raise KeyError("inner")
        except KeyError:
            raise NotFound("reading it: not found")  # noqa: B904

    with pytest.raises(NotFound) as caught:
        fail()
    assert shown(caught.value) == "pulumi_workspaces_images.errors.NotFound: reading it: not found\n"


@pytest.mark.usefixtures("no_traceback")
def test_bug_brings_its_traceback() -> None:
    """Where it happened and what led to it, for the report."""

    def divide() -> float:
        return 1 / 0

    @one_line
    def fail() -> None:
        try:
            divide()
        except ZeroDivisionError:
            raise KeyError("inner")  # noqa: B904

    with pytest.raises(Bug) as caught:
        fail()
    text = shown(caught.value)
    assert text.startswith("pulumi_workspaces_images.errors.Bug: a bug in pulumi-workspaces-images; please report it")
    for part in ("in divide", "return 1 / 0", "ZeroDivisionError: division by zero", "in fail", "KeyError: 'inner'"):
        assert part in text
    assert text.count("Traceback (most recent call last)") == 2


def test_result_and_arguments_pass_through() -> None:
    """A method behaves as it is written, and keeps its name and its documentation."""

    @one_line
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    assert add(1, 2) == 3
    assert (add.__name__, add.__doc__) == ("add", "Add.")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_end_of_the_process_is_no_bug(kind: type[BaseException]) -> None:
    """An interrupt passes through."""

    @one_line
    def fail() -> None:
        raise kind

    with pytest.raises(kind):
        fail()


@pytest.mark.usefixtures("no_traceback")
@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("configure", [None]),
        ("check", [{}, {}]),
        ("diff", ["", {}, {}]),
        ("create", [{}]),
        ("update", ["", {}, {}]),
        ("read", [f"wsi-0a1b2c3d4/{SALES}", {}]),
        ("delete", ["", {}]),
    ],
)
def test_bug_in_any_operation(operation: str, arguments: list[Any]) -> None:
    """Every operation brings its traceback along."""
    with pytest.raises(Bug, match=rf"(provider|command).py.* in {operation}"):
        getattr(ImageShareProvider(), operation)(*arguments)
