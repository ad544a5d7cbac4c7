"""What Amazon WorkSpaces can do: pages, errors, lost answers, retries, and looks that are made once for all."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import Stubber

from pulumi_workspaces_images import permissions as module
from pulumi_workspaces_images.connection import Caller, Connection
from pulumi_workspaces_images.errors import (
    AccessDenied,
    ConfigurationError,
    CredentialsError,
    ExpectedError,
    NotFound,
    Refused,
    Unanswered,
)
from pulumi_workspaces_images.looks import MAX_AGE
from pulumi_workspaces_images.permissions import DEADLINE, PAGE_SIZE, Image, Permissions
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import (
    CALLER,
    DESCRIBE,
    GRANT,
    IMAGE,
    LEGAL,
    LIST,
    OWNER,
    REGION,
    SALES,
    SHARE,
    Answer,
    Clock,
    FakeConnection,
    Wire,
    listing,
)

URL = "https://workspaces.us-east-1.amazonaws.com/"
GRANTING = f"sharing image {IMAGE} with {SALES} in {REGION}"
REVOKING = f"unsharing image {IMAGE} from {SALES} in {REGION}"
LISTING = f"listing the shares of image {IMAGE} in {REGION}"
LOOKING = f"looking at image {IMAGE} in {REGION}"

UPDATE = "update_workspace_image_permission"
PERMISSIONS = "describe_workspace_image_permissions"
IMAGES = "describe_workspace_images"

LOST: Answer = ReadTimeoutError(endpoint_url=URL)
THROTTLED: Answer = (400, "ThrottlingException", "Rate exceeded")
UNAVAILABLE: Answer = (400, "ResourceUnavailableException", "The image is being created.")
DENIED: Answer = (400, "AccessDeniedException", "No.")
GONE: Answer = (400, "ResourceNotFoundException", "No such image.")
OK: Answer = {}


def permissions(make: Callable[[str], Any], caller: Caller | None = None, **options: Any) -> Permissions:
    return Permissions(cast(Connection, FakeConnection(make, caller)), **options)


@pytest.fixture
def stubber(make_client: Callable[..., Any]) -> Iterator[Stubber]:
    """A real client whose calls are answered one by one, and checked against the service's model."""
    with Stubber(make_client(REGION)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def stubbed(stubber: Stubber) -> Permissions:
    """Permissions of a caller whom AWS has not been asked for."""
    return permissions(lambda _: stubber.client)


@pytest.fixture
def once(wire: Wire, make_client: Callable[..., Any]) -> Permissions:
    """Permissions over a client that does not try again by itself."""
    return permissions(lambda region: make_client(region, attempts=1))


@pytest.fixture
def wired(wire: Wire, make_client: Callable[..., Any]) -> Permissions:
    """Permissions over a client that tries as often as the package's own; every write asks first."""
    return permissions(make_client, before_write=lambda: wire.log.append("before write"))


def stub_list(stubber: Stubber, page: dict[str, Any], token: str | None = None) -> None:
    expected: dict[str, Any] = {"ImageId": IMAGE, "MaxResults": PAGE_SIZE}
    stubber.add_response(PERMISSIONS, page, expected if token is None else {**expected, "NextToken": token})


def stub_describe(stubber: Stubber, *images: dict[str, Any]) -> None:
    stubber.add_response(IMAGES, {"Images": list(images)}, {"ImageIds": [IMAGE]})


def stub_update(stubber: Stubber, allow: bool) -> None:
    request = {"ImageId": IMAGE, "AllowCopyImage": allow, "SharedAccountId": SALES}
    stubber.add_response(UPDATE, {}, request)


def attempts(wire: Wire) -> list[str]:
    """What happened, without what was waited."""
    return [event for event in wire.log if not event.startswith("wait")]


# Listing.


def test_permission_is_listed(stubber: Stubber, stubbed: Permissions) -> None:
    """One listing tells of every account."""
    stub_list(stubber, listing(LEGAL, SALES))
    assert stubbed.is_shared(SHARE)
    assert stubbed.is_shared(Share(IMAGE, LEGAL, REGION))
    assert not stubbed.is_shared(Share(IMAGE, "444444444444", REGION))


def test_listing_goes_on_to_the_last_page(stubber: Stubber, stubbed: Permissions) -> None:
    """Each page is asked for with the token of the one before it, an empty one too."""
    stub_list(stubber, listing("444444444444", token="one"))
    stub_list(stubber, listing(token="two"), "one")
    stub_list(stubber, listing(SALES, token="three"), "two")
    stub_list(stubber, listing(LEGAL), "three")
    accounts = ["444444444444", SALES, LEGAL, "555555555555"]
    assert [stubbed.is_shared(Share(IMAGE, account, REGION)) for account in accounts] == [True, True, True, False]


def test_listing_of_an_image_without_shares(stubber: Stubber, stubbed: Permissions) -> None:
    """AWS may leave out the list, or an account in it."""
    stubber.add_response(PERMISSIONS, {"NextToken": "one"})
    stub_list(stubber, {"ImagePermissions": [{}]}, "one")
    assert not stubbed.is_shared(SHARE)


def test_one_failing_page_fails_the_listing(stubber: Stubber, stubbed: Permissions) -> None:
    """Half a listing is none: an account on the missing page would count as revoked."""
    stub_list(stubber, listing(LEGAL, token="one"))
    stubber.add_client_error(PERMISSIONS, "AccessDeniedException", "No.")
    with pytest.raises(AccessDenied):
        stubbed.is_shared(SHARE)


def test_listings_of_images_and_regions_are_their_own(wire: Wire, make_client: Callable[..., Any]) -> None:
    """The same image id in another Region is another image; there is one client for each Region."""
    connection = FakeConnection(make_client)
    asked = Permissions(cast(Connection, connection))
    wire.will(listing(SALES), listing(), listing())
    assert asked.is_shared(SHARE)
    assert not asked.is_shared(SHARE._replace(region="eu-west-1"))
    assert not asked.is_shared(SHARE._replace(image_id="wsi-999999999"))
    assert wire.log == [LIST] * 3
    assert connection.made == [("workspaces", REGION), ("workspaces", "eu-west-1")]


# Describing.


def test_image_is_described(stubber: Stubber, stubbed: Permissions) -> None:
    """State, tenancy and owner, as far as AWS tells them; others in the answer are not confused with it."""
    other = {"ImageId": "wsi-999999999", "State": "ERROR", "OwnerAccountId": SALES}
    image = {"ImageId": IMAGE, "State": "AVAILABLE", "RequiredTenancy": "DEFAULT", "OwnerAccountId": OWNER}
    stub_describe(stubber, other, image)
    assert stubbed.describe(IMAGE, REGION) == Image(IMAGE, "AVAILABLE", byol=False, owner_account_id=OWNER)


def test_byol_image(stubber: Stubber, stubbed: Permissions) -> None:
    """Dedicated tenancy means an own licence."""
    stub_describe(stubber, {"ImageId": IMAGE, "State": "PENDING", "RequiredTenancy": "DEDICATED"})
    assert stubbed.describe(IMAGE, REGION) == Image(IMAGE, "PENDING", byol=True, owner_account_id=None)


def test_image_of_which_aws_tells_nothing(stubber: Stubber, stubbed: Permissions) -> None:
    """Every member of the answer is optional."""
    stub_describe(stubber, {}, {"ImageId": IMAGE})
    assert stubbed.describe(IMAGE, REGION) == Image(IMAGE, "", byol=False, owner_account_id=None)


@pytest.mark.parametrize("answer", [{}, {"Images": []}, {"Images": [{"ImageId": "wsi-999999999"}]}])
def test_image_that_is_not_in_the_answer(stubber: Stubber, stubbed: Permissions, answer: dict[str, Any]) -> None:
    """AWS answers with an empty list where it does not know an image."""
    stubber.add_response(IMAGES, answer)
    with pytest.raises(NotFound, match=f"^{LOOKING}: not found$"):
        stubbed.describe(IMAGE, REGION)


def test_images_and_regions_are_described_one_by_one(wire: Wire, make_client: Callable[..., Any]) -> None:
    """What is known of one image says nothing of another, nor of its namesake in another Region."""
    asked = permissions(make_client)
    places = [(IMAGE, REGION), (IMAGE, "eu-west-1"), ("wsi-999999999", REGION)]
    wire.will(*[{"Images": [{"ImageId": image_id, "State": region}]} for image_id, region in places])
    assert [asked.describe(*place) for place in places * 2] == [
        Image(image_id, region, byol=False, owner_account_id=None) for image_id, region in places * 2
    ]
    assert wire.log == [DESCRIBE] * 3


def test_owned_images(stubber: Stubber, stubbed: Permissions) -> None:
    """All pages of the caller's own images, asked for once; what AWS does not tell stays empty."""
    created = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    golden = {"ImageId": IMAGE, "Name": "golden", "Created": created, "State": "AVAILABLE", "OwnerAccountId": OWNER}
    request = {"ImageType": "OWNED", "MaxResults": PAGE_SIZE}
    stubber.add_response(IMAGES, {"Images": [golden, {}], "NextToken": "next"}, request)
    stubber.add_response(IMAGES, {"Images": [{"ImageId": "wsi-999999999"}]}, {**request, "NextToken": "next"})
    images = stubbed.owned_images(REGION)
    assert images == (
        Image(IMAGE, "AVAILABLE", byol=False, owner_account_id=OWNER, name="golden", created=created),
        Image("wsi-999999999", "", byol=False, owner_account_id=None),
    )
    assert images[0].created is not None
    assert images[0].created.tzinfo is timezone.utc
    assert stubbed.owned_images(REGION) == images


def test_owned_images_that_may_not_be_listed(stubber: Stubber, stubbed: Permissions) -> None:
    """Half a listing is none."""
    stubber.add_response(IMAGES, {"Images": [{"ImageId": IMAGE}], "NextToken": "next"})
    stubber.add_client_error(IMAGES, "AccessDeniedException")
    with pytest.raises(AccessDenied, match=f"^listing the images in {REGION}: .*workspaces:{DESCRIBE}"):
        stubbed.owned_images(REGION)


def test_shared_with_is_the_listing_and_what_was_written_since(stubber: Stubber, stubbed: Permissions) -> None:
    """One listing, corrected by this process's own writes of that image in that Region."""
    stub_list(stubber, listing(LEGAL, SALES))
    assert stubbed.shared_with(IMAGE, REGION) == {LEGAL, SALES}
    stub_update(stubber, False)
    stubbed.revoke(SHARE)
    assert stubbed.shared_with(IMAGE, REGION) == {LEGAL}
    stub_update(stubber, True)
    stubbed.grant(SHARE)
    for other in (Share("wsi-999999999", "444444444444", REGION), Share(IMAGE, LEGAL, "eu-west-1")):
        stubber.add_response(UPDATE, {})
        stubbed.grant(other) if other.image_id != IMAGE else stubbed.revoke(other)
    assert stubbed.shared_with(IMAGE, REGION) == {LEGAL, SALES}


# Errors.


def grant(asked: Permissions) -> None:
    asked.grant(SHARE)


def revoke(asked: Permissions) -> None:
    asked.revoke(SHARE)


def look(asked: Permissions) -> None:
    asked.is_shared(SHARE)


def describe(asked: Permissions) -> None:
    asked.describe(IMAGE, REGION)


MODELLED = [
    *[
        (operation, method, doing, iam, code, kind)
        for operation, method, doing, iam in [
            (grant, UPDATE, GRANTING, GRANT),
            (look, PERMISSIONS, LISTING, LIST),
            (describe, IMAGES, LOOKING, DESCRIBE),
        ]
        for code, kind in [
            ("AccessDeniedException", AccessDenied),
            ("ResourceNotFoundException", NotFound),
            ("InvalidParameterValuesException", Refused),
            ("OperationNotSupportedException", Refused),
            ("ResourceUnavailableException", Refused),
            ("ExpiredTokenException", CredentialsError),
        ]
    ],
    (revoke, UPDATE, REVOKING, GRANT, "AccessDeniedException", AccessDenied),
    (revoke, UPDATE, REVOKING, GRANT, "ExpiredTokenException", CredentialsError),
]


@pytest.mark.parametrize("caller", [None, CALLER], ids=["unknown caller", "known caller"])
@pytest.mark.parametrize(
    ("operation", "method", "doing", "iam", "code", "kind"),
    [pytest.param(*case, id=f"{case[0].__name__}-{case[4]}") for case in MODELLED],
)
def test_error_of_an_operation(
    stubber: Stubber,
    operation: Callable[[Permissions], None],
    method: str,
    doing: str,
    iam: str,
    code: str,
    kind: type[ExpectedError],
    caller: Caller | None,
) -> None:
    """Each error is typed, and its line says what was being done, where, as whom and with which IAM action."""
    stubber.add_client_error(method, code, "AWS said so.")
    with pytest.raises(kind) as caught:
        operation(permissions(lambda _: stubber.client, caller))
    line = str(caught.value)
    assert line.startswith(f"{doing} as {CALLER.arn}: " if caller else f"{doing}: ")
    assert "AWS said so" in line
    assert (f"the caller needs workspaces:{iam} " in line) == (kind is AccessDenied)
    assert caught.value.__cause__ is None


def test_missing_credentials(once: Permissions, monkeypatch: pytest.MonkeyPatch) -> None:
    """What botocore raises before it asks is an expected error too."""

    def refuse(*_: object, **__: object) -> None:
        raise NoCredentialsError

    monkeypatch.setattr("botocore.signers.RequestSigner.sign", refuse)
    with pytest.raises(CredentialsError, match=f"^{LISTING}: no usable AWS credentials"):
        once.is_shared(SHARE)


def test_connection_that_fails_is_asked_again(wire: Wire, make_client: Callable[..., Any]) -> None:
    """A client that could not be made is made by the next call, and the failure is not wrapped."""
    failures = [ConfigurationError("aws:profile names no profile")]

    def make(region: str) -> Any:
        if failures:
            raise failures.pop()
        return make_client(region)

    asked = permissions(make)
    with pytest.raises(ConfigurationError, match=r"^aws:profile names no profile$"):
        asked.grant(SHARE)
    wire.will(OK)
    asked.grant(SHARE)
    assert wire.log == [GRANT]


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
    "unanswered",
    [
        ReadTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL, error="refused"),
        (500, "InternalFailure", "Oops."),
        (503, "ServiceUnavailable", "Oops."),
        THROTTLED,
    ],
    ids=str,
)
@pytest.mark.parametrize("write", [grant, revoke])
@pytest.mark.parametrize("took_effect", [True, False])
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


