"""What a Pulumi program itself may ask while it runs: the stack's configuration, and AWS as that says."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi.runtime.config

from .configuration import Recheck, read_recheck
from .connection import Connection
from .errors import ConfigurationError, ExpectedError
from .guards import Guards
from .permissions import Permissions


@dataclass(frozen=True)
class Run:
    """What one run of a program goes by.

    Attributes:
        store: the SDK's configuration of this run, compared by identity.
        configuration: what it held, with its environment.
        project: the Pulumi project's name.
        connection: AWS, as the configuration says.
        permissions: the image permissions behind it.
    """

    store: Mapping[str, Any]
    configuration: Mapping[str, Any]
    project: str
    connection: Connection
    permissions: Permissions


_run: Run | None = None
_run_lock = threading.Lock()


def current_run() -> Run:
    """Return what this run of the program goes by; the first call makes it.

    Raises:
        ConfigurationError: a key that cannot be honoured.
    """
    global _run
    # `pulumi.Config` gets single keys only; a key that cannot be honoured has to be found to be refused.
    store = pulumi.runtime.config.CONFIG.get()
    configuration = {**pulumi.runtime.config.get_config_env(), **store}
    project = pulumi.get_project() or ""
    with _run_lock:
        # Usually a process runs one program once. With the Automation API it runs programs again and again, each with
        # a store of its own, and what one run has seen is old for the next.
        if _run is None or _run.store is not store or (_run.configuration, _run.project) != (configuration, project):
            connection = Connection(configuration, project=project)
            _run = Run(store, configuration, project, connection, Permissions(connection))
        return _run


def refusals(accounts: Iterable[str], region: object = None) -> list[str]:
    """Return why accounts may not be shared with, for all of them at once.

    The engine ends a preview at the first resource that fails its check: who declares many shares is told of all that
    are refused here, before it sees them. (Each share's own check refuses too.)

    Args:
        accounts: AWS accounts, 12 digits each.
        region: where to ask the organization; where it is no plain text yet, only the share's check asks.

    Raises:
        pulumi.RunError: a configuration key that cannot be honoured, or AWS could not be asked; one line.
    """
    accounts = list(accounts)
    try:
        run = current_run()
        guards = Guards(run.configuration, run.connection)
        problems = [guards.list_problem(account) for account in accounts]
        if guards.organization_required and (region is None or isinstance(region, str)):
            problems += _organization_problems(run, guards, accounts, region)
    except ExpectedError as error:
        raise pulumi.RunError(str(error)) from error
    return [problem for problem in problems if problem]


def _organization_problems(run: Run, guards: Guards, accounts: list[str], region: str | None) -> list[str | None]:
    recheck = read_recheck(run.configuration)
    if recheck is Recheck.OFF:
        return []
    try:
        where = run.connection.region(region or None)
        return [guards.organization_problem(account, where) for account in accounts]
    except ConfigurationError:
        raise
    except ExpectedError:
        if recheck is Recheck.STRICT:
            raise
        return []  # the share's own check will look as well, and warn
