"""The engine runs four operations at once. Those on the same share wait for each other."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from local.cloud import AwsError, Call, LocalCloud, Response
from pulumi_workspaces_images.errors import AccessDenied, ExpectedError
from pulumi_workspaces_images.lifecycle.ledger import Ledger
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import GRANT, LEGAL, SALES, Command


class Held:
    """Holds a grant or a revoke in the local cloud until the test lets it continue. It can then be refused."""

    def __init__(self, cloud: LocalCloud, allow: bool, refuse: bool = False) -> None:
        self.arrived, self.go_on = threading.Event(), threading.Event()
        self._allow, self._refuse = allow, refuse
        cloud.interceptors.append(self)

    def __call__(self, call: Call, proceed: Callable[[], Response]) -> Response:
        if call.operation == GRANT and call.parameters["AllowCopyImage"] == self._allow:
            self.arrived.set()
            assert self.go_on.wait(5)
            if self._refuse:
                raise AwsError("AccessDeniedException", "Not now.")
        return proceed()


@pytest.mark.parametrize("operation", ["diff", "create"])
def test_share_that_is_being_revoked(cloud: LocalCloud, command: Command, shared: Share, operation: str) -> None:
    """A diff waits for the revoke, and reports a change. A grant waits too, so the share exists in the end."""
    held = Held(cloud, allow=False)
    with ThreadPoolExecutor(2) as pool:
        deleting = pool.submit(command.delete, shared)
        assert held.arrived.wait(5)
        command.declare(shared)
        waiting = pool.submit(getattr(command, operation), shared)
        assert not wait([waiting], 0.05).done
        held.go_on.set()
        deleting.result(5)
        result = waiting.result(5)
    if operation == "diff":
        assert result.changes is True
    else:
        assert cloud.shared_with(shared.image_id) == {SALES}


def test_revoke_waits_for_a_grant(
    cloud: LocalCloud, command: Command, shared: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delete decides when its turn comes, after the result of the grant is recorded, however long that takes."""
    note = Ledger.failed

    def slowly(declarations: Ledger, share: Share | None) -> None:
        time.sleep(0.1)
        note(declarations, share)

    monkeypatch.setattr(Ledger, "failed", slowly)
    held = Held(cloud, allow=True, refuse=True)
    command.declare(shared)
    with ThreadPoolExecutor(2) as pool:
        creating = pool.submit(command.create, shared)
        assert held.arrived.wait(5)
        deleting = pool.submit(command.delete, shared)
        assert not wait([deleting], 0.05).done
        held.go_on.set()
        with pytest.raises(AccessDenied):
            creating.result(5)
        with pytest.raises(ExpectedError, match="kept"):
            deleting.result(5)
    assert cloud.shared_with(shared.image_id) == {SALES}


def test_shares_do_not_wait_for_each_other(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A slow revoke delays only its own share."""
    held = Held(cloud, allow=False)
    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(command.delete, shared)
        assert held.arrived.wait(5)
        command.create(shared._replace(shared_account_id=LEGAL))
        assert not deleting.done()
        held.go_on.set()
        deleting.result(5)
    assert cloud.shared_with(shared.image_id) == {LEGAL}