@pytest.mark.parametrize("write", [grant, revoke])
@pytest.mark.parametrize("look_fails", [DENIED, LOST, (400, "ExpiredTokenException", "No.")], ids=str)
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


def test_revoke_of_an_image_that_is_gone(stubber: Stubber, stubbed: Permissions) -> None:
    """Whether it is really gone is not settled here: another account would read the same."""
    stubber.add_client_error(UPDATE, "ResourceNotFoundException")
    stubber.add_client_error(PERMISSIONS, "ResourceNotFoundException")
    with pytest.raises(NotFound):
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


# The deadline.


@pytest.fixture
def clock() -> Clock:
    """The time, which passes only where a test says so."""
    return Clock()


@pytest.fixture
def timed(wire: Wire, make_client: Callable[..., Any], clock: Clock) -> Permissions:
    """Permissions whose every call takes 100 seconds."""

    def pass_time(_: str) -> None:
        clock.now += 100

    wire.arrived = pass_time
    return permissions(make_client, clock=clock, before_write=lambda: wire.log.append("before write"))


def test_throttling_survived(timed: Permissions, wire: Wire) -> None:
    """Throttling that ends in time is not an error."""
    wire.will(THROTTLED, THROTTLED, THROTTLED, OK)
    timed.grant(SHARE)
    assert wire.count(GRANT) == 4


