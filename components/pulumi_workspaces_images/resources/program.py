"""What the running Pulumi program has declared so far, and AWS for its own requests."""

import asyncio
import copy
import functools
import inspect
import json
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi.runtime.config
from pulumi.runtime import settings
from pulumi.runtime.mocks import MockMonitor

from ..errors import ConfigurationError, ExpectedError
from ..lifecycle.ledger import Ledger
from ..secrets import Secrets
from ..share import Share, account_id_problem, as_account_id
from .explicit_provider import Provider
from .settled import settled

# The AWS modules are imported when they are needed: most programs only declare shares.
if TYPE_CHECKING:
    from ..lifecycle.command import Command

ImageKey = tuple[str, str | None]
"""An image's id and its Region; None is the configured Region."""

# The number of images that each share lists as a hint for the provider: as many as two calls describe. If each listed
# all of them, the hints of 1,000 images would be 25 MB.
_BESIDE = 50

# A placeholder for the configured Region, which is not looked up for this.
_DEFAULT = "the configured Region"


class Run:
    """One run of a program. Each part is created when it is first needed.

    Attributes:
        ledger: what the program has declared so far, as far as the values are known.
        secrets: the values that its messages hide.
        contradicts_itself: whether a share and an exclusive list contradict each other.
        members: the names of accounts that are members of the organization, by the provider whose caller asked.
    """

    def __init__(self, monitor: object, store: Mapping[str, Any], environment: str | None, project: str) -> None:
        """Read nothing yet.

        Args:
            monitor: the SDK's connection to the engine.
            store: the SDK's configuration of this run.
            environment: the configuration in the environment (PULUMI_CONFIG).
            project: the Pulumi project's name.
        """
        self.ledger = Ledger()
        self.secrets = Secrets()
        self.contradicts_itself = False
        self._monitor = monitor
        self._store = store
        self._came_from = dict(store), environment, project
        self._project = project
        self._images: defaultdict[Provider | None, dict[ImageKey, int]] = defaultdict(dict)
        self._outputs: dict[tuple[Provider | None, int], pulumi.Output[str | None]] = {}
        self._commands: dict[Provider | None, Command] = {}
        self._unknown: Counter[str] = Counter()
        self.members: dict[tuple[Provider | None, str], str] = {}

    def is_of(self, monitor: object, store: Mapping[str, Any], environment: str | None, project: str) -> bool:
        """Tell whether it was created from the same values. Every share asks, so this must be fast."""
        same = self._monitor is monitor and self._store is store
        return same and self._came_from == (store, environment, project)

    @functools.cached_property
    def configuration(self) -> dict[str, Any]:
        """The stack's raw configuration, keys with their namespace."""
        # `pulumi.Config` reads single keys only. All keys are needed here, to refuse the unsupported ones.
        return {**pulumi.runtime.config.get_config_env(), **self._store}

    def command_of(self, provider: Provider | None) -> "Command | None":
        """Return AWS with the settings of a provider; None if one of its settings is not known.

        Args:
            provider: the provider; None for the stack's own configuration.

        Raises:
            ConfigurationError: a key is unsupported or has a wrong value.
        """
        configuration = provider.plain_settings if provider else self.configuration
        if configuration is None:
            return None
        if provider not in self._commands:
            from ..lifecycle.command import Command

            configuration = {**configuration, **self.own_keys}
            self._commands[provider] = Command(configuration, project=self._project, engine=None)
        return self._commands[provider]

    @functools.cached_property
    def own_keys(self) -> dict[str, object]:
        """The stack's own keys, which apply under every provider."""
        from ..configuration.own import own_keys

        return own_keys(self.configuration)

    @functools.cached_property
    def own(self) -> str | None:
        """The stack's own keys as JSON, for the hidden input of a share."""
        return json.dumps(self.own_keys) if self.own_keys else None

    @functools.cached_property
    def own_digest(self) -> str | None:
        """A hash of the stack's own keys, for the default provider; None if there are none."""
        from ..configuration.own import read_own

        try:
            return read_own(self.configuration).digest if self.own_keys else None
        except ConfigurationError:
            return "wrong"  # the default provider reports what is wrong; any other refuses the share

    def hide(self, arguments: Mapping[str, object], names: Iterable[str] | None) -> None:
        """Hide the arguments with these names in all messages of the program."""
        for name in names or ():
            self.secrets.add(arguments[name])

    def knows_the_accounts_of(self, image_id: object) -> bool:
        """Tell whether the accounts of all shares of an image are known, or will stay unknown in this preview."""
        return not isinstance(image_id, str) or not self._unknown[image_id]

    def knows_all_images(self) -> bool:
        """Tell whether the images of all shares are known, or will stay unknown in this preview."""
        return not self._unknown[""]

    def await_share(self, image_id: str, known: pulumi.Output[Any]) -> None:
        """Note that a share has an Output that is not known yet. If that is the image, `image_id` is empty."""

        async def wait() -> None:
            try:
                await known.future()
            except Exception:
                pass
            finally:
                self._unknown[image_id] -= 1

        self._unknown[image_id] += 1
        asyncio.ensure_future(wait())  # noqa: RUF006 - the event loop runs until all Outputs are known

    def note_image(self, image: ImageKey, provider: Provider | None) -> None:
        """Note that the program shares an image under a provider."""
        images = self._images[provider]
        images.setdefault(image, len(images))

    def images_beside(self, image: ImageKey, provider: Provider | None) -> pulumi.Output[str | None]:
        """Return a hint for a provider: this image and others that the program declares."""
        images = self._images[provider]
        group = images.get(image, 0) // _BESIDE
        if (provider, group) not in self._outputs:

            async def tell() -> str | None:
                # This runs after the program's last line, or in the middle of it, during a synchronous invoke.
                beside = list(images)[group * _BESIDE : (group + 1) * _BESIDE]
                return json.dumps(beside) if len(beside) > 1 else None

            self._outputs[provider, group] = pulumi.Output.from_input(tell())
        return self._outputs[provider, group]


