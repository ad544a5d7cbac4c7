"""Measure commands, the provider process alone, and imports, on the local cloud."""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import psutil

import local.stack
from local.accounts import OWNER, REGION
from local.cloud import LocalCloud
from local.stack import CommandError
from pulumi_workspaces_images.provider import ImageShareProvider
from tests.driver import Driver, Engine

from .contestants.null import NullProvider

CONTESTANTS = {
    "this": "this provider",
    "null": "null provider",
    "naive": "naive provider",
    "terraform": "terraform_data + AWS CLI",
}
SIZES = ((100, 1), (500, 1), (500, 10))  # shares, and the images they are spread over
WORKS = {
    "up": "first up",
    "preview": "no-op preview",
    "drift-preview": "preview, 1 % drift",
    "drift-up": "up, 1 % drift",
    "refresh": "refresh",
    "destroy": "destroy",
}
GROWTH = (100, 500, 1000, 5000)  # shares of one image
REGION_HOLDS = 40  # images of each contestant, shared or not: the service's default quota

_SLOW = ("naive", "terraform")  # measured with 100 shares only, and with every command in the first round only
_MODULES = {
    "this": ("pulumi_workspaces_images", "ImageShare"),
    "null": ("benchmarks.contestants.null", "Share"),
    "naive": ("benchmarks.contestants.naive", "Share"),
}
_PROGRAM = """\
import json
from pathlib import Path

from {0} import {1}

for name, share in json.loads(Path(__file__).with_name("shares.json").read_text()).items():
    {1}(name, image_id=share["image_id"], shared_account_id=share["account"], region=share["region"])
"""
_IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
_PULUMI = {"drift-preview": "preview", "drift-up": "up"}
_TERRAFORM = {
    "preview": ["plan"],
    "drift-preview": ["plan"],
    "refresh": ["apply", "-refresh-only", "-auto-approve"],
    "destroy": ["destroy", "-auto-approve"],
}


@dataclass(frozen=True)
class Figure:
    """One measurement: a command, a pass over all shares (`re-check`), or an `import`.

    Attributes:
        round: counted from 0.
        contestant: its name; for an `import`, `null` is pulumi alone.
        size: `shares-on-images`.
        work: what was measured.
        seconds: the wall time; for a `re-check`, the processor time of the provider.
        calls: the number of calls to WorkSpaces.
        peak_bytes: the peak memory of the provider process of a `re-check`.
    """

    round: int
    contestant: str
    size: str
    work: str
    seconds: float
    calls: int = 0
    peak_bytes: int = 0


class _Cloud(LocalCloud):
    """A LocalCloud for a process of its own. It has only methods, because a proxy has no attributes."""

    def address(self) -> str:
        return self.url

    def slow_down(self, seconds: float) -> None:
        self.latency = seconds

    def take_calls(self) -> int:
        """Return the number of calls to WorkSpaces since the last time."""
        calls = self.count("workspaces:*")
        self.forget_calls()
        return calls


class _Manager(BaseManager):
    pass


def _start_cloud() -> _Cloud:
    cloud = _Cloud()
    cloud.start()
    return cloud


_Manager.register("cloud", _start_cloud)


def everything(home: Path, rounds: int, latency: float) -> dict[str, Any]:
    """Measure everything, and return the content of docs/performance.json.

    Raises:
        CommandError: a command failed, or did not have its effect.
    """
    results: dict[str, Any] = {"about": _about(rounds, latency), "figures": []}
    with _Manager(ctx=get_context("spawn")) as manager:
        cloud = manager.cloud()  # type: ignore[attr-defined]
        for round_ in range(rounds):
            for measured in (
                _imports(round_),
                _growth(cloud, round_),
                _commands(cloud, home / str(round_), round_, latency),
            ):
                for figure in measured:
                    print(figure, file=sys.stderr, flush=True)
                    results["figures"].append(asdict(figure))
    return results


def images_and_accounts(name: str, shares: int, images: int) -> list[tuple[str, str]]:
    """Return a contestant's shares in the order of their declaration, which differs from that of the listing."""
    accounts = [f"{200000000000 + 137 * index}" for index in range(shares)]
    random.Random(20240229).shuffle(accounts)
    every = REGION_HOLDS // images  # evenly spread over the images of the Region, up to its last one
    return [
        (f"wsi-{name}{(index * images // shares + 1) * every - 1:06}", account)
        for index, account in enumerate(accounts)
    ]


