"""An exclusive list waits until the program's shares are known, and never waits for itself."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi.runtime import settings

from pulumi_workspaces_images.resources import settled as module
from pulumi_workspaces_images.resources.settled import settled


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run without mocks, and with a short time limit."""
    monkeypatch.setattr(settings, "get_monitor", object)
    monkeypatch.setattr(module, "_PATIENCE", 0.1)


def run(is_known: Callable[[], bool], may_be_known: Callable[[], bool] = lambda: True) -> None:
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(settled(is_known, may_be_known))
    finally:
        loop.close()


def test_list_does_not_wait_for_known_accounts() -> None:
    run(lambda: True)


def test_list_waits_for_unknown_accounts() -> None:
    answers = iter([False, False, True])
    run(lambda: next(answers))
    assert next(answers, None) is None


def test_list_waits_only_briefly_for_an_image_that_may_depend_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 20)
    monkeypatch.setattr(module, "_SOON", 0.1)
    run(lambda: True, lambda: False)


def test_program_that_waits_for_itself_fails_in_one_line() -> None:
    with pytest.raises(pulumi.RunError, match=r"^an ImageSharesExclusive waits for itself: .* something else$"):
        run(lambda: False)


def test_slow_request_is_not_reported_as_a_wait_for_itself() -> None:
    """Creating an account takes minutes."""
    over = threading.Event()
    source = {"__name__": "pulumi.runtime.resource", "over": over}
    exec("def request(): over.wait(10)", source)
    request: Any = source["request"]
    thread = threading.Thread(target=request)
    thread.start()
    begin = time.monotonic()
    try:
        run(lambda: time.monotonic() - begin > 0.4)
    finally:
        over.set()
        thread.join()


def test_list_waits_while_a_synchronous_invoke_runs_the_loop() -> None:
    """If another function runs the loop, the list does not wait: `pulumi.runtime.test` would hang."""
    waits = []

    def _sync_await() -> None:
        waits.append(module._invoke_runs_the_loop())

    def invoke() -> None:
        _sync_await()

    def anything_else() -> None:
        _sync_await()

    class Stack:
        def __init__(self) -> None:
            _sync_await()

    class Output:
        def __getstate__(self) -> dict[str, object]:
            _sync_await()
            return {}

    invoke()
    anything_else()
    Stack()
    Output().__getstate__()
    assert waits == [True, False, True, True]


def test_list_waits_for_the_end_of_an_asynchronous_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `pulumi.run(main)` a line after any `await` may contradict the list."""

    class Stack:
        _outputs_registered = False

    monkeypatch.setattr(settings, "get_root_resource", lambda: Stack)
    with pytest.raises(pulumi.RunError, match="waits for itself"):
        run(lambda: True)
    Stack._outputs_registered = True
    run(lambda: True)