def test_throttling_without_an_end(timed: Permissions, wire: Wire) -> None:
    """A call ends at its deadline, with what it was about; and no write is attempted, nor asked about, after it."""
    wire.will(*[THROTTLED] * 4, DENIED)
    with pytest.raises(Unanswered) as caught:
        timed.grant(SHARE)
    assert str(caught.value) == (
        f"{GRANTING}: AWS throttled or failed every attempt for {DEADLINE:.0f} s; try again later"
    )
    assert wire.count(GRANT) == wire.count("before write") == 4


def test_write_that_came_too_late_is_settled_by_looking(timed: Permissions, wire: Wire) -> None:
    """One of the attempts may have been heard; the look has a deadline of its own."""
    wire.will(*[LOST] * 4, THROTTLED, listing(SALES))
    timed.grant(SHARE)
    assert wire.count(LIST) == 2


def test_look_without_an_end(timed: Permissions, wire: Wire) -> None:
    """Reads have the same deadline."""
    wire.will(*[THROTTLED] * 4)
    with pytest.raises(Unanswered, match=f"^{LISTING}: AWS throttled or failed every attempt"):
        timed.is_shared(SHARE)
    assert wire.count(LIST) == 4


def test_each_call_has_its_own_deadline(timed: Permissions, wire: Wire) -> None:
    """A listing of many pages may take its time, as long as AWS answers."""
    wire.will(*[listing(token=str(page)) for page in range(5)], listing(SALES))
    assert timed.is_shared(SHARE)


