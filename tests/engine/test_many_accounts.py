"""`ImageShares` shares one image with many accounts, and `ImageSharesExclusive` with no other account."""

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import OWNER, REGION, SALES, Run, Stack
from tests.pages import blocks

UNLISTED = "999999999999"
FINANCE = "444444444444"
TEAMS = {f"team-{n:02}": f"{300000000000 + n}" for n in range(30)}


def fan_out(stack: Stack, image: str, accounts: dict[str, str], exclusive: bool = False) -> None:
    """Set the program to one that shares an image with `accounts` through the component."""
    stack.program(f"""
        shares = ImageShares('golden', image_id={image!r}, accounts={accounts!r}, exclusive={exclusive!r})
        pulumi.export('gone', shares.exclusive and shares.exclusive.revoked_account_ids)
    """)


def named(run: Run, *accounts: str) -> str:
    """Return the line that names unlisted accounts."""
    return run.line("warning:", *accounts, "not on the list of its ImageSharesExclusive")


@pytest.mark.nightly
def test_thirty_accounts_and_the_preview_of_a_change(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The next preview is clean. A preview of two changes shows exactly these, as the how-to page says."""
    fan_out(stack, image, TEAMS)
    stack.up()
    assert stack.declared() == {f"golden-{label}": account for label, account in TEAMS.items()}
    assert cloud.shared_with(image) == set(TEAMS.values())
    assert stack.preview().clean

    changed = {label: account for label, account in TEAMS.items() if label != "team-07"} | {"team-30": "300000000030"}
    fan_out(stack, image, changed)
    run = stack.preview("--suppress-progress")
    assert run.counts == {"create": 1, "delete": 1, "same": 31}
    assert run.line("account 300000000030 gets access to image")
    (page,) = (block for block in blocks("docs/how-to/many-accounts.md") if block.language == "console")
    shown = " ".join(run.output.split())
    assert [line for line in page.text.splitlines() if " ".join(line.split()) not in shown] == []
    cloud.forget_calls()
    stack.up()
    assert cloud.shared_with(image) == set(changed.values())
    assert [(w.parameters["SharedAccountId"], w.parameters["AllowCopyImage"]) for w in cloud.writes()] == [
        ("300000000030", True),
        ("300000000007", False),
    ]


@pytest.mark.nightly
def test_renamed_component_with_an_alias_changes_nothing(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The alias also applies to its children and to the exclusive list."""
    fan_out(stack, image, {"sales": SALES}, exclusive=True)
    stack.up()
    cloud.forget_calls()
    stack.program(
        f"""
        opts = ResourceOptions(aliases=[pulumi.Alias(name="golden")])
        ImageShares("silver", {image!r}, {{"sales": {SALES!r}}}, exclusive=True, opts=opts)
        """
    )
    assert stack.up().clean
    assert cloud.writes() == []


def test_unlisted_account_is_named_and_revoked(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Previews name an unlisted account, at first and later. Up revokes its share and records it in the outputs."""
    cloud.share(image, UNLISTED)
    fan_out(stack, image, {"sales": SALES}, exclusive=True)
    run = stack.preview()
    assert named(run, image, REGION, UNLISTED).count(SALES) == 0
    assert cloud.writes() == []
    run = stack.up()
    assert run.line(f"image {image} in {REGION} was unshared from {UNLISTED}")
    assert stack.output("gone") == [UNLISTED]
    assert cloud.shared_with(image) == {SALES}
    assert stack.preview().clean

    cloud.share(image, FINANCE)
    run = stack.preview()
    assert run.counts == {"update": 1, "same": 3}
    named(run, FINANCE)
    stack.up()
    assert stack.output("gone") == [FINANCE]
    assert cloud.shared_with(image) == {SALES}
    assert stack.preview().clean
    entry = next(e for e in stack.export()["deployment"]["resources"] if e["urn"].endswith("::golden-exclusive"))
    assert entry["id"] == image
    assert {k: v for k, v in entry["outputs"].items() if k != "__provider"} == {
        "image_id": image,
        "shared_account_ids": [SALES],
        "report_only": False,
        "region": REGION,
        "owner_account_id": OWNER,
        "revoked_account_ids": [FINANCE],
    }
