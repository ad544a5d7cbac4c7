"""What all resources of one Pulumi command share: configuration, AWS, the ledger, the messages already shown."""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import pulumi
from pulumi.dynamic import ConfigureRequest

from ..aws.connection import Caller, Connection
from ..aws.once import Once
from ..aws.permissions import Permissions
from ..configuration.own import Recheck, read_own
from ..errors import ConfigurationError, ExpectedError
from ..share import image_id_problem
from . import interruption
from .announcements import Announcements
from .engine import Engine
from .ledger import Ledger
from .ownership import Ownership
from .prefetch import Prefetch
from .recipients import Recipients
from .record import open_record
from .tracebacks import leave_out_of_expected_errors

T = TypeVar("T")


class Command:
    """One Pulumi command: AWS as the stack configures it, what the command declares, and the messages already shown.

    A provider process serves one command, and so does a program. Thread-safe.

    Attributes:
        engine: the engine that runs it; None in a program, where the provider shows the messages.
        settings: the values of our own configuration keys.
        connection: AWS.
        permissions: the permissions of images.
        recipients: the accounts that images may be shared with.
        ownership: the checks that depend on who owns an image.
        ledger: what the running update declares.
        announcements: the lines shown to reviewers.
        previews: whether the command is a preview; None until a check has received that hint.
    """

    def __init__(
        self,
        configuration: Mapping[str, object],
        *,
        project: str,
        engine: Engine | None,
        ledger: Ledger | None = None,
    ) -> None:
        """Read the configuration. AWS is asked only when something is needed from it.

        Args:
            configuration: the stack's raw configuration, keys with their namespace.
            project: the Pulumi project, named in the user agent.
            engine: the engine.
            ledger: the ledger that the processes of this update share. Default: one for this command alone.

        Raises:
            ConfigurationError: a key is unsupported or has a wrong value.
        """
        self.engine = engine
        self.settings = read_own(configuration)
        self.connection = Connection(configuration, project=project, interrupted=interruption.has_come)
        self.permissions = Permissions(self.connection, before_write=self._end_without_engine, wait=interruption.wait)
        self.recipients = Recipients(self.settings, self.connection)
        self.ownership = Ownership(self.connection, self.permissions)
        self.ledger = ledger or Ledger()
        self.announcements = Announcements()
        self.previews: bool | None = None
        self._lock = threading.Lock()
        self._callers: Once[Caller | None] = Once(self.connection.clock)
        self._prefetch = Prefetch(self.permissions)
        self._prefetched: set[tuple[str, str, str, bool]] = set()
        self._warned: set[str] = set()
        self._own = self._agreed = ""
        self._kept_regions: dict[str, str] = {}

    def take_own(self, inputs: Mapping[str, object]) -> None:
        """Read what only the program knows from a resource's hidden inputs (`resources.program.hidden_inputs`).

        Pulumi does not pass the stack's own keys to an explicit provider.

        Args:
            inputs: the resource's inputs. `_own` holds the keys and their raw values as JSON. `_own_digest` is their
                hash, sent when the program expects a process that was given the stack's configuration.

        Raises:
            ConfigurationError: a key has a wrong value, this process was not given the stack's configuration, or the
                hidden inputs did not arrive, so that a guard may be missing.
        """
        own, expected, previews = map(inputs.get, ("_own", "_own_digest", "_preview"))
        if not isinstance(previews, bool):  # the program always sends this one
            raise ConfigurationError(
                "the stack's own keys (workspaces-images:...) do not reach the provider of this resource: name "
                'arguments in ignore_changes of your transformation, not "*"'
            )
        self.previews = previews
        with self._lock:
            if isinstance(own, str) and own != self._own:  # hundreds of shares send the same keys
                self.settings = read_own(json.loads(own))
                self.recipients = Recipients(self.settings, self.connection)
                self._own = own
            if isinstance(expected, str) and expected != self._agreed:
                if expected != self.settings.digest:
                    raise ConfigurationError(
                        "the provider of this resource does not know the stack's own keys (workspaces-images:...): "
                        "give it a pulumi_workspaces_images.Provider in its own options, not by a transformation"
                    )
                self._agreed = expected

    @property
    def never_asks(self) -> bool:
        """Whether `workspaces-images:recheck` is off."""
        return self.settings.recheck is Recheck.OFF

    def recheck(self, ask: Callable[[], T]) -> T | None:
        """Ask AWS in the way that `workspaces-images:recheck` sets.

        Returns:
            What `ask` returned; None if AWS was not asked (`off`), or could not be asked (`warn`, after a warning).

        Raises:
            ExpectedError: AWS could not be asked (`strict`). A configuration error is raised in every mode.
        """
        if self.never_asks:
            return None
        try:
            return ask()
        except ConfigurationError:
            raise
        except ExpectedError as error:
            if self.settings.recheck is Recheck.STRICT:
                raise
            self.warn_once(f"{error}; continued without checking because workspaces-images:recheck is warn")
            return None

    def caller(self, region: str) -> Caller | None:
        """Return the caller's identity for a check, as `Connection.caller` does, but do not repeat a failed request.

        A request without an answer takes up to minutes, and with `recheck: warn` each share would wait for its own.
        """
        return self._callers.get(region, lambda: self.connection.caller(region))

    def kept_region(self, image_id: object, olds: Mapping[str, object]) -> str | None:
        """Return the Region of a resource that has no `region` argument; None if today's configuration decides.

        If only the environment names a Region, the Region in the state is kept: another AWS_REGION moves no share. The
        check of a replacement does not receive the state, but it follows a check of the same image that did.

        Args:
            image_id: the resource's image.
            olds: its inputs in the state, as its check receives them.
        """
        if self.connection.configured_region:
            return None
        region = olds.get("region")
        with self._lock:
            if isinstance(image_id, str) and isinstance(region, str):
                self._kept_regions.setdefault(image_id, region)
            return region if isinstance(region, str) else self._kept_regions.get(str(image_id))

    def regions_of_others(self) -> list[str]:
        """Return the Regions that the state has for the resources checked so far."""
        with self._lock:
            return sorted(set(self._kept_regions.values()))

    def prefetch(self, image_id: str, region: str, others: object, *, listings: bool) -> None:
        """Start to fetch what the checks and diffs of a resource, and of the program's other images, will need.

        Args:
            image_id: the resource's image.
            region: its Region.
            others: images of the program, as `_images` lists them; a hint, so anything malformed is ignored.
            listings: whether listings will be needed. New shares are granted without one.
        """
        hint = others if isinstance(others, str) else ""
        asked = (image_id, region, hint, listings)
        if self.never_asks:
            return
        with self._lock:
            if asked in self._prefetched:  # hundreds of shares ask for the same
                return
            self._prefetched.add(asked)
        beside = self._images_in(hint, self._kept_regions.get(image_id))
        self._prefetch.begin(dict.fromkeys([(image_id, region), *beside]), listings=listings)

    def _images_in(self, hint: str, kept_region: str | None) -> Iterator[tuple[str, str]]:
        try:
            images = json.loads(hint) if hint else []
            for image_id, region in images:
                with contextlib.suppress(ExpectedError):  # an image's own check reports what is wrong with it
                    where = self.connection.valid_region(region or kept_region)
                    if not image_id_problem(image_id):
                        yield image_id, where
        except (AttributeError, TypeError, ValueError):
            pass

    def warn_once(self, message: str) -> None:
        """Show a warning once, although each share of an image may raise it."""
        with self._lock:
            new = message not in self._warned
            self._warned.add(message)
        if new:
            self.warn(message)

    def warn(self, message: str) -> None:
        """Show a warning."""
        if self.engine:
            self.engine.warn(message)

    def info(self, message: str) -> None:
        """Show a line of information."""
        if self.engine:
            self.engine.info(message)

    def _end_without_engine(self) -> None:
        # No engine would record the write, and the next command may already be running, so the write must not happen.
        # The gRPC server catches every exception, so only this ends the process. No one would see a message either.
        if self.engine and not self.engine.lives():
            os._exit(1)


_command: Command | None = None
_command_lock = threading.Lock()


def configure(request: ConfigureRequest) -> Command:
    """Return the command that this provider process serves. The first call, by any provider class, creates it."""
    global _command  # one for all provider classes, which the SDK configures one by one
    with _command_lock:
        if _command is None:
            leave_out_of_expected_errors()
            # The SDK's `Config` reads single keys only. All keys are needed here, to refuse the unsupported ones.
            configuration = request.config._props
            engine = Engine.of_this_process()
            ledger = _shared_ledger(engine)
            _command = Command(configuration, project=pulumi.get_project(), engine=engine, ledger=ledger)
            engine.end_with_it()
            interruption.listen()
        return _command


def _shared_ledger(engine: Engine) -> Ledger:
    if engine.address is None:
        return Ledger()
    try:
        return Ledger(open_record(engine.address, engine.process))
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
        problem = (
            f"the record of what this update declares cannot be written ({error}); set PULUMI_HOME to a writable "
            "folder, and run the command again"
        )
        engine.warn(f"no share can be revoked because {problem}")
        return Ledger(unwritable=problem)
