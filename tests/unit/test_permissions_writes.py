"""Granting and revoking: lost answers, refusals that do not matter, and the hook before each attempt."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from botocore.stub import Stubber

from pulumi_workspaces_images.aws.permissions import Permissions
from pulumi_workspaces_images.errors import AccessDenied, NotFound, Refused, Unanswered
from tests.unit.helpers import GRANT, LEGAL, LIST, SALES, SHARE, Answer, Wire, listing
from tests.unit.workspaces import (
    DENIED,
    GONE,
    GRANTING,
    LOST,
    OK,
    PERMISSIONS,
    REVOKING,
    THROTTLED,
    UNAVAILABLE,
    UPDATE,
    URL,
    grant,
    permissions,
    revoke,
    stub_list,
)


@pytest.fixture
def wired(wire: Wire, make_client: Callable[..., Any]) -> Permissions:
    """Return permissions with a client that retries like the package's own. The hook before each write is logged."""
    return permissions(make_client, before_write=lambda: wire.log.append("before write"))


def attempts(wire: Wire) -> list[str]:
    """Return the log without the waits."""
    return [event for event in wire.log if not event.startswith("wait")]


# Writing.


@pytest.mark.parametrize(
    ("write", "took_effect", "unanswered"),
    [
        (grant, True, LOST),
        (grant, False, ConnectionClosedError(endpoint_url=URL)),
        (revoke, True, (500, "InternalFailure", "Oops.")),
        (revoke, False, THROTTLED),
    ],
)
def test_unanswered_write_is_checked(
    once: Permissions,
    wire: Wire,
    write: Callable[[Permissions], None],
    unanswered: Answer,
    took_effect: bool,
) -> None:
    """It succeeds if AWS lists the share as it should be, and fails otherwise."""
    shared = (write is grant) == took_effect
    wire.will(unanswered, listing(LEGAL, token="next"), listing(SALES) if shared else listing())
    if took_effect:
        write(once)
        assert once.is_shared(SHARE) == shared
    else:
        with pytest.raises(Unanswered, match=f"^{GRANTING if write is grant else REVOKING}: "):
            write(once)
    assert wire.sent == [GRANT, LIST, LIST]


@pytest.mark.parametrize(
    ("write", "look_fails"), [(grant, DENIED), (revoke, LOST), (grant, (400, "ExpiredTokenException", "No."))]
)
def test_unanswered_write_that_cannot_be_checked(
    once: Permissions, wire: Wire, write: Callable[[Permissions], None], look_fails: Answer
) -> None:
    """If the listing fails too, the message is about the write."""
    wire.will(LOST, look_fails)
    with pytest.raises(Unanswered, match=f"^{GRANTING if write is grant else REVOKING}: no answer"):
        write(once)
    assert wire.sent == [GRANT, LIST]


@pytest.mark.parametrize("write", [grant, revoke])
def test_unanswered_write_of_an_image_that_is_gone(
    once: Permissions, wire: Wire, write: Callable[[Permissions], None]
) -> None:
    """The listing shows that the image is gone, and the error says so."""
    wire.will(LOST, GONE)
    with pytest.raises(NotFound):
        write(once)


def test_unanswered_write_is_checked_with_a_new_listing(once: Permissions, wire: Wire) -> None:
    """An earlier listing says nothing about a later write."""
    wire.will(listing(), LOST, listing(SALES))
    assert not once.is_shared(SHARE)
    once.grant(SHARE)
    assert wire.count(LIST) == 2


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "SomethingUndocumented"])
def test_revoke_of_a_share_that_was_not_granted(stubber: Stubber, stubbed: Permissions, code: str) -> None:
    """It succeeds, whatever error AWS answers with, because AWS does not list the share."""
    stubber.add_client_error(UPDATE, code)
    stub_list(stubber, listing(LEGAL))
    assert not stubbed.revoke(SHARE)
    assert not stubbed.is_shared(SHARE)


