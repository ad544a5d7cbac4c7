"""A program that contradicts itself revokes nothing, whatever it calls between the two declarations."""

import pulumi
import pytest

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, SALES, Stack
from tests.nightly import nightly_but_first

# This runs the event loop in the middle of the program. The engine's answer does not matter.
INVOKE = """
try:
    pulumi.runtime.invoke("pulumi:pulumi:getResource", {"urn": ""})
except Exception:
    pass
"""


@pytest.mark.parametrize("account", nightly_but_first([f"{LEGAL!r}", f"pulumi.Output.from_input({LEGAL!r})"]))
def test_share_that_an_exclusive_list_does_not_hold(stack: Stack, cloud: LocalCloud, image: str, account: str) -> None:
    """Up fails and revokes nothing. In 0.1.0 it revoked the declared share before it failed (case 17)."""
    cloud.share(image, LEGAL)
    stack.program(
        f"ImageSharesExclusive('only', {image!r}, [{SALES!r}])\n{INVOKE}ImageShare('legal', {image!r}, {account})"
    )
    run = stack.up(ok=False)
    assert run.line("ImageShare shares image", image, LEGAL, "ImageSharesExclusive")
    assert cloud.shared_with(image) == {LEGAL}


OUTPUTS = {
    "accounts of the list": ("plain_image", "sales", "plain_image"),
    "image of the share": ("plain_image", "plain_sales", "image"),
    "image of both": ("image", "plain_sales", "image"),
}


@pytest.mark.nightly
@pytest.mark.parametrize(("listed", "account", "shared"), OUTPUTS.values(), ids=OUTPUTS)
def test_share_that_an_exclusive_list_does_not_hold_with_outputs(
    stack: Stack, cloud: LocalCloud, image: str, listed: str, account: str, shared: str
) -> None:
    """Values may be Outputs, as those of a StackReference always are."""
    cloud.share(image, LEGAL)
    stack.program(
        f"plain_image, plain_sales = {image!r}, {SALES!r}\n"
        "image, sales = map(pulumi.Output.from_input, (plain_image, plain_sales))\n"
        f"ImageSharesExclusive('only', {listed}, [{account}])\n{INVOKE}ImageShare('legal', {shared}, {LEGAL!r})"
    )
    run = stack.up(ok=False)
    assert run.line("ImageShare shares image", image, LEGAL, "ImageSharesExclusive")
    assert cloud.shared_with(image) == {LEGAL}


@pytest.mark.nightly
def test_share_may_take_its_image_from_the_exclusive_list(stack: Stack, cloud: LocalCloud, image: str) -> None:
    stack.program(
        f"only = ImageSharesExclusive('only', {image!r}, [{SALES!r}])\nImageShare('sales', only.image_id, {SALES!r})"
    )
    stack.up()
    assert cloud.shared_with(image) == {SALES}


@pytest.mark.nightly
def test_program_that_waits_for_itself_fails_in_one_line(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """It does not hang."""
    stack.program(
        f"only = ImageSharesExclusive('only', {image!r}, [{SALES!r}])\n"
        f"ImageShare('sales', {image!r}, only.shared_account_ids.apply(lambda accounts: accounts[0]))"
    )
    run = stack.preview(ok=False)
    assert run.line("error:", "an ImageSharesExclusive waits for itself")
    assert "Traceback" not in run.output


@pytest.mark.nightly
def test_invokes_do_not_disturb_an_exclusive_list(stack: Stack, cloud: LocalCloud, image: str) -> None:
    stack.program(f"{INVOKE}ImageShares('golden', {image!r}, [{SALES!r}], exclusive=True)\n{INVOKE}")
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    assert stack.preview().clean


@pytest.mark.nightly
def test_ignored_change_of_an_account_is_not_a_contradiction(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """With `ignore_changes` the engine keeps the old account, which is on the list (case 15)."""
    program = (
        "ImageShare('sales', {image!r}, {account!r}, opts=ResourceOptions(ignore_changes=['shared_account_id']))\n"
        "ImageSharesExclusive('only', {image!r}, [{listed!r}])"
    )
    stack.program(program.format(image=image, account=SALES, listed=SALES))
    stack.up()
    stack.program(program.format(image=image, account=LEGAL, listed=SALES))
    assert stack.preview().clean
    assert cloud.shared_with(image) == {SALES}


ASYNCHRONOUS = """
import asyncio

async def main():
    ImageSharesExclusive('only', {image!r}, [{sales!r}])
    await asyncio.sleep(8)
    ImageShare('legal', {image!r}, {legal!r})

pulumi.run(main)
"""
COROUTINE = """
import asyncio

async def account():
    await asyncio.sleep(8)
    return {legal!r}

ImageSharesExclusive('only', {image!r}, [{sales!r}])
ImageShare('legal', {image!r}, account())
"""


@pytest.mark.nightly
@pytest.mark.parametrize("program", [ASYNCHRONOUS, COROUTINE], ids=["pulumi.run", "account in a coroutine"])
def test_program_that_awaits_between_list_and_share(stack: Stack, cloud: LocalCloud, image: str, program: str) -> None:
    """The declared share is not revoked, though the event loop runs before the share is declared."""
    if program is ASYNCHRONOUS and not hasattr(pulumi, "run"):
        pytest.skip("this SDK has no asynchronous programs")
    cloud.share(image, LEGAL)
    stack.program(program.format(image=image, sales=SALES, legal=LEGAL))
    run = stack.up(ok=False)
    assert run.line("error:", "ImageShare shares image", image, LEGAL, "ImageSharesExclusive")
    assert cloud.shared_with(image) == {LEGAL}
