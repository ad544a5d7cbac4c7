"""Answers of AWS that cannot be read: nothing is treated as deleted or done because of them."""

from collections.abc import Callable

import pytest

from local.cloud import LocalCloud, Response
from pulumi_workspaces_images.errors import Refused, Unanswered
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import DESCRIBE, GRANT, LIST, REGION, SALES, Command

UNREADABLE = [None, "", "[]", "null", "<html>Sign in to the guest network</html>"]


@pytest.mark.parametrize("body", [*UNREADABLE, '{"message": "Sign in to the guest network"}'])
@pytest.mark.parametrize("operation", [LIST, DESCRIBE, "GetCallerIdentity"])
def test_read_whose_answer_cannot_be_read(cloud: LocalCloud, image: str, operation: str, body: str | None) -> None:
    """A partial answer or a proxy's page is not treated as an empty listing or a missing image."""
    share = Share(image, SALES, REGION)
    cloud.share(image, SALES)
    cloud.garble(operation, times=None, body=body)
    checks: list[Callable[[Command, Share], object]] = [lambda command, share: command.check(*share)]
    looks: list[Callable[[Command, Share], object]] = [Command.diff, Command.read]
    for ask in looks if operation == LIST else checks:
        with pytest.raises(Unanswered, match="the answer cannot be read"):
            ask(Command(cloud), share)


@pytest.mark.parametrize("body", UNREADABLE[2:])
@pytest.mark.parametrize("granted", [True, False])
def test_write_whose_answer_cannot_be_read(cloud: LocalCloud, image: str, body: str, granted: bool) -> None:
    """The provider checks whether it took effect."""
    share = Share(image, SALES, REGION)
    if granted:
        cloud.garble(GRANT, body=body)
        assert Command(cloud).create(share).id == share.id
    else:
        page = Response(200, {}, body.encode())
        cloud.interceptors.append(lambda call, proceed: page if call.operation == GRANT else proceed())
        with pytest.raises(Unanswered, match=f"^sharing image {image} .*the answer cannot be read"):
            Command(cloud).create(share)


@pytest.mark.parametrize("status", [302, 403, 407])
def test_page_of_a_proxy_is_not_quoted(cloud: LocalCloud, image: str, status: int) -> None:
    """It has no error code of AWS, may be long, and may contain private data."""
    page = Response(status, {"content-type": "text/html"}, b"<html>" + 200 * b"<p>Blocked for alice.</p>")
    cloud.interceptors.append(lambda call, proceed: page if call.operation == LIST else proceed())
    with pytest.raises(Refused) as caught:
        Command(cloud).diff(Share(image, SALES, REGION))
    assert str(caught.value) == (
        f"listing the shares of image {image} in {REGION}: the answer ({status}) cannot be read; is a proxy in the way?"
    )


def test_message_without_an_error_code_is_shown(cloud: LocalCloud, image: str) -> None:
    """A gateway may explain a refusal in JSON."""
    said = Response(403, {}, b'{"message": "The policy of the endpoint forbids this."}')
    cloud.interceptors.append(lambda call, proceed: said if call.operation == LIST else proceed())
    with pytest.raises(Refused, match=r": 403: The policy of the endpoint forbids this$"):
        Command(cloud).diff(Share(image, SALES, REGION))
