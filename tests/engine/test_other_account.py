"""Law 10: with the credentials of another account nothing is treated as deleted."""

import pytest

from tests.engine.harness import LEGAL, OWNER, SALES, Stack
from tests.nightly import nightly_but_first

OTHER = "999999999999"


@pytest.fixture(autouse=True)
def _shared(stack: Stack, image: str) -> None:
    stack.program(f"""
        ImageShare("sales", {image!r}, {SALES!r})
        ImageShare("legal", {image!r}, {LEGAL!r})
        ImageSharesExclusive("only", {image!r}, [{SALES!r}, {LEGAL!r}])
    """)
    stack.up()
    stack.cloud.forget_calls()


def assert_unchanged(stack: Stack, image: str) -> None:
    """Assert that the state and the shares have not changed."""
    assert stack.cloud.shared_with(image) == {SALES, LEGAL}
    assert stack.declared() == {"sales": SALES, "legal": LEGAL}
    names = {resource["urn"].rpartition("::")[2] for resource in stack.export()["deployment"]["resources"]}
    assert "only" in names, "the exclusive list has left the state"


@pytest.mark.parametrize(("command", "account"), nightly_but_first([("refresh", OTHER), ("destroy", SALES)]))
def test_command_with_credentials_of_another_account(stack: Stack, image: str, command: str, account: str) -> None:
    """The command fails and changes nothing. Each message names both accounts, and says what to do."""
    stack.credentials(account)
    run = stack.run(command, "--yes", "--skip-preview", ok=False)
    errors = [line for line in run.output.splitlines() if "NotTheOwner" in line]
    assert errors
    for line in errors:
        assert f"owned by account {OWNER}, and the caller is account {account}" in line
        assert "use the owner's credentials" in line
    assert "Traceback" not in run.output
    assert_unchanged(stack, image)
    stack.credentials(OWNER)
    assert stack.preview().clean
