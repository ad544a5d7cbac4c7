"""Text from AWS is printed without control characters."""

import grpc
import pulumi
import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.aws.connection import Caller, Connection
from pulumi_workspaces_images.aws.permissions import Image, Permissions
from pulumi_workspaces_images.commands.adopt import adopt
from pulumi_workspaces_images.errors import ExpectedError
from pulumi_workspaces_images.lifecycle.engine import Engine
from tests.unit import test_stack_program as stack
from tests.unit.helpers import IMAGE, OWNER, PLAIN, REGION, SALES, Command

EVIL = "evil\x1b[2J\x1b]0;title\x07\r\n\u202eerror\u2028"
EVIL_XML = "evil\r\n\x9b31m\u202eerror\u2028"  # XML cannot contain the other characters


@pytest.fixture
def command(cloud: LocalCloud) -> Command:
    """Return a command that the owner of an image runs."""
    cloud.create_image(image_id=IMAGE)
    return Command(cloud)


@pytest.mark.parametrize(
    ("operation", "said"), [("DescribeWorkspaceImages", EVIL), ("GetCallerIdentity", EVIL_XML), ("*", EVIL_XML)]
)
@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException", ""])
def test_error_of_aws_is_one_line_without_control_characters(
    cloud: LocalCloud, command: Command, operation: str, code: str, said: str
) -> None:
    cloud.fail(operation, code or said, times=None, message=said)
    with pytest.raises(ExpectedError, match="evil") as caught:
        command.check(IMAGE, SALES)
    assert str(caught.value).isprintable()


def test_state_and_owner_of_an_image_are_printed_without_control_characters(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image(IMAGE, state=EVIL, byol=False, owner_account_id=EVIL)
    monkeypatch.setattr(Permissions, "describe", lambda *_: image)
    owner, state = (failure.reason for failure in command.check(IMAGE, SALES).failures)
    assert owner.isprintable()
    assert state.isprintable()


def test_warning_of_an_unlisted_account_is_one_line_without_control_characters(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Permissions, "unlisted", lambda *_: frozenset([EVIL]))
    command.process.engine = Engine(None)
    news = {"image_id": IMAGE, "shared_account_ids": [], "report_only": True, "region": REGION}
    assert not command.exclusive.check({}, news).failures
    (line,) = capsys.readouterr().err.splitlines()
    assert "evil" in line
    assert line.isprintable()


@pytest.mark.parametrize(
    ("image", "accounts", "caller"),
    [
        pytest.param({"name": EVIL}, {SALES}, OWNER, id="name"),
        pytest.param({"name": EVIL, "state": EVIL}, {EVIL}, OWNER, id="state"),
        pytest.param({}, {EVIL, '", x: y, "'}, OWNER, id="account"),
        pytest.param({"image_id": f"wsi-1\n  other:key: {EVIL}"}, {SALES}, OWNER, id="image id"),
        pytest.param({}, {SALES}, f"1\n  other:key: {EVIL}", id="caller"),
    ],
)
def test_yaml_of_adopted_shares_is_plain_text(
    quiet_environment: None,
    monkeypatch: pytest.MonkeyPatch,
    image: dict[str, str],
    accounts: set[str],
    caller: str,
) -> None:
    """Text from AWS cannot add keys to it."""
    import yaml

    described = Image(**{"image_id": IMAGE, "state": "AVAILABLE", "byol": False, "owner_account_id": OWNER, **image})  # type: ignore[arg-type]
    monkeypatch.setattr(Permissions, "owned_images", lambda *_: (described,))
    monkeypatch.setattr(Permissions, "shared_with", lambda *_: frozenset(accounts))
    monkeypatch.setattr(Connection, "caller", lambda *_: Caller(caller, "arn"))
    printed, _ = adopt(Connection(PLAIN), [REGION])
    assert all(line.isprintable() for line in printed.split("\n"))
    read = yaml.safe_load(printed)
    assert list(read) == ["workspaces-images:shares"]
    if described.state == "AVAILABLE":
        ((_, share),) = read["workspaces-images:shares"].items()
        assert share == {"imageId": described.image_id, "region": REGION, "accounts": {a: a for a in accounts}}


def test_error_of_the_organization_ends_the_stack_program_with_one_line_without_control_characters(
    quiet_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:

    class EvilError(grpc.RpcError):
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.UNKNOWN

        def details(self) -> str:
            return EVIL

    def fail(_: object) -> None:
        raise EvilError

    organization = stack.Organization()
    monkeypatch.setattr(organization, "call", fail)
    with pytest.raises(pulumi.RunError, match="evil") as caught:
        stack.run(organization, {"golden": {"imageId": IMAGE, "organizationalUnitId": stack.UNIT}})
    assert str(caught.value).isprintable()