def _commands(cloud: Any, home: Path, round_: int, latency: float) -> Iterator[Figure]:
    """Measure every command of every contestant. The contestants take turns, so that noise affects all alike."""
    there = [name for name in CONTESTANTS if name != "terraform" or _has_terraform()]
    for shares, images in SIZES:
        names = [name for name in there if name not in _SLOW or (shares, images) == SIZES[0]]
        turn = round_ % len(names)  # another contestant is first in each round
        names = names[turn:] + names[:turn]
        size = f"{shares}-on-{images}"
        cloud.reset()
        stacks = [_Stack(name, shares, images, home / f"{size}-{name}", cloud) for name in names]
        for stack in stacks:
            stack.run("preview")  # reads and compiles files for the first time
        cloud.slow_down(latency)
        for work in WORKS:
            for stack in stacks:
                if round_ and stack.name in _SLOW and work not in ("up", "preview"):
                    continue
                if work == "drift-preview":
                    stack.drift(cloud.unshare)
                cloud.take_calls()
                seconds = stack.run(work)
                yield Figure(round_, stack.name, size, work, seconds, cloud.take_calls())
                if work == "drift-up" and stack.name == "terraform":
                    stack.drift(cloud.share)  # Terraform has not noticed the drift, and could not revoke missing shares