# By the identity of the SDK's connection to the engine. Each run has its own, and keeps a reference to it.
_runs: dict[int, Run] = {}
_MOST_RUNS = 64
_run_lock = threading.Lock()

# The run of a unit test, and its task.
_test: ContextVar[tuple[asyncio.Task[Any], Run] | None] = ContextVar("test", default=None)


def current_run() -> Run:
    """Return this run of the program. The first call creates it."""
    monitor, store = settings.get_monitor(), pulumi.runtime.config.CONFIG.get()
    environment, project = os.environ.get("PULUMI_CONFIG"), pulumi.get_project() or ""
    if isinstance(monitor, MockMonitor):
        return _run_of_this_test(monitor, store, environment, project)
    with _run_lock:
        # Usually a process runs one program once. With the Automation API it may run several programs, one after the
        # other or in parallel, each with its own engine, and the answers of one run are outdated in the next.
        run = _runs.get(id(monitor))
        if run is None or not run.is_of(monitor, store, environment, project):
            run = _runs[id(monitor)] = Run(monitor, store, environment, project)
            while len(_runs) > _MOST_RUNS:
                del _runs[next(iter(_runs))]
        return run


def _run_of_this_test(*made_of: Any) -> Run:
    """Return the run of the current unit test, because all tests of a process may share their mocks.

    A test with an event loop (`pulumi.runtime.test`, or `async`) is a task, and the tasks that it starts inherit its
    context. Other tests cannot be distinguished, so each call gets a run of its own, and contradictions are not found.
    """
    found = _test.get()
    # Tests that share a runner share its context as well.
    if found and not found[0].done() and found[1].is_of(*made_of):
        return found[1]
    run = Run(*made_of)
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs
        task = None
    if task:
        _test.set((task, run))
    return run


def _where(run: Run, region: str | None, provider: Provider | None) -> str:
    """Return a share's Region if program or configuration names it, else words, which may stand for any Region."""
    configuration = provider.plain_settings if provider else run.configuration
    configured = (configuration or {}).get("aws:region")
    if not region and isinstance(configured, str):
        region = configured
    return region or (f"the Region of the provider {provider._name!r}" if provider else _DEFAULT)


def secret_names(**arguments: object) -> pulumi.Output[list[str] | None] | None:
    """Return the names of the secret arguments, as an Output; None if no argument is an Output."""
    outputs = {name: pulumi.Output.from_input(value) for name, value in arguments.items() if has_output([value])}

    async def tell() -> list[str] | None:
        return [name for name, value in outputs.items() if await value.is_secret()] or None

    return pulumi.Output.from_input(tell()) if outputs else None


