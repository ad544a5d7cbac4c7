"""The local cloud in a process of its own, and what it costs by itself."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import signal
import statistics
import time
from collections import Counter
from collections.abc import Iterable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import psutil

from local.accounts import OWNER, REGION
from local.cloud import LocalCloud

from .plan import PAGE


class CloudProcess:
    """A LocalCloud in a child process, told what to do through a pipe.

    Attributes:
        url: where its API is.
    """

    url: str

    def __enter__(self) -> CloudProcess:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.url = self._pipe.recv()
        self._of_system = psutil.Process(self._process.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def reset(self) -> None:
        """Forget everything; calls take no time from now on."""
        self._tell("reset")

    def set_latency(self, seconds: float) -> None:
        """Let every call take so long."""
        self._tell("set_latency", seconds)

    def create_images(self, owner: str, images: list[str]) -> None:
        self._tell("create_images", owner, images)

    def share(self, permissions: Iterable[tuple[str, str]]) -> None:
        """Grant permissions, image and account, behind everybody's back."""
        self._tell("share", list(permissions))

    def unshare(self, permissions: Iterable[tuple[str, str]]) -> None:
        """Revoke permissions, image and account, behind everybody's back."""
        self._tell("unshare", list(permissions))

    def shared(self, images: Iterable[str]) -> set[tuple[str, str]]:
        """Return all permissions, image and account, on some images."""
        return set(self._tell("shared", list(images)))

    def take_calls(self) -> dict[str, int]:
        """Return the calls since the last time, as `service:Operation` and how often."""
        return dict(self._tell("take_calls"))

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far."""
        times = self._of_system.cpu_times()
        return float(times.user + times.system)

    def _tell(self, name: str, *arguments: Any) -> Any:
        self._pipe.send((name, arguments))
        return self._pipe.recv()


class _Controls:
    """What the child does for its parent."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud

    def reset(self) -> None:
        self._cloud.reset()

    def set_latency(self, seconds: float) -> None:
        self._cloud.latency = seconds

    def create_images(self, owner: str, images: list[str]) -> None:
        for image in images:
            self._cloud.create_image(owner, REGION, image_id=image)

    def share(self, permissions: list[tuple[str, str]]) -> None:
        for image, account in permissions:
            self._cloud.share(image, account, REGION)

    def unshare(self, permissions: list[tuple[str, str]]) -> None:
        for image, account in permissions:
            self._cloud.unshare(image, account, REGION)

    def shared(self, images: list[str]) -> list[tuple[str, str]]:
        return [(image, account) for image in images for account in self._cloud.shared_with(image, REGION)]

    def take_calls(self) -> Counter[str]:
        calls = list(self._cloud.calls)
        self._cloud.forget_calls()
        return Counter(call.action for call in calls)


def _serve(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hangs up when it is done
    with LocalCloud() as cloud:
        controls = _Controls(cloud)
        pipe.send(cloud.url)
        while True:
            try:
                name, arguments = pipe.recv()
            except EOFError:
                return
            pipe.send(getattr(controls, name)(*arguments))


def cost(cloud: CloudProcess, latency: float, calls: int) -> dict[str, float]:
    """Measure what the cloud itself adds to a call, with a client that costs next to nothing.

    Args:
        cloud: the cloud; it is emptied.
        latency: the latency of the run.
        calls: how many calls of each kind.

    Returns:
        Milliseconds per call, medians: of wall time with no latency, of its processor time, and beyond the latency.
    """
    image = "wsi-golden0000"
    cloud.reset()
    cloud.create_images(OWNER, [image])
    cloud.share((image, f"{300000000000 + index}") for index in range(PAGE))
    listing = ("DescribeWorkspaceImagePermissions", {"ImageId": image})
    write = ("UpdateWorkspaceImagePermission", {"ImageId": image, "AllowCopyImage": True, "SharedAccountId": "4" * 12})
    _ask(cloud, [listing, write] * 10)  # whatever is done once
    before = cloud.cpu_seconds()
    listings = _ask(cloud, [listing] * calls)
    writes = _ask(cloud, [write] * calls)
    processor = (cloud.cpu_seconds() - before) / (2 * calls)
    cloud.set_latency(latency)
    late = _ask(cloud, [listing] * max(5, calls // 20))
    return {
        "listing_ms": statistics.median(listings) * 1000,
        "write_ms": statistics.median(writes) * 1000,
        "cpu_ms": processor * 1000,
        "beyond_latency_ms": (statistics.median(late) - latency) * 1000,
    }


def _ask(cloud: CloudProcess, calls: Iterable[tuple[str, dict[str, Any]]]) -> list[float]:
    """Make calls over one kept-alive connection; return the seconds that each took."""
    connection = http.client.HTTPConnection(urlsplit(cloud.url).netloc)
    credential = f"AKIA{OWNER}TEST/20240229/{REGION}/workspaces/aws4_request"
    seconds = []
    for operation, parameters in calls:
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"WorkspacesService.{operation}",
        }
        start = time.perf_counter()
        connection.request("POST", "/", json.dumps(parameters), headers)
        answer = connection.getresponse()
        body = answer.read()
        seconds.append(time.perf_counter() - start)
        if answer.status != 200:
            raise RuntimeError(f"the local cloud answered {answer.status} to {operation}: {body.decode()}")
    connection.close()
    return seconds