def test_deadlines_of_threads_are_their_own(wire: Wire, make_client: Callable[..., Any], clock: Clock) -> None:
    """A call that begins later does not give more time to one that runs already."""
    asked = permissions(make_client, clock=clock)
    running, begun = threading.Event(), threading.Event()

    def arrived(operation: str) -> None:
        if operation == LIST:
            clock.now += DEADLINE - 1
            running.set()
            assert begun.wait(5)
            clock.now += 2

    wire.arrived = arrived
    wire.will(THROTTLED)
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(asked.is_shared, SHARE)
        assert running.wait(5)
        wire.will({"Images": [{"ImageId": IMAGE}]})
        asked.describe(IMAGE, REGION)
        begun.set()
        with pytest.raises(Unanswered, match=f"^{LISTING}"):
            looking.result(5)
    assert wire.count(LIST) == 1


# One look for all.


def test_look_is_good_for_some_time(wire: Wire, make_client: Callable[..., Any], clock: Clock) -> None:
    """One look answers until it is old, counted from its answer; then it is made anew."""
    asked = permissions(make_client, clock=clock)

    def pass_time(_: str) -> None:
        clock.now += 50

    wire.arrived = pass_time
    image = {"Images": [{"ImageId": IMAGE, "State": "PENDING"}]}
    wire.will(listing(SALES), image)
    assert asked.is_shared(SHARE)
    asked.describe(IMAGE, REGION)
    clock.now += MAX_AGE - 50
    assert asked.is_shared(SHARE)
    assert asked.describe(IMAGE, REGION).state == "PENDING"
    assert wire.log == [LIST, DESCRIBE]
    clock.now += 51
    wire.arrived = lambda _: None
    wire.will(listing(), {"Images": [{"ImageId": IMAGE, "State": "AVAILABLE"}]})
    assert not asked.is_shared(SHARE)
    assert asked.describe(IMAGE, REGION).state == "AVAILABLE"