def test_refused_revoke_of_a_share_that_still_exists(stubber: Stubber, stubbed: Permissions) -> None:
    """It fails, and the message gives AWS's reason."""
    stubber.add_client_error(UPDATE, "OperationNotSupportedException", "Not now.")
    stub_list(stubber, listing(SALES))
    with pytest.raises(Refused, match=f"^{REVOKING}: OperationNotSupportedException: Not now$"):
        stubbed.revoke(SHARE)


def test_revoke_of_an_image_that_is_gone_names_the_share(stubber: Stubber, stubbed: Permissions) -> None:
    stubber.add_client_error(UPDATE, "ResourceNotFoundException")
    stubber.add_client_error(PERMISSIONS, "ResourceNotFoundException")
    with pytest.raises(NotFound, match=f"^{REVOKING}: not found"):
        stubbed.revoke(SHARE)


@pytest.mark.parametrize("write", [grant, revoke])
def test_denied_write_is_not_checked(
    stubber: Stubber, stubbed: Permissions, write: Callable[[Permissions], None]
) -> None:
    """The refusal is reported even if the share is already as it should be."""
    stubber.add_client_error(UPDATE, "AccessDeniedException")
    with pytest.raises(AccessDenied):
        write(stubbed)


@pytest.mark.parametrize("write", [grant, revoke])
def test_result_of_a_failed_write_is_unknown(
    once: Permissions, wire: Wire, write: Callable[[Permissions], None]
) -> None:
    """AWS is asked whether the share exists."""
    wire.will(OK)
    (revoke if write is grant else grant)(once)
    wire.will(LOST, LOST)
    with pytest.raises(Unanswered):
        write(once)
    wire.will(listing(SALES) if write is grant else listing())
    assert once.is_shared(SHARE) == (write is grant)


# Attempts.


def test_hook_runs_before_each_attempt_of_a_write(wired: Permissions, wire: Wire) -> None:
    """It runs after botocore's rate limiter, immediately before the request."""
    wire.will(THROTTLED, THROTTLED, OK)
    wired.grant(SHARE)
    again = ["rate limiter", "before write", GRANT]
    assert attempts(wire) == ["before write", GRANT, *again, *again]


def test_grant_of_an_unavailable_image_is_retried(wired: Permissions, wire: Wire) -> None:
    """Botocore does not retry this error. Each wait is twice as long, and the hook runs before each attempt."""
    wire.will(*[UNAVAILABLE] * 4, OK)
    wired.grant(SHARE)
    attempt = ["before write", GRANT]
    assert wire.log == [
        *attempt,
        "wait 2",
        *attempt,
        "wait 4",
        *attempt,
        "wait 8",
        *attempt,
        "wait 16",
        *attempt,
    ]


def test_grant_of_an_unavailable_image_fails_in_the_end(wired: Permissions, wire: Wire) -> None:
    """After half a minute the user sees AWS's reason."""
    wire.will(*[UNAVAILABLE] * 5, listing())
    with pytest.raises(Refused, match=f"^{GRANTING}: ResourceUnavailableException: The image is being created$"):
        wired.grant(SHARE)
    assert wire.count(GRANT) == 5


def test_listing_of_an_unavailable_image_is_not_retried(wired: Permissions, wire: Wire) -> None:
    """AWS does not document this error for listings."""
    wire.will(UNAVAILABLE)
    with pytest.raises(Refused):
        wired.is_shared(SHARE)
    assert wire.log == [LIST]


def test_refused_grant_of_an_existing_share_adopts_it(wired: Permissions, wire: Wire) -> None:
    """AWS does not document whether it refuses a second grant. A refusal is not retried."""
    wire.will((400, "OperationNotSupportedException", "It is shared already."), listing(SALES))
    wired.grant(SHARE)
    assert attempts(wire) == ["before write", GRANT, LIST]
