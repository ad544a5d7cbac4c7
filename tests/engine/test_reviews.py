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