def test_own_write_does_not_age(wire: Wire, make_client: Callable[..., Any], clock: Clock) -> None:
    """What this command wrote stays known for the command."""
    asked = permissions(make_client, clock=clock)
    wire.will(OK)
    asked.grant(SHARE)
    clock.now += 10 * MAX_AGE
    assert asked.is_shared(SHARE)
    assert wire.log == [GRANT]


def test_failed_look_is_not_repeated(wire: Wire, make_client: Callable[..., Any], clock: Clock) -> None:
    """A hundred shares of an image that may not be listed fail with one call; later it is tried again."""
    asked = permissions(make_client, clock=clock)
    wire.will(DENIED, GONE)
    for account in (SALES, LEGAL, SALES):
        with pytest.raises(AccessDenied, match="DescribeWorkspaceImagePermissions"):
            asked.is_shared(Share(IMAGE, account, REGION))
        with pytest.raises(NotFound):
            asked.describe(IMAGE, REGION)
    assert wire.log == [LIST, DESCRIBE]
    clock.now += MAX_AGE + 1
    wire.will(listing(SALES))
    assert asked.is_shared(SHARE)


def test_bug_in_a_look_is_not_kept(wire: Wire, make_client: Callable[..., Any]) -> None:
    """Only what AWS says is remembered, and the next asker is not locked out."""
    asked = permissions(make_client)
    wire.will({"ImagePermissions": 5})
    with pytest.raises(TypeError):
        asked.is_shared(SHARE)
    wire.will(listing(SALES))
    assert asked.is_shared(SHARE)


