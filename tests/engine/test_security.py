"""The provider's output and state entries show no secrets, and its output has no control characters of the cloud."""

import json
import re
from typing import Any

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, OWNER, REGION, SALES, SHARE_TYPE, Run, Stack

CANARY = "canary-7f3a"
PASSWORD = f"{CANARY}-password"
_ENGINES = re.compile(r'\{"time":|[IWEF]\d{4} \d\d:')  # how a line of the engine's own log begins
EXCLUSIVE_TYPE = SHARE_TYPE.replace("ImageShare", "ImageSharesExclusive")


def entries(stack: Stack, *arguments: str) -> list[Any]:
    """Return the entries of our resources in an export of the stack."""
    resources = json.loads(stack.run("stack", "export", *arguments).output)["deployment"].get("resources", [])
    return [r for r in resources if r["type"] in (SHARE_TYPE, EXCLUSIVE_TYPE)]


def said_by_us(run: Run) -> str:
    """Return the output of a command without the engine's own log, which may contain the configuration."""
    return "\n".join(line for line in run.output.splitlines() if not _ENGINES.match(line))


@pytest.fixture
def secretive(stack: Stack, image: str) -> Stack:
    """Return a stack with secrets in the environment and in the configuration, and a program with both resources."""
    stack.environment |= {"AWS_SECRET_ACCESS_KEY": f"{CANARY}-environment", "AWS_SESSION_TOKEN": f"{CANARY}-session"}
    stack.keep_configuration_file = True
    stack.run("config", "set", "aws:region", REGION)
    stack.run("config", "set", "aws:endpoints", stack.cloud.endpoints)
    stack.run("config", "set", "aws:maxRetries", "1")
    role = {"roleArn": f"arn:aws:iam::{OWNER}:role/images", "externalId": f"{CANARY}-external"}
    secrets = {
        "aws:accessKey": stack.environment["AWS_ACCESS_KEY_ID"],
        "aws:secretKey": f"{CANARY}-key",
        "aws:token": f"{CANARY}-token",
        "aws:assumeRoles": json.dumps([role]),
        "workspaces-images:password": PASSWORD,
    }
    for key, value in secrets.items():
        stack.run("config", "set", "--secret", key, value)
    stack.program(
        f"""
        ImageShare("sales", image_id={image!r}, shared_account_id={SALES!r})
        ImageSharesExclusive("only", image_id={image!r}, shared_account_ids=[{SALES!r}])
        """
    )
    stack.cloud.allow_everything()
    return stack


def test_no_secret_in_diagnostics_and_state(secretive: Stack, cloud: LocalCloud, image: str) -> None:
    """This holds for commands that succeed or fail, also at the engine's highest verbosity."""
    stack = secretive
    cloud.share(image, LEGAL)  # unlisted: it is named, and revoked
    runs = [stack.up(), stack.preview("--diff")]
    for arguments in ([], ["--show-secrets"]):
        found = entries(stack, *arguments)
        assert {entry["type"] for entry in found} == {SHARE_TYPE, EXCLUSIVE_TYPE}
        assert CANARY not in json.dumps(found)
        assert cloud.url not in json.dumps(found)
    assert f"{CANARY}-environment" not in json.dumps(stack.export())  # nor in any other entry
    cloud.deny("workspaces:*")
    runs.append(stack.preview(ok=False))
    cloud.allow_everything()
    cloud.fail("workspaces:*", "ExpiredTokenException", times=None)
    runs.append(stack.preview("--logtostderr", "-v=9", ok=False))
    assert "ExpiredToken" in runs[-1].output
    stack.run("config", "set", "--secret", "aws:assumeRoles", f"[{CANARY}")
    runs.append(stack.preview(ok=False))
    assert runs[-1].line("aws:assumeRoles", "must be")
    assert not [line for run in runs for line in said_by_us(run).splitlines() if CANARY in line]


def test_secret_arguments_stay_secret(secretive: Stack, image: str) -> None:
    """The state holds them encrypted, also after a refresh. The id of a share is in clear, like all ids in Pulumi."""
    stack = secretive
    stack.program(
        f"""
        secret = pulumi.Output.secret
        share = ImageShare("sales", image_id=secret({image!r}), shared_account_id=secret({SALES!r}))
        ImageSharesExclusive("only", image_id=secret({image!r}), shared_account_ids=secret([{SALES!r}]))
        pulumi.export("image", share.image_id)
        """
    )
    stack.up()
    for refreshed in (False, True):
        if refreshed:
            stack.refresh()
        for entry in entries(stack):
            for side in ("inputs", "outputs"):
                text = json.dumps(entry[side])
                assert image not in text
                assert SALES not in text
                assert entry[side]["image_id"]["ciphertext"]
    assert json.loads(stack.run("stack", "output", "--json").output)["image"] == "[secret]"
    assert stack.preview("--expect-no-changes").clean


@pytest.mark.nightly
def test_configured_secret_stays_secret(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """No message and no state entry shows it, except ids and names, which Pulumi stores in clear (case 8)."""
    stack.copy_stack_program()
    stack.keep_configuration_file = True
    stack.run("config", "set", "aws:region", REGION)
    stack.run("config", "set", "aws:endpoints", stack.cloud.endpoints)
    at = "workspaces-images:shares.golden"
    stack.run("config", "set", "--path", f"{at}.imageId", image)
    stack.run("config", "set", "--path", f"{at}.exclusive", "true")
    stack.run("config", "set", "--secret", "--path", f"{at}.accounts.sales", SALES)
    stack.up()
    assert stack.run("stack", "output", "shares").output.strip() == "[secret]"
    for entry in json.loads(stack.run("stack", "export").output)["deployment"]["resources"]:
        text = json.dumps([entry.get("inputs"), entry.get("outputs")])
        assert SALES not in text
        assert image not in text
    cloud.unshare(image, SALES)
    run = stack.up()
    assert run.line("image [secret] is no longer shared with [secret]", "revoked outside Pulumi")
    assert SALES not in run.output
    assert image not in run.output


@pytest.mark.nightly
def test_refused_secret_is_not_shown(secretive: Stack, image: str) -> None:
    """The message that refuses a password as an account does not quote it."""
    stack, secret = secretive, 'pulumi.Config("workspaces-images").require_secret("password")'
    stack.program(f'ImageShare("sales", image_id={image!r}, shared_account_id={secret})')
    run = stack.preview(ok=False)
    assert run.line("resource 'sales' has a problem: shared_account_id: must be a string of 12 digits", "[secret]")
    assert CANARY not in run.output
