"""No secret in what the package writes, nothing raw from the cloud on the terminal, no listener beyond this machine."""

import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest

from local.cloud import LocalCloud, Response
from local.environment import ROOT
from pulumi_workspaces_images.__main__ import main
from pulumi_workspaces_images.adopt import adopt
from pulumi_workspaces_images.configuration import _HONOURED, _OWN_KEYS
from pulumi_workspaces_images.connection import Caller, Connection
from pulumi_workspaces_images.engine import Engine
from pulumi_workspaces_images.errors import ConfigurationError, ExpectedError
from pulumi_workspaces_images.organization import Member
from pulumi_workspaces_images.permissions import Image, Permissions
from pulumi_workspaces_images.process import Process
from pulumi_workspaces_images.provider import ImageShareProvider
from pulumi_workspaces_images.share import Share
from tests.unit import test_stack_program as stack
from tests.unit.helpers import IMAGE, OWNER, REGION, SALES, Command, state

CANARY = "canary7f3a"
ROLE = f"arn:aws:iam::{OWNER}:role/images"
CLOSED = "http://127.0.0.1:1"  # nobody listens there
KEY_ID = LocalCloud.credentials(OWNER)["AWS_ACCESS_KEY_ID"]
PLAIN = {"aws:accessKey": KEY_ID, "aws:secretKey": "local"}


# A configuration that is not what it should be.


@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        f'"{CANARY}"',
        f'["{CANARY}"',
        f'["{CANARY}", ["{CANARY}"]]',
        f'{{"roleArn": "{CANARY}"}}',
        f'[{{"roleArn": "{CANARY}", "externalId": "{CANARY}"}}]',
        json.dumps([{"roleArn": ROLE, "externalId": f"{CANARY} "}]),
        json.dumps([{"roleArn": ROLE, "externalId": [CANARY]}]),
        json.dumps([{"roleArn": ROLE, "policy": CANARY, "tags": {"a": [CANARY]}}]),
        json.dumps({"roleArn": ROLE, "webIdentityToken": {"token": CANARY}}),
        json.dumps({"roleArn": ROLE, "webIdentityToken": CANARY, "webIdentityTokenFile": CANARY}),
        json.dumps([{"sts": f"http://user:{CANARY}@127.0.0.1"}]),
        f"http://user:{CANARY}@[::1",
        f"http://user:{CANARY}@proxy:port",
        f"socks5://user:{CANARY}@proxy:1080",
        {"unexpected": CANARY},
        [CANARY.encode()],
    ],
    ids=str,
)
def test_refused_value_is_not_quoted(quiet_environment: None, value: object) -> None:
    """Whichever key it stands under: a secret may have been put under the wrong one."""
    for key in [*(f"aws:{name}" for name in _HONOURED), *(f"workspaces-images:{name}" for name in _OWN_KEYS)]:
        told = ""
        try:
            Process({key: value}, project="", engine=Engine(None))
        except ConfigurationError as error:
            told = f"{error!r} {''.join(traceback.format_exception(error))}"
        assert CANARY not in told
        assert key in told or not told


# Credentials, wherever they are, and every kind of failure.


