"""Granting and revoking: lost answers, refusals that are none, and attempts that ask first."""

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
    """Permissions over a client that tries as often as the package's own; every write asks first."""
    return permissions(make_client, before_write=lambda: wire.log.append("before write"))


def attempts(wire: Wire) -> list[str]:
    """Return what happened, without what was waited."""
    return [event for event in wire.log if not event.startswith("wait")]


# Writing.


def test_grant_and_revoke_say_what_they_should(stubber: Stubber, stubbed: Permissions) -> None:
    """A write that succeeds is one call."""
    stub_update(stubber, True)
    stub_update(stubber, False)
    stubbed.grant(SHARE)
    stubbed.revoke(SHARE)


def test_own_writes_are_known_without_a_look(stubber: Stubber, stubbed: Permissions) -> None:
    """The last write of a share decides, whatever was listed before; no look is made for it."""
    stub_update(stubber, True)
    stubbed.grant(SHARE)
    assert stubbed.is_shared(SHARE)
    stub_update(stubber, False)
    stubbed.revoke(SHARE)
    assert not stubbed.is_shared(SHARE)


def test_own_writes_correct_an_earlier_listing(stubber: Stubber, stubbed: Permissions) -> None:
    """One listing serves for the whole command, as far as this process has not written itself."""
    stub_list(stubber, listing(LEGAL))
    legal = Share(IMAGE, LEGAL, REGION)
    assert not stubbed.is_shared(SHARE)
    stub_update(stubber, True)
    stubbed.grant(SHARE)
    stubber.add_response(UPDATE, {}, {"ImageId": IMAGE, "AllowCopyImage": False, "SharedAccountId": LEGAL})
    stubbed.revoke(legal)
    assert stubbed.is_shared(SHARE)
    assert not stubbed.is_shared(legal)


def test_refused_write_is_not_taken_for_done(stubber: Stubber, stubbed: Permissions) -> None:
    """After a grant that failed, AWS is asked."""
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
def test_unanswered_write_is_settled_by_looking(
    once: Permissions,
    wire: Wire,
    write: Callable[[Permissions], None],
    unanswered: Answer,
    took_effect: bool,
) -> None:
    """The share is listed as it should be: success, and known from then on. It is not: the failure of the write."""
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
def test_unanswered_write_that_cannot_be_settled(
    once: Permissions, wire: Wire, write: Callable[[Permissions], None], look_fails: Answer
) -> None:
    """Where the look fails as well, the message is about the write."""
    wire.will(LOST, look_fails)
    with pytest.raises(Unanswered, match=f"^{GRANTING if write is grant else REVOKING}: no answer"):
        write(once)
    assert wire.sent == [GRANT, LIST]


@pytest.mark.parametrize("write", [grant, revoke])
def test_unanswered_write_of_an_image_that_is_gone(
    once: Permissions, wire: Wire, write: Callable[[Permissions], None]
) -> None:
    """The look says that there is nothing to share any more."""
    wire.will(LOST, GONE)
    with pytest.raises(NotFound):
        write(once)


@pytest.mark.parametrize("look_before", [True, False])
def test_write_is_settled_by_a_look_made_since(once: Permissions, wire: Wire, look_before: bool) -> None:
    """An earlier listing tells nothing about a write that came after it."""
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
def test_revoke_of_what_was_not_granted(stubber: Stubber, stubbed: Permissions, code: str) -> None:
    """However AWS refuses to revoke what is not there: not listed is success."""
    stubber.add_client_error(UPDATE, code)
    stub_list(stubber, listing(LEGAL))
    stubbed.revoke(SHARE)
    assert not stubbed.is_shared(SHARE)


def test_refused_revoke_of_what_is_still_there(stubber: Stubber, stubbed: Permissions) -> None:
    """A share that AWS still lists was not revoked, and the message says why."""
    stubber.add_client_error(UPDATE, "OperationNotSupportedException", "Not now.")
    stub_list(stubber, listing(SALES))
    with pytest.raises(Refused, match=f"^{REVOKING}: OperationNotSupportedException: Not now$"):
        stubbed.revoke(SHARE)


def test_refused_revoke_where_nobody_may_look(stubber: Stubber, stubbed: Permissions) -> None:
    """A refusal is not taken for success without having looked."""
    stubber.add_client_error(UPDATE, "OperationNotSupportedException", "Not now.")
    stubber.add_client_error(PERMISSIONS, "AccessDeniedException")
    with pytest.raises(Refused, match="Not now"):
        stubbed.revoke(SHARE)


def test_revoke_of_an_image_that_is_gone_names_the_share(stubber: Stubber, stubbed: Permissions) -> None:
    """The line says what was being done, to which image and account."""
    stubber.add_client_error(UPDATE, "ResourceNotFoundException")
    stubber.add_client_error(PERMISSIONS, "ResourceNotFoundException")
    with pytest.raises(NotFound, match=f"^{REVOKING}: not found"):
        stubbed.revoke(SHARE)