def declare(
    image_id: object,
    account_id: object,
    region: object,
    provider: Provider | None = None,
    secret: Iterable[str] | None = None,
) -> None:
    """Note that the program shares an image with an account, as far as the values are known.

    Each share's check notes it too. But checks run one by one, between updates, and a contradiction must be found
    before the first exclusive list revokes anything. An Output is noted once it is known.

    Args:
        image_id: the image.
        account_id: the account.
        region: the image's Region.
        provider: the share's provider.
        secret: the names of the secret arguments of the ImageShare.

    Raises:
        pulumi.RunError: the account is not on an exclusive list of the image; one line.
    """
    run = current_run()
    account_id = as_account_id(account_id)
    if isinstance(image_id, str) and isinstance(region, str | None):
        run.note_image((image_id, region), provider)
    given = {"image_id": image_id, "shared_account_id": account_id, "region": region}
    run.hide(given, secret)
    if has_output(given.values()):
        known = pulumi.Output.all(*given.values(), secret_names(**given)).apply(
            lambda four: declare(four[0], four[1], four[2], provider, four[3])
        )
        run.await_share(image_id if isinstance(image_id, str) else "", known)
    elif isinstance(image_id, str) and isinstance(account_id, str) and isinstance(region, str | None):
        contradiction = run.ledger.declare(Share(image_id, account_id, _where(run, region, provider)))
        if contradiction:
            run.contradicts_itself = True
            raise pulumi.RunError(run.secrets.hide(contradiction))


def declare_exclusive(image_id: object, account_ids: object, region: object, provider: Provider | None = None) -> None:
    """Note that the program shares an image only with these accounts, as far as they are known.

    Raises:
        pulumi.RunError: the program shares the image with other accounts, or has another list; one line.
    """
    if not isinstance(image_id, str) or not isinstance(region, str | None) or not isinstance(account_ids, list | tuple):
        return
    account_ids = list(map(as_account_id, account_ids))
    if all(isinstance(account, str) for account in account_ids):
        run = current_run()
        run.note_image((image_id, region), provider)
        contradictions = run.ledger.declare_exclusive(image_id, _where(run, region, provider), frozenset(account_ids))
        if contradictions:
            run.contradicts_itself = True
            raise pulumi.RunError(run.secrets.hide("; ".join(contradictions)))


def hidden_inputs(provider: Provider | None, **arguments: object) -> dict[str, Any]:
    """Return the hidden inputs of a resource, for its provider.

    The provider's check drops them, so they reach neither the state nor a preview. (Their names begin with one
    underscore, because Pulumi SDKs before 3.235 drop names that begin with two.)

    - `_images`: the images that the program declares, as JSON, [image id, Region or null] each. The engine shows the
      provider one resource after the other. With this hint it can ask AWS about all images at once. It is known once
      the program's last line has run. (It is one string: a list of lists would cost a third of a preview's time.)
    - `_own`: the stack's own keys, for a provider that does not receive the stack's configuration.
    - `_own_digest`: their hash, for a provider that does. A transformation may still give the resource another one.
    - `_secret`: the names of the secret arguments, which reach the provider unencrypted.
    - `_member`, `_member_name`: the account and its name, if the program has asked the organization about it.
    - `_preview`: whether this is a preview.
    """
    run = current_run()
    image_id, account_id, region = map(arguments.get, ("image_id", "shared_account_id", "region"))
    image = (image_id, region) if isinstance(image_id, str) and isinstance(region, str | None) else ("", None)
    member_name = run.members.get((provider, account_id)) if isinstance(account_id, str) else None
    hidden = {
        "_images": run.images_beside(image, provider),
        "_own": run.own if provider else None,
        "_own_digest": None if provider else run.own_digest,
        "_secret": secret_names(**arguments),
        "_member": None if member_name is None else account_id,
        "_member_name": member_name,
        "_preview": pulumi.runtime.is_dry_run(),
    }
    # The SDK spends 0.1 ms on each input of each share, None included.
    return {name: value for name, value in hidden.items() if value is not None}


