"""The provider processes of one command."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from types import TracebackType

from local.accounts import OWNER, REGION
from local.cloud import Call, ConnectionLostError, LocalCloud, Response
from local.cloud.faults import Proceed
from tests.driver import Driver, DriverInThisProcess, EngineInThisProcess


class Processes:
    """One process for each provider of the program, started when it is first called; a context manager.

    Attributes:
        engine: which started them.
        killed: the access keys of those that were killed.
    """

    def __init__(self, cloud: LocalCloud, account: str = OWNER) -> None:
        """Nothing is started yet.

        Args:
            cloud: which they ask.
            account: as whom they ask, each with an access key of its own.
        """
        self.engine = EngineInThisProcess()
        self.killed: set[str] = set()
        self._cloud = cloud
        self._account = account
        self._open = ExitStack()
        self._lock = threading.Lock()
        self._drivers: dict[str, Driver] = {}
        self._by_key: dict[str, DriverInThisProcess] = {}

    def __enter__(self) -> Processes:
        self._open.enter_context(self.engine)
        self._cloud.interceptors.append(self._answer)
        self._open.callback(self._cloud.interceptors.remove, self._answer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def __getitem__(self, provider: str) -> Driver:
        """Return the process of a provider."""
        with self._lock:
            if provider not in self._drivers:
                key = f"AKIA{self._account}{len(self._drivers):04}"
                configuration = {
                    "aws:region": REGION,
                    "aws:endpoints": self._cloud.endpoints,
                    "aws:maxRetries": "3",
                    "aws:accessKey": key,
                    "aws:secretKey": "local",
                }
                self._by_key[key] = DriverInThisProcess(self.engine, configuration)
                self._drivers[provider] = self._open.enter_context(self._by_key[key])
            return self._drivers[provider]

    def kill(self, access_key: str) -> None:
        """Kill the process that asks with an access key."""
        self.killed.add(access_key)
        self._by_key[access_key].kill()

    def _answer(self, call: Call, proceed: Proceed) -> Response:
        if call.access_key_id in self.killed:
            raise ConnectionLostError  # whatever its threads still ask
        return proceed()