@pytest.mark.parametrize("write", [grant, revoke])
def test_denied_write_is_not_looked_after(
    stubber: Stubber, stubbed: Permissions, write: Callable[[Permissions], None]
) -> None:
    """AWS has answered: there is nothing to settle, and what is there does not hide the refusal."""
    stubber.add_client_error(UPDATE, "AccessDeniedException")
    with pytest.raises(AccessDenied):
        write(stubbed)


@pytest.mark.parametrize("write", [grant, revoke])
def test_failed_write_is_not_known_any_more(
    once: Permissions, wire: Wire, write: Callable[[Permissions], None]
) -> None:
    """After a write of which nobody knows how it ended, AWS is asked."""
    wire.will(OK)
    (revoke if write is grant else grant)(once)
    wire.will(LOST, LOST)
    with pytest.raises(Unanswered):
        write(once)
    wire.will(listing(SALES) if write is grant else listing())
    assert once.is_shared(SHARE) == (write is grant)


@pytest.mark.parametrize("write", [grant, revoke])
def test_what_was_listed_before_a_failed_write_is_not_known_any_more(
    once: Permissions, wire: Wire, write: Callable[[Permissions], None]
) -> None:
    """AWS may have done it for all that, so a message that goes by the earlier look would be wrong."""
    wire.will(listing() if write is grant else listing(SALES), LOST, LOST)
    assert once.is_shared(SHARE) == (write is revoke)
    with pytest.raises(Unanswered):
        write(once)
    wire.will(listing(SALES) if write is grant else listing())
    assert once.is_shared(SHARE) == (write is grant)
    assert once.shared_with(IMAGE, REGION) == ({SALES} if write is grant else set())


# Attempts.


def test_before_write_comes_before_each_attempt_of_a_write(wired: Permissions, wire: Wire) -> None:
    """Twice throttled: three attempts, and each time the question comes last, after botocore has held it back."""
    wire.will(THROTTLED, THROTTLED, OK)
    wired.grant(SHARE)
    again = ["rate limiter", "before write", GRANT]
    assert attempts(wire) == ["before write", GRANT, *again, *again]


def test_before_write_comes_before_a_revoke(wired: Permissions, wire: Wire) -> None:
    """A revoke is a write, too; a lost answer is one more attempt."""
    wire.will(LOST, OK)
    wired.revoke(SHARE)
    assert attempts(wire) == ["before write", GRANT] * 2


def test_reads_need_no_permission_to_write(wired: Permissions, wire: Wire) -> None:
    """Looking is harmless, whoever has died."""
    wire.will(listing(), THROTTLED, {"Images": [{"ImageId": IMAGE}]})
    wired.is_shared(SHARE)
    wired.describe(IMAGE, REGION)
    assert "before write" not in wire.log
    assert wire.count(DESCRIBE) == 2


@pytest.mark.parametrize("throttled", [0, 1])
def test_what_before_write_raises_ends_the_write(make_client: Callable[..., Any], wire: Wire, throttled: int) -> None:
    """Nothing is sent after it, no matter which attempt it was, and the write is not settled by looking."""

    def stop() -> None:
        if wire.count(GRANT) == throttled:
            raise KeyError("the engine is gone")

    wire.will(*[THROTTLED] * throttled)
    with pytest.raises(KeyError):
        permissions(make_client, before_write=stop).grant(SHARE)
    assert wire.count(GRANT) == throttled
    assert wire.count(LIST) == 0


def test_unavailable_image_is_waited_for(wired: Permissions, wire: Wire) -> None:
    """It passes, which botocore does not know: some seconds, each time twice as many, and asked again before each."""
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


def test_unavailable_image_is_not_waited_for_forever(wired: Permissions, wire: Wire) -> None:
    """After half a minute the user learns why."""
    wire.will(*[UNAVAILABLE] * 5, listing())
    with pytest.raises(Refused, match=f"^{GRANTING}: ResourceUnavailableException: The image is being created$"):
        wired.grant(SHARE)
    assert wire.count(GRANT) == 5


def test_only_writes_wait_for_an_image(wired: Permissions, wire: Wire) -> None:
    """Listing is not documented to be refused for that."""
    wire.will(UNAVAILABLE)
    with pytest.raises(Refused):
        wired.is_shared(SHARE)
    assert wire.log == [LIST]


def test_other_refusals_are_not_repeated(wired: Permissions, wire: Wire) -> None:
    """Asking again would not help."""
    wire.will((400, "OperationNotSupportedException", "No."), listing())
    with pytest.raises(Refused):
        wired.grant(SHARE)
    assert attempts(wire) == ["before write", GRANT, LIST]


def test_grant_that_is_refused_because_it_is_there(wired: Permissions, wire: Wire) -> None:
    """How AWS takes a second grant is undocumented: what is there already is adopted."""
    wire.will((400, "OperationNotSupportedException", "It is shared already."), listing(SALES))
    wired.grant(SHARE)