@pytest.mark.parametrize("answer", [listing(SALES, LEGAL), DENIED], ids=["answered", "failed"])
def test_threads_share_one_look(wire: Wire, make_client: Callable[..., Any], answer: Answer) -> None:
    """Four threads ask at once: one asks AWS, the others wait for what it learns."""
    asked = permissions(make_client)
    asking, answered = threading.Event(), threading.Event()

    def arrived(_: str) -> None:
        asking.set()
        assert answered.wait(5)

    def ask(account: str) -> bool | type[BaseException]:
        try:
            return asked.is_shared(Share(IMAGE, account, REGION))
        except AccessDenied as error:
            return type(error)

    wire.arrived = arrived
    wire.will(answer, *[listing()] * 3)
    accounts = [SALES, LEGAL, "444444444444", SALES]
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, accounts[0])
        assert asking.wait(5)
        others = [pool.submit(ask, account) for account in accounts[1:]]
        assert not wait(others, 0.05).done
        answered.set()
        results = [future.result(5) for future in [first, *others]]
    assert results == ([AccessDenied] * 4 if answer is DENIED else [True, True, False, True])
    assert wire.log == [LIST]


def test_threads_share_one_client(wire: Wire, make_client: Callable[..., Any]) -> None:
    """Clients are not made by two threads at once, and each attempt is asked about once."""
    barrier = threading.Barrier(4)
    connection = FakeConnection(make_client)
    asked = Permissions(cast(Connection, connection), before_write=lambda: wire.log.append("before write"))

    def ask(account: str) -> None:
        barrier.wait(5)
        asked.grant(Share(IMAGE, account, REGION))

    wire.will(*[OK] * 4)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, [SALES, LEGAL, "444444444444", "555555555555"]))
    assert connection.made == [("workspaces", REGION)]
    assert wire.count("before write") == wire.count(GRANT) == 4


