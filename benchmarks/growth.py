"""Without an engine: what the provider process itself needs, by the number of shares of one image."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
from pulumi.dynamic import ResourceProvider

from local.accounts import OWNER, REGION
from local.cloud import LocalCloud
from pulumi_workspaces_images.provider import ImageShareProvider
from tests.driver import Driver, Engine

from .cloud import CloudProcess
from .contestants.null import NullProvider
from .plan import account_ids
from .results import Growth
from .stacks import BenchmarkError

THREADS = 4
ROUNDS = 3  # at most: processor time is hardly touched by noise, and a round takes a minute
SHARES = (100, 500, 1000, 5000)
QUICK_SHARES = (10, 50)

_WARM_IMAGE, _WARM_ACCOUNT = "wsi-warm00000", "299999999999"
_PROVIDERS: dict[str, type[ResourceProvider]] = {"this": ImageShareProvider, "null": NullProvider}

Properties = dict[str, Any]


def measure(
    cloud: CloudProcess, environment: Mapping[str, str], rounds: int, quick: bool, say: Callable[[str], None]
) -> list[Growth]:
    """Measure passes over 100 to 5,000 shares.

    Args:
        cloud: the AWS of it; it is emptied.
        environment: of the provider processes.
        rounds: how often.
        quick: a few shares.
        say: told what goes on.

    Raises:
        BenchmarkError: the provider has answered something else than what was to be measured.
    """
    sizes = QUICK_SHARES if quick else SHARES
    measured = []
    cloud.reset()
    cloud.create_images(OWNER, [_WARM_IMAGE, *(_image("listed", shares) for shares in sizes)])
    cloud.share([(_WARM_IMAGE, _WARM_ACCOUNT)])
    for shares in sizes:
        cloud.share((_image("listed", shares), account) for account in account_ids(shares))
    for round_ in range(rounds):
        for shares in sizes:
            for provider, work, warm in (
                ("null", "re-check", True),
                ("this", "re-check", True),
                ("this", "re-check", False),
                ("null", "grant", True),
                ("this", "grant", True),
            ):
                if work == "grant" and round_:  # no target is about it
                    continue
                image = _image("listed", shares)
                if work == "grant":
                    image = f"wsi-granted{round_:03}{shares:06}"
                    if provider == "this":
                        cloud.create_images(OWNER, [image])
                growth = _pass(cloud, environment, round_, provider, work, warm, image, account_ids(shares))
                measured.append(growth)
                say(
                    f"growth, round {round_ + 1}, {provider}, {work} of {shares}{'' if warm else ', cold'}: "
                    f"{growth.seconds:.2f} s, provider {growth.provider_cpu_seconds:.2f} s, "
                    f"{sum(growth.calls.values())} calls"
                )
    return measured


def _image(kind: str, shares: int) -> str:
    return f"wsi-{kind}{shares:06}"


def _pass(
    cloud: CloudProcess,
    environment: Mapping[str, str],
    round_: int,
    provider: str,
    work: str,
    warm: bool,
    image: str,
    accounts: list[str],
) -> Growth:
    kind = _PROVIDERS[provider]
    endpoints = json.dumps([{"workspaces": cloud.url}, {"sts": cloud.url}])
    configuration = {"aws:region": REGION, "aws:endpoints": endpoints}
    engine = Engine({**environment, **LocalCloud.credentials(OWNER)})
    with engine, Driver(engine, configuration) as driver:

        def recheck(declared: Properties) -> None:
            outputs = {**declared, "owner_account_id": OWNER}
            inputs, failures = driver.check(kind, declared, declared)
            id_ = f"{declared['image_id']}/{declared['shared_account_id']}"
            if failures or driver.diff(kind, id_, outputs, inputs).changes:
                raise BenchmarkError(f"{id_} is not seen as it is: {failures or 'a change'}")

        def grant(declared: Properties) -> None:
            inputs, failures = driver.check(kind, {}, declared)
            if failures:
                raise BenchmarkError(f"{declared} is refused: {failures}")
            driver.create(kind, inputs)

        if warm:
            recheck(_declared(_WARM_IMAGE, _WARM_ACCOUNT))
        process = psutil.Process(driver.pid)
        cloud.take_calls()
        before = _processor(process)
        start = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            declared = [_declared(image, account) for account in accounts]
            for _ in pool.map(recheck if work == "re-check" else grant, declared):
                pass
        seconds = time.perf_counter() - start
        processor = _processor(process) - before
    return Growth(
        round=round_,
        provider=provider,
        work=work,
        shares=len(accounts),
        warm=warm,
        seconds=seconds,
        provider_cpu_seconds=processor,
        calls=cloud.take_calls(),
    )


def _declared(image: str, account: str) -> Properties:
    return {"image_id": image, "shared_account_id": account, "region": REGION}


def _processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
