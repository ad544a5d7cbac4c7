"""The processes that run stories at the same time. Each has its own cloud."""

import multiprocessing
import os
import signal
import tempfile
from pathlib import Path
from typing import NoReturn

from local.cloud import LocalCloud
from tests.chaos.story import Story, Tally

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_cloud: LocalCloud | None = None  # one per process, because moto keeps its data in the process


def tell(seed: str, number: int, rounds: int) -> tuple[Tally, str | None]:
    """Run one story; return its numbers, and the failure if there is one."""
    global _cloud
    if _cloud is None:
        _cloud = LocalCloud()
        _cloud.start()
    try:
        with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
            story = Story(seed, number, _cloud, Path(folder), lambda line: print(line, flush=True))
            failure = story.tell(rounds)
            return story.tally, failure
    except KeyboardInterrupt:
        os._exit(1)  # otherwise this process would continue with the next story


def interrupt_once() -> None:
    """Let the first Ctrl-C or SIGTERM interrupt this process and its workers; a second one does not stop the clean-up.

    Ctrl-C reaches all of them at the same time, and a SIGTERM may do so, too.
    """

    def interrupt(*_: object) -> NoReturn:
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise KeyboardInterrupt

    for number in _SIGNALS:
        signal.signal(number, interrupt)
