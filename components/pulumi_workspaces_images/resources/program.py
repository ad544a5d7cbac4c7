"""What a Pulumi program itself may ask while it runs: the stack's configuration, and AWS as that says."""

import functools
import json
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi.runtime.config

from ..errors import ConfigurationError, ExpectedError
from ..lifecycle.ledger import Declarations
from ..share import Share, account_id_problem

# What leads to AWS is imported when it is needed: most programs only declare.
if TYPE_CHECKING:
    from ..aws.connection import Connection
    from ..aws.permissions import Permissions
    from ..lifecycle.recipients import Guards


class Run:
    """What one run of a program goes by; each part is made when it is first asked for.

    Attributes:
        store: the SDK's configuration of this run, compared by identity.
        configuration: what it held, with its environment.
        project: the Pulumi project's name.
        declarations: what the program has declared so far, as far as it is plain text.
        images: the images that it shares, so far, each with its Region (None: the configured one), in its order.
        contradicts_itself: whether a share and an exclusive list have been found to contradict each other.
    """

    def __init__(self, store: Mapping[str, Any], configuration: Mapping[str, Any], project: str) -> None:
        """Nothing is read yet."""
        self.store = store
        self.configuration = configuration
        self.project = project
        self.declarations = Declarations()
        self.images: dict[tuple[str, str | None], None] = {}
        self.contradicts_itself = False

    @functools.cached_property
    def told_images(self) -> pulumi.Output[str | None]:
        """What `images` returns."""

        async def tell() -> str | None:
            return json.dumps(list(self.images)) if len(self.images) > 1 else None

        return pulumi.Output.from_input(tell())

    @functools.cached_property
    def connection(self) -> "Connection":
        """AWS, as the configuration says; a key that cannot be honoured raises ConfigurationError."""
        from ..aws.connection import Connection

        return Connection(self.configuration, project=self.project)

    @functools.cached_property
    def permissions(self) -> "Permissions":
        """The image permissions behind the connection."""
        from ..aws.permissions import Permissions

        return Permissions(self.connection)

    @functools.cached_property
    def guards(self) -> "Guards":
        """With whom an image may be shared; a key that cannot be honoured raises ConfigurationError."""
        from ..lifecycle.recipients import Guards

        return Guards(self.configuration, self.connection)


# Stands for the Region that is configured, which is not looked up for this.
_DEFAULT = "the configured Region"

_run: Run | None = None
_run_lock = threading.Lock()


def current_run() -> Run:
    """Return what this run of the program goes by; the first call makes it."""
    global _run
    # `pulumi.Config` gets single keys only; a key that cannot be honoured has to be found to be refused.
    store = pulumi.runtime.config.CONFIG.get()
    configuration = {**pulumi.runtime.config.get_config_env(), **store}
    project = pulumi.get_project() or ""
    with _run_lock:
        # Usually a process runs one program once. With the Automation API it runs programs again and again, each with
        # a store of its own, and what one run has seen is old for the next.
        if _run is None or _run.store is not store or (_run.configuration, _run.project) != (configuration, project):
            _run = Run(store, configuration, project)
        return _run


def refuse_unread_keys() -> None:
    """Refuse all keys of `workspaces-images:` that nobody reads; for the stack program, whose own namespace that is.

    Raises:
        pulumi.RunError: there are such keys, misspelt or set without `--path`; one line that names them all.
    """
    from ..configuration.own import unread_keys

    problems = unread_keys(current_run().configuration)
    if problems:
        raise pulumi.RunError("; ".join(problems))


def declare(image_id: object, account_id: object, region: object) -> None:
    """Note that the program shares an image with an account, as far as it is plain text.

    Each share's check notes it too, and for Outputs alone. But checks come one by one, between updates: a program that
    contradicts itself has to be known before the first exclusive list revokes anything.

    Raises:
        pulumi.RunError: an exclusive list of the image does not hold the account; one line.
    """
    if isinstance(image_id, str) and isinstance(account_id, str) and isinstance(region, str | None):
        run = current_run()
        run.images[image_id, region] = None
        contradiction = run.declarations.declare(Share(image_id, account_id, region or _DEFAULT))
        if contradiction:
            run.contradicts_itself = True
            raise pulumi.RunError(contradiction)


def declare_exclusive(image_id: object, account_ids: object, region: object) -> None:
    """Note that the program shares an image with nobody but these accounts, as far as they are plain text.

    Raises:
        pulumi.RunError: it shares it with others, or lists others elsewhere; one line.
    """
    if not isinstance(image_id, str) or not isinstance(region, str | None) or not isinstance(account_ids, list | tuple):
        return
    if all(isinstance(account, str) for account in account_ids):
        run = current_run()
        run.images[image_id, region] = None
        contradictions = run.declarations.declare_exclusive(image_id, region or _DEFAULT, frozenset(account_ids))
        if contradictions:
            run.contradicts_itself = True
            raise pulumi.RunError("; ".join(contradictions))


def images() -> pulumi.Output[str | None]:
    """Return the images that the program shares as JSON, [image id, Region or null] each; None for one.

    It is known once the program's last line has run. A hint for the provider, which is told of one resource after the
    other: it may look at all images at once. The provider's check drops it, so that it reaches neither the state nor a
    preview. As one text, since it goes along with every share: a list of lists would cost a third of a preview's time.
    """
    return current_run().told_images


async def contradicts_itself() -> bool:
    """Tell whether the program contradicts itself: an Output of this is known once its last line has run."""
    return current_run().contradicts_itself


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
    # What is none is for the share's check to say.
    accounts = [account for account in accounts if not account_id_problem(account)]
    try:
        run = current_run()
        problems = [run.guards.list_problem(account) for account in accounts]
        if run.guards.organization_required and (region is None or isinstance(region, str)):
            problems += _organization_problems(run, accounts, region)
    except ExpectedError as error:
        raise pulumi.RunError(str(error)) from error
    return [problem for problem in problems if problem]


def _organization_problems(run: Run, accounts: list[str], region: str | None) -> list[str | None]:
    from ..configuration.own import Recheck, read_recheck

    recheck = read_recheck(run.configuration)
    if recheck is Recheck.OFF:
        return []
    try:
        where = run.connection.region(region or None)
        return [run.guards.organization_problem(account, where) for account in accounts]
    except ConfigurationError:
        raise
    except ExpectedError:
        if recheck is Recheck.STRICT:
            raise
        return []  # the share's own check will look as well, and warn