def test_looks_at_different_images_do_not_wait_for_each_other(wire: Wire, make_client: Callable[..., Any]) -> None:
    """A slow listing of one image does not hold up the others."""
    asked = permissions(make_client)
    both = threading.Barrier(2)

    def arrived(_: str) -> None:
        both.wait(5)

    wire.arrived = arrived
    wire.will(listing(), listing())
    with ThreadPoolExecutor(2) as pool:
        shares = [SHARE, SHARE._replace(image_id="wsi-999999999")]
        assert list(pool.map(asked.is_shared, shares)) == [False, False]


def test_limits() -> None:
    """Long enough for throttling, short enough for a pipeline."""
    assert 60 <= module.DEADLINE <= 600
    assert 60 <= MAX_AGE <= 600


# Many images.


def described(*images: str) -> dict[str, Any]:
    return {"Images": [{"ImageId": image, "State": image} for image in images]}


def test_images_are_described_in_one_call(stubber: Stubber, stubbed: Permissions) -> None:
    """As soon as the first of them is asked for; none is asked for again, nor one that was not announced."""
    others = ["wsi-222222222", "wsi-111111111"]
    assert stubbed.describe_together([IMAGE, *others], REGION) == [IMAGE]
    stubber.add_response(IMAGES, described(*others, IMAGE), {"ImageIds": [IMAGE, *others[::-1]]})
    stubber.add_response(IMAGES, described("wsi-333333333"), {"ImageIds": ["wsi-333333333"]})
    for image in [*others, IMAGE, "wsi-333333333", IMAGE]:
        assert stubbed.describe(image, REGION).state == image


def test_at_most_25_images_in_one_call(wire: Wire, make_client: Callable[..., Any]) -> None:
    """That is the service's limit. A call for each lot, and none for what was announced before."""
    asked = permissions(make_client)
    images = [f"wsi-{n:09}" for n in range(60)]
    assert asked.describe_together(images[:30], REGION) == [images[0], images[25]]
    assert asked.describe_together(images, REGION) == [images[30], images[55]]
    assert asked.describe_together(images, REGION) == []
    for lot in (images[:25], images[25:30], images[30:55], images[55:]):
        wire.will(described(*lot))
        assert [asked.describe(image, REGION).image_id for image in lot] == lot
    assert wire.log == [DESCRIBE] * 4


def test_images_together_are_those_of_one_region(wire: Wire, make_client: Callable[..., Any]) -> None:
    """An image elsewhere is another image."""
    asked = permissions(make_client)
    asked.describe_together([IMAGE, "wsi-222222222"], REGION)
    wire.will(described(IMAGE))
    assert asked.describe(IMAGE, "eu-west-1").state == IMAGE


@pytest.mark.parametrize("answer", [described("wsi-222222222"), (400, "ResourceNotFoundException", "no")])
def test_one_unknown_image_does_not_spoil_the_others(
    wire: Wire, make_client: Callable[..., Any], answer: Answer
) -> None:
    """AWS may leave it out or refuse them all: then each is asked for alone, and the lot not again."""
    asked = permissions(make_client)
    asked.describe_together([IMAGE, "wsi-222222222", "wsi-333333333"], REGION)
    wire.will(answer, described(), described("wsi-333333333"))
    with pytest.raises(NotFound, match=f"^{LOOKING}: not found$"):
        asked.describe(IMAGE, REGION)
    assert asked.describe("wsi-333333333", REGION).state == "wsi-333333333"
    assert wire.log == [DESCRIBE] * 3


def test_images_that_may_not_be_described(wire: Wire, make_client: Callable[..., Any]) -> None:
    """Nobody tries one by one what is denied for all."""
    asked = permissions(make_client)
    asked.describe_together([IMAGE, "wsi-222222222"], REGION)
    wire.will((400, "AccessDeniedException", "no"))
    for image in (IMAGE, "wsi-222222222", IMAGE):
        with pytest.raises(AccessDenied, match=f"^looking at images {IMAGE}, wsi-222222222 in {REGION}: "):
            asked.describe(image, REGION)
    assert wire.log == [DESCRIBE]