def contradicts_itself(
    image_id: object, account_ids: object, region: object, provider: Provider | None, *, ignored: bool = False
) -> Coroutine[Any, Any, bool]:
    """Tell whether the program contradicts an exclusive list, once everything that matters for that is known.

    Args:
        image_id: the image of the list.
        account_ids: the accounts on the list.
        region: its Region.
        provider: its provider.
        ignored: whether the engine may keep another list than this.

    Raises:
        pulumi.RunError: an account that was not known before contradicts it, or the program waits for itself; one line.
    """
    run = current_run()  # now, because in a unit test the coroutine would start a run of its own
    given = {"image_id": image_id, "shared_account_ids": account_ids, "region": region}
    secret = secret_names(**given)

    async def tell() -> bool:
        known = await pulumi.Output.from_input(given).future()
        image_id, account_ids, region = (known or given).values()
        await settled(lambda: run.knows_the_accounts_of(image_id), run.knows_all_images)
        if known and secret:
            run.hide(known, await secret.future())
            if not ignored:
                declare_exclusive(image_id, account_ids, region, provider)
        return run.contradicts_itself

    return tell()


def awaited(value: Any) -> Any:
    """Return a coroutine or another awaitable as an Output, also inside a list; anything else unchanged.

    Pulumi accepts an awaitable wherever it accepts an Output, but a coroutine can be awaited only once.
    """
    if isinstance(value, (list, tuple)):
        return [awaited(item) for item in value]
    if isinstance(value, pulumi.Output) or not inspect.isawaitable(value):
        return value
    return pulumi.Output.from_input(value)


def has_output(values: Iterable[object]) -> bool:
    """Tell whether one of the values is an Output, or a list that contains one."""
    return any(
        isinstance(value, pulumi.Output) or (isinstance(value, list | tuple) and has_output(value)) for value in values
    )


def ignores(opts: pulumi.ResourceOptions | None, *properties: str) -> bool:
    """Tell whether `ignore_changes` may make the engine keep the old value of one of the properties."""
    ignored = (opts.ignore_changes if opts else None) or []
    return any(path == "*" or path.partition("[")[0] in properties for path in ignored)


def spelled_out(opts: pulumi.ResourceOptions | None, *properties: str) -> pulumi.ResourceOptions | None:
    """Return options whose `ignore_changes` names a resource's arguments instead of `*`.

    With `*` the engine would also keep the hidden inputs of the state, which has none: the stack's own keys are among
    them.
    """
    ignored = (opts.ignore_changes if opts else None) or []
    if not opts or not any(path == "*" or path.startswith("_") for path in ignored):
        return opts
    opts = copy.copy(opts)
    public = list(properties) if "*" in ignored else []
    opts.ignore_changes = [*public, *(path for path in ignored if path != "*" and not path.startswith("_"))]
    return opts


def refusals(accounts: Iterable[str], region: object = None, provider: Provider | None = None) -> list[str]:
    """Return why images may not be shared with some of the accounts, for all of them at once.

    The engine ends a preview at the first resource that fails its check. So many shares are checked here first, and the
    user sees all refusals together. (Each share's own check refuses too.)

    Args:
        accounts: AWS accounts, 12 digits each.
        region: the Region in which to ask the organization. If it is not known yet, only the share's check asks.
        provider: the shares' provider. If its settings are not known yet, only the share's check asks.

    Raises:
        pulumi.RunError: a configuration key is unsupported or wrong, or AWS could not be asked; one line.
    """
    # The share's check reports invalid account ids.
    accounts = [account for account in accounts if not account_id_problem(account)]
    run = current_run()
    try:
        command = run.command_of(provider)
        if command is None:
            return []
        problems = [command.recipients.list_problem(account) for account in accounts]
        if command.settings.require_organization and (region is None or isinstance(region, str)):
            where = command.connection.region(region or None)
            answers = command.recipients.organization_problems(accounts, where)
            run.members |= {
                (provider, account): command.recipients.name_of(account)
                for account, problem in answers.items()
                if not problem
            }
            problems += [answers[account] for account in accounts]
    except ExpectedError as error:
        raise pulumi.RunError(str(error)) from error
    return [problem for problem in problems if problem]
