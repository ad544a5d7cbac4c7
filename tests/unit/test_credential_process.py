"""The `credential_process` of a profile: it runs once, stops at the deadline, and messages name it if it fails."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pulumi_workspaces_images.aws.connection import DEADLINE, Connection
from pulumi_workspaces_images.aws.permissions import Permissions
from pulumi_workspaces_images.errors import CredentialsError, ExpectedError
from tests.credential_process import Tool
from tests.unit.connections import REGION, ROLE, Aws, request_of, signer, write
from tests.unit.helpers import CANARY, IMAGE, Clock

pytestmark = pytest.mark.usefixtures("home")

Connect = Callable[..., Connection]


@pytest.fixture
def tool(home: Path) -> Iterator[Tool]:
    """Return the credential process of the profile `images`."""
    tool = Tool(home)
    write(home, "config", f"[profile images]\ncredential_process = {tool.command}\n")
    yield tool
    tool.kill()


@pytest.fixture
def connect_to(aws: Aws, clock: Clock) -> Connect:
    """Return a function that makes connections with that profile."""

    def connect(interrupted: Callable[[], bool] = lambda: False, **more: object) -> Connection:
        keys = {"region": REGION, "profile": "images", "maxRetries": "1", "endpoints": aws.endpoints, **more}
        configuration = {f"aws:{key}": value for key, value in keys.items()}
        return Connection(configuration, clock=clock, interrupted=interrupted)

    return connect


def in_seconds(seconds: int) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


def fails(connection: Connection) -> str:
    with pytest.raises(CredentialsError) as caught:
        connection.caller()
    message = str(caught.value)
    assert message.isprintable()
    assert CANARY not in message
    return message


def beginning(tool: Tool) -> str:
    return f"connecting to sts in {REGION}: the credential_process of the AWS profile images ({tool.path}) "


# How often it runs.


def test_process_runs_once(tool: Tool, connect_to: Connect) -> None:
    """It serves the caller's identity and every client."""
    tool.will_print()
    connection = connect_to(allowedAccountIds=["111111111111"])
    assert signer(connection) == ("AKIDPROCESS", "t")
    request_of(connection, "organizations")
    assert len(tool.runs) == 1


def test_process_runs_once_for_four_threads(tool: Tool, connect_to: Connect, home: Path) -> None:
    """Threads that need it at the same time wait for one run."""
    tool.will_print()
    connection = connect_to()
    barrier = threading.Barrier(4)

    def ask(region: str) -> object:
        barrier.wait(10)
        return connection.client("workspaces", region)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, ["eu-west-1", "eu-west-1", "us-east-1", "us-west-2"]))
    assert len(tool.runs) == 1


def test_failed_process_is_not_run_again(tool: Tool, connect_to: Connect) -> None:
    """Later calls fail with the same cause, and their messages say what was being done."""
    tool.will("echo 'not signed in' >&2; exit 3")
    connection = connect_to()
    permissions = Permissions(connection)
    for _ in range(3):
        assert fails(connection).startswith(f"connecting to sts in {REGION}: ")
        with pytest.raises(ExpectedError, match=f"^connecting to workspaces in {REGION}: .* ended with exit code 3"):
            permissions.describe(IMAGE, REGION)
    assert len(tool.runs) == 1


@pytest.mark.parametrize(("left", "runs"), [(3600, 1), (120, 1), (30, 4)])
def test_process_runs_again_before_its_credentials_expire(
    tool: Tool, connect_to: Connect, left: int, runs: int
) -> None:
    """Credentials that are valid for two more minutes are still used."""
    tool.will_print(Expiration=in_seconds(left))
    connection = connect_to()
    for _ in range(3):
        request_of(connection)
    assert len(tool.runs) == runs


def test_process_of_a_source_profile(tool: Tool, connect_to: Connect, home: Path, aws: Aws) -> None:
    """A profile's role is assumed with the credentials that the process of its source profile prints."""
    config = home / ".aws" / "config"
    config.write_text(f"{config.read_text()}[profile role]\nrole_arn = {ROLE}\nsource_profile = images\n")
    tool.will_print()
    assert signer(connect_to(profile="role")) == ("AKIDfirst", "token-first")
    assert aws.signed_by == ["AKIDPROCESS"]
    assert len(tool.runs) == 1
    tool.will("exit 1")
    assert "the credential_process of the AWS profile images" in fails(connect_to(profile="role"))


def test_process_of_the_default_profile(tool: Tool, connect_to: Connect, home: Path) -> None:
    """Messages call the profile `default`."""
    write(home, "config", f"[default]\ncredential_process = {tool.command}\n")
    tool.will("exit 1")
    assert "of the AWS profile default (" in fails(connect_to(profile=None))


def test_empty_credential_process_is_ignored(home: Path, connect_to: Connect) -> None:
    """Like every other empty setting of a profile, it is treated as not set."""
    write(home, "config", "[profile images]\ncredential_process =\n")
    assert "no usable AWS credentials" in fails(connect_to())


