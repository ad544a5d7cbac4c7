"""Granting and revoking: lost answers, refusals that do not matter, and the hook before each attempt."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from botocore.stub import Stubber

from pulumi_workspaces_images.aws.permissions import Permissions
from pulumi_workspaces_images.errors import AccessDenied, NotFound, Refused, Unanswered
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import DESCRIBE, GRANT, IMAGE, LEGAL, LIST, REGION, SALES, SHARE, Answer, Wire, listing
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
    stub_update,
)


@pytest.fixture
def wired(wire: Wire, make_client: Callable[..., Any]) -> Permissions:
    """Return permissions with a client that retries like the package's own. The hook before each write is logged."""
    return permissions(make_client, before_write=lambda: wire.log.append("before write"))


def attempts(wire: Wire) -> list[str]:
    """Return the log without the waits."""
    return [event for event in wire.log if not event.startswith("wait")]


# Writing.


def test_grant_and_revoke_are_one_call_each(stubber: Stubber, stubbed: Permissions) -> None:
    stub_update(stubber, True)
    stub_update(stubber, False)
    stubbed.grant(SHARE)
    assert stubbed.revoke(SHARE)  # AWS accepted it, so nobody has to ask whose image it is


def test_own_writes_need_no_listing(stubber: Stubber, stubbed: Permissions) -> None:
    """The last write of a share decides."""
    stub_update(stubber, True)
    stubbed.grant(SHARE)
    assert stubbed.is_shared(SHARE)
    stub_update(stubber, False)
    stubbed.revoke(SHARE)
    assert not stubbed.is_shared(SHARE)


def test_own_writes_update_an_earlier_listing(stubber: Stubber, stubbed: Permissions) -> None:
    """One listing serves the whole command."""
    stub_list(stubber, listing(LEGAL))
    legal = Share(IMAGE, LEGAL, REGION)
    assert not stubbed.is_shared(SHARE)
    stub_update(stubber, True)
    stubbed.grant(SHARE)
    stubber.add_response(UPDATE, {}, {"ImageId": IMAGE, "AllowCopyImage": False, "SharedAccountId": LEGAL})
    stubbed.revoke(legal)
    assert stubbed.is_shared(SHARE)
    assert not stubbed.is_shared(legal)


def test_refused_write_is_not_treated_as_done(stubber: Stubber, stubbed: Permissions) -> None:
    """After a refused grant AWS is asked whether the share exists."""
    stubber.add_client_error(UPDATE, "OperationNotSupportedException")
    with pytest.raises(Refused):
        stubbed.grant(SHARE)
    stub_list(stubber, listing())
    assert not stubbed.is_shared(SHARE)


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


@pytest.mark.parametrize("look_before", [True, False])
def test_unanswered_write_is_checked_with_a_new_listing(once: Permissions, wire: Wire, look_before: bool) -> None:
    """An earlier listing says nothing about a later write."""
    if look_before:
        wire.will(listing())
        assert not once.is_shared(SHARE)
    wire.will(LOST, listing(SALES))
    once.grant(SHARE)
    assert wire.count(LIST) == 1 + look_before


@pytest.mark.parametrize(
    "code",
    [
        "OperationNotSupportedException",
        "InvalidParameterValuesException",
        "ResourceNotFoundException",
        "SomethingUndocumented",
    ],
)
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


def test_refused_revoke_that_cannot_be_checked(stubber: Stubber, stubbed: Permissions) -> None:
    """Without a listing a refusal is not treated as success."""
    stubber.add_client_error(UPDATE, "OperationNotSupportedException", "Not now.")
    stubber.add_client_error(PERMISSIONS, "AccessDeniedException")
    with pytest.raises(Refused, match="Not now"):
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


@pytest.mark.parametrize("write", [grant, revoke])
def test_listing_before_a_failed_write_is_not_used_any_more(
    once: Permissions, wire: Wire, write: Callable[[Permissions], None]
) -> None:
    """The write may have taken effect, so AWS is asked again."""
    wire.will(listing() if write is grant else listing(SALES), LOST, LOST)
    assert once.is_shared(SHARE) == (write is revoke)
    with pytest.raises(Unanswered):
        write(once)
    wire.will(listing(SALES) if write is grant else listing())
    assert once.is_shared(SHARE) == (write is grant)
    assert once.shared_with(IMAGE, REGION) == ({SALES} if write is grant else set())


# Attempts.


def test_hook_runs_before_each_attempt_of_a_write(wired: Permissions, wire: Wire) -> None:
    """It runs after botocore's rate limiter, immediately before the request."""
    wire.will(THROTTLED, THROTTLED, OK)
    wired.grant(SHARE)
    again = ["rate limiter", "before write", GRANT]
    assert attempts(wire) == ["before write", GRANT, *again, *again]


def test_hook_runs_before_each_attempt_of_a_revoke(wired: Permissions, wire: Wire) -> None:
    """A lost answer causes a second attempt."""
    wire.will(LOST, OK)
    wired.revoke(SHARE)
    assert attempts(wire) == ["before write", GRANT] * 2


def test_hook_does_not_run_before_reads(wired: Permissions, wire: Wire) -> None:
    """Reads are harmless even if the engine has died."""
    wire.will(listing(), THROTTLED, {"Images": [{"ImageId": IMAGE}]})
    wired.is_shared(SHARE)
    wired.describe(IMAGE, REGION)
    assert "before write" not in wire.log
    assert wire.count(DESCRIBE) == 2


@pytest.mark.parametrize("throttled", [0, 1])
def test_exception_of_the_hook_ends_the_write(make_client: Callable[..., Any], wire: Wire, throttled: int) -> None:
    """No request follows, neither another attempt nor a listing."""

    def stop() -> None:
        if wire.count(GRANT) == throttled:
            raise KeyError("the engine is gone")

    wire.will(*[THROTTLED] * throttled)
    with pytest.raises(KeyError):
        permissions(make_client, before_write=stop).grant(SHARE)
    assert wire.count(GRANT) == throttled
    assert wire.count(LIST) == 0


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


def test_other_refusals_are_not_retried(wired: Permissions, wire: Wire) -> None:
    """A retry would not help."""
    wire.will((400, "OperationNotSupportedException", "No."), listing())
    with pytest.raises(Refused):
        wired.grant(SHARE)
    assert attempts(wire) == ["before write", GRANT, LIST]


def test_refused_grant_of_an_existing_share_adopts_it(wired: Permissions, wire: Wire) -> None:
    """AWS does not document whether it refuses a second grant."""
    wire.will((400, "OperationNotSupportedException", "It is shared already."), listing(SALES))
    wired.grant(SHARE)