def keys(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    return {"aws:accessKey": KEY_ID, "aws:secretKey": CANARY, "aws:token": CANARY}


def environment(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    set_environment("AWS_ACCESS_KEY_ID", KEY_ID)
    set_environment("AWS_SECRET_ACCESS_KEY", CANARY)
    set_environment("AWS_SESSION_TOKEN", CANARY)
    return {}


def profile(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    (home / ".aws").mkdir()
    lines = [
        "[images]",
        f"aws_access_key_id={KEY_ID}",
        f"aws_secret_access_key={CANARY}",
        f"aws_session_token={CANARY}",
    ]
    (home / ".aws" / "credentials").write_text("\n".join(lines))
    return {"aws:profile": "images"}


def credential_process(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    said = {"Version": 1, "AccessKeyId": KEY_ID, "SecretAccessKey": CANARY, "SessionToken": CANARY}
    (home / "said.json").write_text(json.dumps(said))
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text(f"[profile images]\ncredential_process=cat {home}/said.json\n")
    return {"aws:profile": "images"}


def role(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    return {**PLAIN, "aws:assumeRoles": json.dumps([{"roleArn": ROLE, "externalId": CANARY}])}


def web_identity(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    return {"aws:assumeRoleWithWebIdentity": json.dumps({"roleArn": ROLE, "webIdentityToken": CANARY})}


def web_identity_file(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    (home / "token").write_text(CANARY)
    identity = {"roleArn": ROLE, "webIdentityTokenFile": str(home / "token")}
    return {"aws:assumeRoleWithWebIdentity": json.dumps(identity)}


def something_else(home: Path, set_environment: Callable[[str, str], None]) -> dict[str, object]:
    return {**PLAIN, "workspaces-images:password": CANARY, "other:password": CANARY}


WHERE = [keys, environment, profile, credential_process, role, web_identity, web_identity_file, something_else]


def nothing(cloud: LocalCloud, configuration: dict[str, object]) -> None: ...


def denied(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    cloud.deny("*")


def expired(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    cloud.fail("*", "ExpiredTokenException", times=None)


def broken(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    cloud.fail("*", "InternalFailure", 500, times=None)


def lost(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    cloud.lose_response("*", times=None)


def unreachable(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    configuration["aws:endpoints"] = json.dumps([{"sts": CLOSED, "workspaces": CLOSED}])


def proxy(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    configuration["aws:httpsProxy"] = f"http://user:{CANARY}@127.0.0.1:1"
    configuration["aws:endpoints"] = '[{"sts": "https://sts.example.com", "workspaces": "https://example.com"}]'


def missing(cloud: LocalCloud, configuration: dict[str, object]) -> None:
    cloud.reset()


FAILURES = [nothing, denied, expired, broken, lost, unreachable, proxy, missing]


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("failure", FAILURES)
def test_no_secret_in_what_is_written(
    cloud: LocalCloud,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    where: Callable[..., dict[str, object]],
    failure: Callable[..., None],
) -> None:
    """Neither in errors, warnings, logs and outputs of the whole lifecycle, nor in what Python shows of its objects."""
    cloud.create_image(image_id=IMAGE)
    configuration: dict[str, object] = {
        "aws:region": REGION,
        "aws:endpoints": cloud.endpoints,
        "aws:maxRetries": "1",
        "workspaces-images:requireOrganization": "true",
        "workspaces-images:recheck": "warn",
        **where(tmp_path, monkeypatch.setenv),
    }
    failure(cloud, configuration)
    process = Process(configuration, project="shares", engine=Engine(None))  # without an engine, all is printed
    provider = ImageShareProvider()
    provider._process = process
    share = Share(IMAGE, SALES, REGION)
    news = {**share._asdict(), "__provider": "reference"}
    operations: list[Callable[[], Any]] = [
        lambda: provider.check({}, news),
        lambda: provider.diff(share.id, state(share), news),
        lambda: provider.create(news),
        lambda: provider.read(share.id, state(share)),
        lambda: provider.read(share.id, {}),
        lambda: provider.delete(share.id, state(share)),
    ]
    written: list[object] = []
    with caplog.at_level(logging.DEBUG):
        for operation in operations:
            try:
                result = operation()
                written.append(vars(result) if result else None)
            except ExpectedError as error:
                written += [str(error), repr(error), "".join(traceback.format_exception(error))]
    written += [vars(process), vars(process.connection), process.connection._aws, vars(provider), *capfd.readouterr()]
    own = [record.getMessage() for record in caplog.records if record.name.startswith("pulumi_workspaces_images")]
    assert CANARY not in repr([written, own])
    assert (failure is nothing) == any(call.status == 200 for call in cloud.writes())


CANONICAL = f"""The request signature we calculated does not match the signature you provided.

The Canonical String for this request should have been
'POST
/

host:workspaces.us-east-1.amazonaws.com
x-amz-security-token:{CANARY}
'"""
HEADER = f"'{CANARY}' not a valid key=value pair in Authorization header: 'AWS4-HMAC-SHA256 Credential={CANARY}'"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        pytest.param("SignatureDoesNotMatch", CANONICAL),
        pytest.param("InvalidSignatureException", CANONICAL),
        pytest.param("IncompleteSignatureException", HEADER),
    ],
)
def test_answer_that_repeats_the_request(cloud: LocalCloud, code: str, message: str) -> None:
    """Some services answer a wrong signature with what they were sent."""
    cloud.fail("*", code, 403, times=None, message=message)
    with pytest.raises(ExpectedError) as caught:
        Command(cloud, token=CANARY).check(IMAGE, SALES)
    assert code in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("configured", "variables"),
    [
        pytest.param({}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}),
        pytest.param({}, {"AWS_ENDPOINT_URL": f"http://user:{CANARY}@127.0.0.1:1"}),
        pytest.param({}, {"AWS_ENDPOINT_URL": f"http://user:{CANARY}@127. 0.0.1"}),
        pytest.param({"httpsProxy": f"http://user:{CANARY}@127.0.0.1:1"}, {}),
        pytest.param({"httpsProxy": f"user:{CANARY}@127.0.0.1:1"}, {}),
        pytest.param({}, {"HTTPS_PROXY": f"http://user:{CANARY}@127.0.0.1:1"}),
        pytest.param({}, {"HTTPS_PROXY": f"http://user:a/{CANARY}@127.0.0.1:1"}),
        pytest.param({"httpsProxy": f"http://user:1/{CANARY}@127.0.0.1:1"}, {}),
        pytest.param({}, {"HTTPS_PROXY": f"http://user:1#{CANARY}@127.0.0.1:1"}),
        pytest.param({}, {"HTTPS_PROXY": f"socks5://user:{CANARY}@127.0.0.1:1"}),
        pytest.param({"httpsProxy": f"http://{CANARY}:{CANARY}@{CANARY[:3]}.invalid:1".replace(CANARY, "http")}, {}),
    ],
)
def test_address_that_cannot_be_reached(
    quiet_environment: None, monkeypatch: pytest.MonkeyPatch, configured: dict[str, str], variables: dict[str, str]
) -> None:
    """It is named without its password."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    more = {f"aws:{name}": value for name, value in configured.items()}
    with pytest.raises(ExpectedError) as caught:
        Connection({**PLAIN, "aws:maxRetries": "1", **more}).caller(REGION)
    assert CANARY not in str(caught.value)
    assert ":http@" not in str(caught.value)


# What the cloud says reaches no terminal raw.

EVIL = "evil\x1b[2J\x1b]0;title\x07\r\n\u202eerror\u2028"
EVIL_XML = "evil\r\n\x9b31m\u202eerror\u2028"  # an answer in XML cannot hold the others


@pytest.fixture
def command(cloud: LocalCloud) -> Command:
    """A command of the owner of an image."""
    cloud.create_image(image_id=IMAGE)
    return Command(cloud)


def reasons(command: Command) -> list[str]:
    found = command.check(IMAGE, SALES).failures
    assert found
    return [failure.reason for failure in found]


@pytest.mark.parametrize(
    ("operation", "said"), [("DescribeWorkspaceImages", EVIL), ("GetCallerIdentity", EVIL_XML), ("*", EVIL_XML)]
)
@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException", ""])
def test_error_of_aws(cloud: LocalCloud, command: Command, operation: str, code: str, said: str) -> None:
    """It is one line without escapes."""
    cloud.fail(operation, code or said, times=None, message=said)
    with pytest.raises(ExpectedError, match="evil") as caught:
        command.check(IMAGE, SALES)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("status", [200, 403])
def test_answer_that_cannot_be_read(cloud: LocalCloud, status: int) -> None:
    """Half an answer, or a proxy's page, is an expected failure; and what came of it, perhaps keys, is not shown."""
    body = f"<AssumeRoleResponse><SecretAccessKey>{CANARY}</SecretAccessKey>".encode()
    cloud.interceptors.append(lambda call, proceed: Response(status, {"content-type": "text/xml"}, body))
    roles = json.dumps([{"roleArn": ROLE}])
    error = None
    try:
        Command(cloud, assumeRoles=roles).check(IMAGE, SALES)
    except Exception as raised:
        error = raised
    assert isinstance(error, ExpectedError)
    assert CANARY not in str(error)


@pytest.mark.parametrize(
    "image",
    [
        Image(IMAGE, state=EVIL, byol=False, owner_account_id=OWNER),
        Image(IMAGE, state="AVAILABLE", byol=False, owner_account_id=EVIL),
    ],
)
def test_image_as_aws_describes_it(command: Command, monkeypatch: pytest.MonkeyPatch, image: Image) -> None:
    """Its state and its owner are quoted as data."""
    monkeypatch.setattr(Permissions, "describe", lambda *_: image)
    assert all(reason.isprintable() for reason in reasons(command))


def test_caller_as_aws_names_him(cloud: LocalCloud, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """His ARN is quoted as data."""
    cloud.reset()
    monkeypatch.setattr(Connection, "caller", lambda *_: Caller(OWNER, f"arn:aws:sts::{OWNER}:user/{EVIL}"))
    assert all(reason.isprintable() for reason in reasons(command))


@pytest.mark.parametrize("member", [Member(SALES, EVIL, "SUSPENDED"), pytest.param(Member(SALES, "sales", EVIL))])
def test_account_as_its_organization_names_it(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, member: Member
) -> None:
    """Its name and its state are quoted as data."""
    cloud.create_image(image_id=IMAGE)
    command = Command(cloud, own={"requireOrganization": "true"})
    monkeypatch.setattr("pulumi_workspaces_images.organization.Organization.member", lambda *_: member)
    assert all(reason.isprintable() for reason in reasons(command))


def test_foreign_account(command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning that names it is one line."""
    monkeypatch.setattr(Permissions, "shared_with", lambda *_: frozenset([EVIL]))
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
        pytest.param(
            {"image_id": f"wsi-1\n  other:key: {EVIL}"},
            {SALES},
            OWNER,
            id="image id",
        ),
        pytest.param(
            {},
            {SALES},
            f"1\n  other:key: {EVIL}",
            id="caller",
        ),
    ],
)
def test_adopted_shares(
    quiet_environment: None,
    monkeypatch: pytest.MonkeyPatch,
    image: dict[str, str],
    accounts: set[str],
    caller: str,
) -> None:
    """The printed YAML is lines of plain text, and no text from AWS becomes a key of it."""
    import yaml

    described = Image(**{"image_id": IMAGE, "state": "AVAILABLE", "byol": False, "owner_account_id": OWNER, **image})  # type: ignore[arg-type]
    monkeypatch.setattr(Permissions, "owned_images", lambda *_: (described,))
    monkeypatch.setattr(Permissions, "shared_with", lambda *_: frozenset(accounts))
    monkeypatch.setattr(Connection, "caller", lambda *_: Caller(caller, "arn"))
    printed = adopt(Connection(PLAIN), REGION)
    assert all(line.isprintable() for line in printed.split("\n"))
    read = yaml.safe_load(printed)
    assert list(read) == ["workspaces-images:shares"]
    if described.state == "AVAILABLE":
        ((_, share),) = read["workspaces-images:shares"].items()
        assert share == {"imageId": described.image_id, "region": REGION, "accounts": sorted(accounts)}


def test_adopt_that_fails(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What AWS says is one line on stderr."""
    cloud.fail("DescribeWorkspaceImages", EVIL, times=None, message=EVIL)
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    assert main(["adopt", "--region", REGION]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.removesuffix("\n").isprintable()
    assert CANARY not in said.err


def test_organization_that_cannot_be_asked(quiet_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack program ends with one line without escapes."""

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


# Nobody else on the network.

LISTENERS = """
import runpy, sys
def hook(event, args):
    if event == "socket.bind":
        print("bound", args[1][0], flush=True)
sys.addaudithook(hook)
sys.argv = ["local.cloud", *sys.argv[1:]]
runpy.run_module("local.cloud", run_name="__main__", alter_sys=True)
"""


def test_local_cloud_listens_on_loopback_only() -> None:
    """All that `make cloud` opens is reached from this machine alone."""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", LISTENERS, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout
        lines = []
        for line in running.stdout:
            lines.append(line.strip())
            if line.startswith("Any other account"):
                break
        running.terminate()
    bound = [line.removeprefix("bound ") for line in lines if line.startswith("bound ")]
    assert bound
    assert set(bound) <= {"127.0.0.1", "::1", "localhost"}
    assert any("http://127.0.0.1:" in line for line in lines)