# Failures and invalid output.


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo hello", "did not print JSON; run it by hand to see why"),
        ("true", "did not print JSON; run it by hand to see why"),
        (r"printf '\377\376\377'", "did not print JSON; run it by hand to see why"),
        ("echo '[1]'", 'printed JSON without "Version": 1; run it by hand to see why'),
        ("""echo '{"Version": 2}'""", 'printed JSON without "Version": 1; run it by hand to see why'),
        (
            """echo '{"Version": 1, "AccessKeyId": ""}'""",
            "printed JSON without AccessKeyId and SecretAccessKey; run it by hand to see why",
        ),
        ("exit 3", "ended with exit code 3; run it by hand to see why"),
        (
            "echo 'sign in: https://me:secret@sso' >&2; echo more >&2; exit 1",
            "ended with exit code 1 (sign in: https://***@sso); run it by hand to see why",
        ),
        ("kill -9 $$", "ended with exit code 137; run it by hand to see why"),
    ],
)
def test_process_that_fails_or_prints_something_else(tool: Tool, connect_to: Connect, script: str, said: str) -> None:
    """The message names the profile, the key and the program, but not its arguments or its standard output."""
    tool.will(script)
    assert fails(connect_to()) == beginning(tool) + said


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"AccessKeyId": 5}, "printed JSON without AccessKeyId; run it by hand to see why"),
        ({"SecretAccessKey": None}, "printed JSON without SecretAccessKey; run it by hand to see why"),
        ({"Expiration": in_seconds(-5)}, "printed credentials that have expired; run it by hand to see why"),
        *(
            (
                {"Expiration": wrong},
                "printed an Expiration that is not a time, e.g. 2030-01-31T12:00:00Z; run it by hand to see why",
            )
            for wrong in ("soon", "2030-01-31T12:00:00", ["2030"])
        ),
    ],
)
def test_unusable_credentials_are_refused(tool: Tool, connect_to: Connect, keys: dict[str, object], said: str) -> None:
    """The provider does not try them."""
    tool.will_print(**keys)
    assert fails(connect_to()) == beginning(tool) + said


def test_long_error_is_cut(tool: Tool, connect_to: Connect) -> None:
    """The message stays readable."""
    tool.will(f"echo {'x' * 1000} >&2; exit 1")
    assert len(fails(connect_to())) < 500


def test_program_that_does_not_exist(tool: Tool, connect_to: Connect) -> None:
    """The message names it."""
    assert fails(connect_to()) == (
        f"{beginning(tool)}cannot be started (it does not exist or is not executable); correct the profile"
    )


def test_program_that_the_system_cannot_run(tool: Tool, connect_to: Connect) -> None:
    """The message contains the error of the operating system."""
    tool.path.write_bytes(b"\0")
    tool.path.chmod(0o755)
    assert "Exec format error" in fails(connect_to())


def test_command_that_cannot_be_parsed(home: Path, connect_to: Connect) -> None:
    """Here a quote is not closed. The message does not show the command."""
    write(home, "config", f"[profile images]\ncredential_process = tool --token '{CANARY}\n")
    assert fails(connect_to()) == (
        f"connecting to sts in {REGION}: the credential_process of the AWS profile images cannot be read "
        "(No closing quotation); correct the profile"
    )


def test_process_that_asks_for_input_fails_at_once(tool: Tool, connect_to: Connect) -> None:
    """Its standard input is empty, so a process that asks for a password does not hang."""
    tool.will("read password || { echo 'no password' >&2; exit 1; }")
    assert "(no password)" in fails(connect_to())


# When it is stopped.


def test_process_is_stopped_at_the_deadline(tool: Tool, connect_to: Connect, clock: Clock) -> None:
    """Its child processes end too. A later call runs it again."""
    tool.will_hang()
    connection = connect_to()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(fails, connection)
        tool.wait_until_it_hangs()
        clock.now += DEADLINE + 1
        said = f"did not end in {DEADLINE:.0f} s and was stopped; run it by hand to see what it waits for"
        assert asking.result(60) == beginning(tool) + said
    tool.wait_until_it_is_gone()
    tool.will_print()
    connection.client("sts", REGION)


def test_deadline_is_that_of_the_call(tool: Tool, connect_to: Connect, clock: Clock, aws: Aws) -> None:
    """A process that starts during a call gets only the rest of the call's time."""
    tool.will_print(Expiration=in_seconds(30))
    connection = connect_to()
    connection.client("sts", REGION)
    tool.will_hang()

    def asks() -> None:
        connection.client("workspaces", REGION)
        clock.now += DEADLINE - 1
        with pytest.raises(ExpectedError, match="did not end in 300 s"):
            connection.caller()

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(connection.ask, "asking", "sts:GetCallerIdentity", asks)
        tool.wait_until_it_hangs()
        clock.now += 2
        asking.result(60)


def test_process_is_stopped_on_interruption(tool: Tool, connect_to: Connect) -> None:
    """A cancelled command does not wait for it."""
    tool.will_hang()
    interrupted = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(fails, connect_to(interrupted.is_set))
        tool.wait_until_it_hangs()
        interrupted.set()
        assert asking.result(60) == f"{beginning(tool)}was stopped because the command was interrupted"
    tool.wait_until_it_is_gone()


def test_process_is_stopped_with_the_program(tool: Tool, connect_to: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C raises KeyboardInterrupt in the thread that waits for the process."""

    def interrupted(_: object) -> str:
        tool.wait_until_it_hangs()
        raise KeyboardInterrupt

    tool.will_hang()
    monkeypatch.setattr(Connection, "_why_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        connect_to().caller()
    tool.wait_until_it_is_gone()
