"""Answers of AWS that are none: nothing is taken for gone or for done on their strength."""

from collections.abc import Callable

import pytest

from local.cloud import LocalCloud, Response
from pulumi_workspaces_images.errors import Unanswered
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import DESCRIBE, GRANT, LIST, REGION, SALES, Command

NO_ANSWERS = [None, "", "[]", "null", "<html>Sign in to the guest network</html>"]


@pytest.mark.parametrize("body", NO_ANSWERS)
@pytest.mark.parametrize("operation", [LIST, DESCRIBE, "GetCallerIdentity"])
def test_look_whose_answer_cannot_be_read(cloud: LocalCloud, image: str, operation: str, body: str | None) -> None:
    """Half an answer, or a proxy's page, is neither an empty listing nor a missing image: nothing counts as gone."""
    share = Share(image, SALES, REGION)
    cloud.share(image, SALES)
    cloud.garble(operation, times=None, body=body)
    checks: list[Callable[[Command, Share], object]] = [lambda command, share: command.check(*share)]
    looks: list[Callable[[Command, Share], object]] = [Command.diff, Command.read]
    for ask in looks if operation == LIST else checks:
        with pytest.raises(Unanswered, match="the answer cannot be read"):
            ask(Command(cloud), share)


@pytest.mark.parametrize("body", NO_ANSWERS[2:])
@pytest.mark.parametrize("granted", [True, False])
def test_write_whose_answer_cannot_be_read(cloud: LocalCloud, image: str, body: str, granted: bool) -> None:
    """Whether it took effect is settled by a look."""
    share = Share(image, SALES, REGION)
    if granted:
        cloud.garble(GRANT, body=body)
        assert Command(cloud).create(share).id == share.id
    else:
        page = Response(200, {}, body.encode())
        cloud.interceptors.append(lambda call, proceed: page if call.operation == GRANT else proceed())
        with pytest.raises(Unanswered, match=f"^sharing image {image} .*the answer cannot be read"):
            Command(cloud).create(share)