class _Stack:
    """The shares of one contestant, in an account of its own."""

    def __init__(self, name: str, shares: int, images: int, folder: Path, cloud: Any) -> None:
        self.name = name
        self._cloud = cloud
        self._folder = folder
        self._shares = images_and_accounts(name, shares, images)
        owner = f"{int(OWNER) + list(CONTESTANTS).index(name):012}"
        for index in range(REGION_HOLDS):
            cloud.create_image(owner, REGION, image_id=f"wsi-{name}{index:06}")
        url = cloud.address()
        self._environment = {
            **os.environ,
            **LocalCloud.credentials(owner),
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": REGION,
        }
        folder.mkdir(parents=True)
        declared = {f"share-{a}": {"image_id": i, "account": a, "region": REGION} for i, a in self._shares}
        (folder / "shares.json").write_text(json.dumps(declared))
        if name == "terraform":
            shutil.copy(Path(__file__).parent / "contestants" / "main.tf", folder)
            self._environment = _without_this_python(self._environment)
            self._command(["terraform", "init", "-input=false", "-no-color"])
            return
        (folder / "__main__.py").write_text(_PROGRAM.format(*_MODULES[name]))
        (folder / "Pulumi.yaml").write_text("name: benchmark\nruntime: python\n")
        (folder / "state").mkdir()
        self._environment |= {"PULUMI_BACKEND_URL": (folder / "state").as_uri(), "PULUMI_STACK": "benchmark"}
        stack = local.stack.Stack(folder, self._environment)
        stack.pulumi("stack", "init", "benchmark")
        endpoints = json.dumps([{"workspaces": url}, {"sts": url}])
        stack.configure("benchmark", {"aws:region": REGION, "aws:endpoints": endpoints})

    def run(self, work: str) -> float:
        """Run a command; return the seconds that it took.

        Raises:
            CommandError: it failed, or did not have its effect.
        """
        if self.name == "terraform":
            verb = _TERRAFORM.get(work, ["apply", "-auto-approve"])
            command = ["terraform", *verb, "-input=false", "-no-color"]
        else:
            verb = [_PULUMI.get(work, work)]
            command = ["pulumi", *verb, "--non-interactive", "--color", "never"]
            command += [] if verb == ["preview"] else ["--yes", "--skip-preview"]
        start = time.perf_counter()
        self._command(command)
        seconds = time.perf_counter() - start
        expected = {"up": len(self._shares), "drift-up": len(self._shares), "destroy": 0}.get(work)
        blind = self.name == "null" or (self.name == "terraform" and work == "drift-up")
        if expected is not None and not blind and self._granted() != expected:
            raise CommandError(f"{self.name}, {work}: there are {self._granted()} permissions, not {expected}")
        return seconds

    def drift(self, change: Callable[[str, str, str], None]) -> None:
        """Revoke 1 % of the shares outside the tool, or grant them again."""
        if self.name != "null":
            for image, account in random.Random(20240229).sample(self._shares, len(self._shares) // 100 or 1):
                change(image, account, REGION)

    def _granted(self) -> int:
        return sum(len(self._cloud.shared_with(image, REGION)) for image in {image for image, _ in self._shares})

    def _command(self, command: list[str]) -> None:
        code, output = local.stack.finish(local.stack.start(command, self._folder, self._environment))
        if code:
            raise CommandError(f"{self.name}: {' '.join(command)} exited {code}:\n{output}")


def _growth(cloud: Any, round_: int) -> Iterator[Figure]:
    """Call the provider process from four threads, as an engine would, but without an engine and latency."""
    cloud.reset()
    cloud.create_image(OWNER, REGION, image_id="wsi-warm00000")
    cloud.share("wsi-warm00000", "299999999999", REGION)
    endpoints = json.dumps([{"workspaces": cloud.address()}, {"sts": cloud.address()}])
    configuration = {"aws:region": REGION, "aws:endpoints": endpoints}
    for shares in GROWTH:
        image = f"wsi-growth{shares:06}"
        cloud.create_image(OWNER, REGION, image_id=image)
        accounts = [account for _, account in images_and_accounts("growth", shares, 1)]
        for account in accounts:
            cloud.share(image, account, REGION)
        for name, kind in (("null", NullProvider), ("this", ImageShareProvider)):
            with Engine(LocalCloud.credentials(OWNER)) as engine, Driver(engine, configuration) as it:

                def recheck(image: str, account: str, kind: Any = kind, it: Driver = it) -> None:
                    declared = {"image_id": image, "shared_account_id": account, "region": REGION}
                    inputs, failures = it.check(kind, declared, declared)
                    outputs = {**declared, "owner_account_id": OWNER}
                    if failures or it.diff(kind, f"{image}/{account}", outputs, inputs).changes:
                        raise CommandError(f"{image}, {account}: {failures or 'a change'}")

                recheck("wsi-warm00000", "299999999999")  # builds the AWS client
                cloud.take_calls()
                process = psutil.Process(it.pid)
                before = sum(process.cpu_times()[:2])
                with ThreadPoolExecutor(4) as pool:
                    list(pool.map(recheck, [image] * shares, accounts))
                seconds = sum(process.cpu_times()[:2]) - before
                memory = process.memory_info().rss  # the process frees nothing in this short time
            yield Figure(round_, name, f"{shares}-on-1", "re-check", seconds, cloud.take_calls(), memory)


def _imports(round_: int) -> Iterator[Figure]:
    """Import the package, and pulumi alone, in turn, each in a new process."""
    for index in range(6):
        name, module = (("null", "pulumi"), ("this", "pulumi_workspaces_images"))[index % 2]
        command = [sys.executable, "-c", _IMPORT.format(module)]
        seconds = float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        if index > 1:  # the first two compile
            yield Figure(round_ * 2 + index // 2 - 1, name, "", "import", seconds)


def _has_terraform() -> bool:
    return all(shutil.which(program) for program in ("terraform", "aws"))


def _without_this_python(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment for the AWS CLI, which runs with another Python."""
    folders = environment["PATH"].split(os.pathsep)
    path = os.pathsep.join(folder for folder in folders if folder != str(Path(sys.prefix, "bin")))
    return {n: v for n, v in environment.items() if n not in ("PYTHONPATH", "VIRTUAL_ENV")} | {"PATH": path}


def _about(rounds: int, latency: float) -> dict[str, Any]:
    programs = {"engine": "pulumi"} | ({"terraform": "terraform"} if _has_terraform() else {})
    versions = {
        name: subprocess.run([program, "version"], capture_output=True, text=True).stdout.split("\n")[0]
        for name, program in programs.items()
    }
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "pulumi_sdk": version("pulumi"),
        "boto3": version("boto3"),
        **versions,
        "latency": latency,
        "rounds": rounds,
    }
