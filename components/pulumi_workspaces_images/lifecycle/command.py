"""What one provider process has in common: its resource classes and its four threads all serve one Pulumi command."""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import pulumi
from pulumi.dynamic import ConfigureRequest

from ..aws.connection import Caller, Connection
from ..aws.permissions import Permissions
from ..configuration.own import Recheck, read_recheck
from ..errors import ConfigurationError, ExpectedError, NotFound, NotTheOwner
from ..share import image_id_problem
from .engine import Engine
from .ledger import Declarations
from .prefetch import Ahead
from .recipients import Guards

T = TypeVar("T")


class Process:
    """The configuration, the connection to AWS, and what the running command has declared and seen so far."""

    def __init__(self, configuration: Mapping[str, object], *, project: str, engine: Engine) -> None:
        """Read the configuration; AWS is not asked before somebody needs it.

        Raises:
            ConfigurationError: a key that cannot be honoured.
        """
        self.engine = engine
        self.recheck = read_recheck(configuration)
        self.connection = Connection(configuration, project=project)
        self.permissions = Permissions(self.connection, before_write=self._end_without_engine)
        self.guards = Guards(configuration, self.connection)
        self.declarations = Declarations()
        self._ahead = Ahead(self.permissions)
        self._looked_ahead: set[tuple[str, str, str, bool]] = set()
        self._warned: set[str] = set()
        if self.never_looks and self.guards.organization_required:
            self.warn_once(
                "workspaces-images:requireOrganization is not looked after, as workspaces-images:recheck is off"
            )

    @property
    def never_looks(self) -> bool:
        """Whether `workspaces-images:recheck` is off."""
        return self.recheck is Recheck.OFF

    def look(self, ask: Callable[[], T]) -> T | None:
        """Look at AWS as `workspaces-images:recheck` has it.

        Returns:
            What `ask` returned; None where AWS was not asked (`off`) or the look failed and that is a warning (`warn`).

        Raises:
            ExpectedError: the look failed (`strict`). A key that cannot be honoured is an error in any case.
        """
        if self.never_looks:
            return None
        try:
            return ask()
        except ConfigurationError:
            raise
        except ExpectedError as error:
            if self.recheck is Recheck.STRICT:
                raise
            self.warn_once(f"{error}; went on without looking, as workspaces-images:recheck is warn")
            return None

    def look_ahead(self, image_id: str, region: str, others: object, *, listings: bool) -> None:
        """Begin the looks that the check and the diff of a resource wait for, and those of the program's other images.

        Args:
            image_id: the resource's image.
            region: its Region.
            others: the program's images as `program.images` tells them; as that is a hint, anything else is nothing.
            listings: whether listings will be needed. New shares are granted without.
        """
        hint = others if isinstance(others, str) else ""
        asked = (image_id, region, hint, listings)  # hundreds of shares ask the same
        if self.never_looks or asked in self._looked_ahead:
            return
        self._looked_ahead.add(asked)
        self._ahead.look(dict.fromkeys([(image_id, region), *self._images_in(hint)]), listings=listings)

    def _images_in(self, hint: str) -> Iterator[tuple[str, str]]:
        try:
            images = json.loads(hint) if hint else []
            for image_id, region in images:
                where = self.connection.region(region)
                if not image_id_problem(image_id) and not self.connection.region_problem(where):
                    yield image_id, where
        except (ExpectedError, AttributeError, TypeError, ValueError):
            pass  # what is wrong with an image, its own check says

    def warn_once(self, message: str) -> None:
        """Show a warning; one about an image is met by each of its shares, and shown once."""
        if message not in self._warned:
            self._warned.add(message)
            self.engine.warn(message)

    def owner(self, image_id: str, region: str) -> str:
        """Return the account that owns an image; empty where nobody says.

        Only the owner can grant and list, so the caller is, or will be refused; where he may not be asked for
        (`aws:skipRequestingAccountId`), the image may know.

        Raises:
            ExpectedError: AWS could not be asked.
        """
        caller = self.connection.caller(region)
        return caller.account if caller else self.permissions.describe(image_id, region).owner_account_id or ""

    def confirm_gone(self, image_id: str, region: str, owner: str | None, error: ExpectedError) -> None:
        """Return if an image that the state holds is gone; to anybody but its owner, one that lives on looks the same.

        Args:
            image_id: the image.
            region: its Region.
            owner: its owner by the state.
            error: how AWS answered.

        Raises:
            NotTheOwner: the caller is not the owner, or nobody can tell.
            ExpectedError: AWS could not be asked; or `error`, if it does not say "not found".
        """
        caller = self.refuse_strangers(image_id, region, owner, str(error))
        if not isinstance(error, NotFound):
            raise error
        if not owner:
            raise NotTheOwner(
                f"{error}; that counts as gone only for its owner, whom the state does not name; if the image is gone, "
                "remove the share from the state with `pulumi state delete`; nothing was changed"
            )
        if not caller:
            raise NotTheOwner(
                f"{error}; that counts as gone only for its owner, account {owner}, and aws:skipRequestingAccountId "
                "forbids asking who the caller is: unset it; nothing was changed"
            )

    def refuse_strangers(self, image_id: str, region: str, owner: str | None, answer: str) -> Caller | None:
        """Return the caller, None where nobody may ask; what AWS answers to anybody but the owner counts for nothing.

        Args:
            image_id: the image.
            region: its Region.
            owner: its owner by the state.
            answer: how AWS answered.

        Raises:
            NotTheOwner: the caller is not the owner.
            ExpectedError: AWS could not be asked.
        """
        caller = self.connection.caller(region)
        if caller and owner and caller.account != owner:
            raise NotTheOwner(
                f"{answer}; image {image_id} is owned by account {owner}, and the caller is account {caller.account} "
                f"({caller.arn}): use the owner's credentials; nothing was changed"
            )
        return caller

    def _end_without_engine(self) -> None:
        # Nobody would record the write, and the next command may already be at work: it must not happen. The gRPC
        # server catches every exception, so this is the one way out; and nobody is left to read a last word.
        if not self.engine.answers():
            os._exit(1)


_process: Process | None = None
_process_lock = threading.Lock()


def configure(request: ConfigureRequest) -> Process:
    """Return this process's one `Process`; the first call, by whichever resource class, makes it."""
    global _process  # one for all provider classes, which the SDK configures one by one
    with _process_lock:
        if _process is None:
            # The engine shows an exception with its whole traceback. An expected failure is one line, so tracebacks
            # are cut off in this process; a bug carries its own (`errors.plainly`).
            sys.tracebacklimit = 0
            # The SDK's `Config` gets single keys only; a key that cannot be honoured has to be found to be refused.
            configuration = request.config._props
            _process = Process(configuration, project=pulumi.get_project(), engine=Engine.of_this_process())
        return _process
