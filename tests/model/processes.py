"""The provider processes of one command."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from local.accounts import OWNER, REGION
from local.cloud import Call, ConnectionLostError, LocalCloud, Response
from local.cloud.faults import Proceed
from tests.driver import Driver, DriverInThisProcess, EngineInThisProcess


class Processes:
    """A context manager with one process for each provider of the program. A process starts when it is first used.

    Attributes:
        engine: the engine that starts the processes.
        killed: the access keys of the killed processes.
    """

    def __init__(self, cloud: LocalCloud, account: str = OWNER) -> None:
        """Start no process yet.

        Args:
            cloud: the cloud that the processes ask.
            account: the account whose credentials they use. Each process has its own access key.
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

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def __getitem__(self, provider: str) -> Driver:
        """Return the process of a provider; start it if needed."""
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
        """Kill the process that uses an access key."""
        self.killed.add(access_key)
        self._by_key[access_key].kill()

    def _answer(self, call: Call, proceed: Proceed) -> Response:
        if call.access_key_id in self.killed:
            raise ConnectionLostError  # its threads may still send requests
        return proceed()
