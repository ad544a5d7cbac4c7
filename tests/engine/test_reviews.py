"""What a reviewer reads in a preview: which accounts gain access, which shares drifted, which accounts are unlisted."""

import re

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, SALES, Run, Stack
from tests.nightly import nightly_but_first

NAME = "golden-2026-11"
OTHER = "999999999999"


@pytest.fixture
def image(cloud: LocalCloud) -> str:
    return cloud.create_image(image_id="wsi-golden001", name=NAME)


def diagnostics_of(run: Run) -> list[str]:
    """Return the lines under Diagnostics, sorted, as `resource: line`."""
    found, resource = [], ""
    diagnostics = run.output.partition("Diagnostics:\n")[2].partition("\nResources:")[0]
    for line in diagnostics.splitlines():
        if heading := re.fullmatch(r"  \S+ \((.*)\):", line):
            resource = heading[1]
        elif line.strip():
            found.append(f"{resource}: {line.strip()}")
    return sorted(found)


def golden(stack: Stack, image: str, exclusive: object, **accounts: str) -> None:
    stack.program(f"ImageShares('golden', {image!r}, {accounts!r}, exclusive={exclusive!r})")


def test_new_share(stack: Stack, image: str) -> None:
    """The preview names the account, the image and the Region. The update does not repeat this line."""
    golden(stack, image, False, sales=SALES)
    line = "golden-sales: account 222222222222 gets access to image wsi-golden001 (golden-2026-11) in us-east-1"
    assert diagnostics_of(stack.preview()) == [line]
    assert diagnostics_of(stack.up()) == []
    assert diagnostics_of(stack.preview()) == []


@pytest.mark.nightly
def test_changed_share(stack: Stack, image: str) -> None:
    """A replacement has one line, for the account that gains access."""
    golden(stack, image, False, sales=SALES)
    stack.up()
    golden(stack, image, False, sales=LEGAL)
    line = "golden-sales: account 333333333333 gets access to image wsi-golden001 (golden-2026-11) in us-east-1"
    assert diagnostics_of(stack.preview()) == [line]


@pytest.mark.nightly
def test_many_new_shares(stack: Stack, image: str) -> None:
    """The preview names ten of many new accounts, and one more line says how to see the rest."""
    accounts = {f"team{number:02}": f"{700000000000 + number}" for number in range(29)}
    golden(stack, image, False, **accounts)
    lines = diagnostics_of(stack.preview())
    assert len(lines) == 11
    assert [line.partition(": ")[2] for line in lines if "more accounts" in line] == [
        "more accounts get access to image wsi-golden001 in us-east-1: run `pulumi preview --diff` to see them all"
    ]
    stack.up()
    golden(stack, image, False, **accounts, new=SALES)
    line = "golden-new: account 222222222222 gets access to image wsi-golden001 (golden-2026-11) in us-east-1"
    assert diagnostics_of(stack.preview()) == [line]


@pytest.mark.nightly
def test_drift(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A warning on the share says in a preview what `pulumi up` will do, and in an update what the update does."""
    golden(stack, image, False, sales=SALES, legal=LEGAL)
    stack.up()
    cloud.unshare(image, SALES)
    line = (
        "golden-sales: warning: image wsi-golden001 is no longer shared with 222222222222 in us-east-1: the share was "
        "revoked outside Pulumi; "
    )
    assert diagnostics_of(stack.preview()) == [line + "`pulumi up` grants it again"]
    assert diagnostics_of(stack.up()) == [line + "the update grants it again"]


@pytest.mark.nightly
def test_drift_of_thirty_shares(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The preview names ten shares, and one more line covers the rest."""
    accounts = {f"team{number:02}": f"{700000000000 + number}" for number in range(30)}
    golden(stack, image, False, **accounts)
    stack.up()
    for account in accounts.values():
        cloud.unshare(image, account)
    lines = diagnostics_of(stack.preview())
    assert len(lines) == 11
    assert (
        sum("more shares of image wsi-golden001 in us-east-1 were revoked outside Pulumi" in line for line in lines)
        == 1
    )


FOUND = "image wsi-golden001 in us-east-1 is shared with 999999999999, not on the list of its ImageSharesExclusive"


@pytest.mark.parametrize(
    ("exclusive", "in_preview", "in_update"),
    nightly_but_first(
        [
            pytest.param(
                "fail",
                f"property shared_account_ids value {{[{{222222222222}}]}} has a problem: {FOUND}; put the account on "
                "the list, or revoke its access by hand: exclusive ownership is set to fail, which revokes nothing "
                "and may hide other drift",
                None,
                id="fail",
            ),
            pytest.param("report", f"{FOUND}: only reported", f"{FOUND}: only reported", id="report"),
            pytest.param(
                True,
                f"{FOUND}: `pulumi up` revokes it",
                "image wsi-golden001 in us-east-1 was unshared from 999999999999, not on the list of its "
                "ImageSharesExclusive",
                id="true",
            ),
        ]
    ),
)
def test_unlisted_account(
    stack: Stack, cloud: LocalCloud, image: str, exclusive: object, in_preview: str, in_update: str | None
) -> None:
    """Every mode names it in the exclusive list's messages. With `fail`, preview and up fail and revoke nothing."""
    golden(stack, image, exclusive, sales=SALES)
    stack.up()
    cloud.share(image, OTHER)
    fails = exclusive == "fail"
    preview = stack.preview(ok=not fails)
    assert next(line for line in diagnostics_of(preview) if line.startswith("golden-exclusive")).endswith(in_preview)
    update = stack.up(ok=not fails)
    if in_update:
        (line,) = diagnostics_of(update)
        assert line.startswith("golden-exclusive: ")
        assert line.endswith(in_update)
    assert cloud.shared_with(image) == ({SALES} if exclusive is True else {SALES, OTHER})


@pytest.mark.nightly
@pytest.mark.parametrize("exclusive", ["fail", "report", True])
def test_account_that_is_removed(stack: Stack, cloud: LocalCloud, image: str, exclusive: object) -> None:
    """It can be removed in every mode, also with `fail`. Only an exclusive list that revokes names the account."""
    golden(stack, image, exclusive, sales=SALES, legal=LEGAL)
    stack.up()
    golden(stack, image, exclusive, sales=SALES)
    lines = diagnostics_of(stack.preview())
    assert len(lines) == (exclusive is True)
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    assert diagnostics_of(stack.preview()) == []
