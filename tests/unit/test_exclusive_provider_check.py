"""What a preview says about an exclusive list: unlisted accounts, malformed values, contradictions."""

from typing import Any

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import AccessDenied
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import (
    DESCRIBE,
    LEGAL,
    LIST,
    MODES,
    REGION,
    SALES,
    UNKNOWN,
    UNLISTED,
    UNLISTED_TOO,
    Command,
    Owner,
    found,
)


def test_first_preview_names_the_unlisted_accounts(cloud: LocalCloud, owner: Owner) -> None:
    """It changes nothing in AWS, and fills in the Region."""
    result = owner.check(SALES, region=None)
    assert found(result) == []
    assert result.inputs == {
        "image_id": owner.image,
        "shared_account_ids": [SALES],
        "report_only": False,
        "region": REGION,
    }
    assert owner.warnings == [owner.warning(UNLISTED)]
    assert cloud.writes() == []


def test_unknown_report_only(owner: Owner) -> None:
    """The warning names the unlisted account, but does not say whether the update will revoke its share."""
    assert found(owner.check(SALES, report_only=UNKNOWN)) == []
    (warning,) = owner.warnings
    assert warning.endswith("not on the list of its ImageSharesExclusive")


def test_report_only_is_false_by_default(owner: Owner) -> None:
    news = owner.news(SALES)
    del news["report_only"]
    assert owner.command.exclusive.check({}, news).inputs["report_only"] is False


def test_same_warning_is_shown_once(owner: Owner) -> None:
    """Check, diff and update all find the unlisted account."""
    news = owner.news(SALES)
    owner.check(SALES, olds=news)
    owner.diff(owner.olds(SALES), news)
    owner.update(owner.olds(SALES), news)
    assert owner.warnings == [owner.warning(UNLISTED)]


def test_account_that_leaves_the_list_is_named_in_the_first_preview(owner: Owner) -> None:
    """So the user sees which account loses access (case 2)."""
    owner.check(SALES, olds=owner.olds(SALES, UNLISTED))
    assert owner.warnings == [owner.warning(UNLISTED)]


@pytest.mark.parametrize("accounts", [UNKNOWN, [SALES, UNKNOWN]], ids=["list", "account"])
def test_list_that_is_not_known_yet(cloud: LocalCloud, owner: Owner, accounts: object) -> None:
    """The preview names no unlisted account and no contradiction, but it still checks the image."""
    owner.command.declare(Share(owner.image, LEGAL, REGION))
    result = owner.check(shared_account_ids=accounts)
    assert found(result) == []
    assert result.inputs["shared_account_ids"] is accounts or result.inputs["shared_account_ids"] == accounts
    assert owner.warnings == []
    assert cloud.count(LIST) == 0
    cloud.set_image(owner.image, state="PENDING")
    (failure,) = found(Owner(Command(cloud), owner.image).check(shared_account_ids=accounts))
    assert failure[0] == "image_id"


@pytest.mark.parametrize("unknown", ["image_id", "region"])
def test_unknown_image_or_region_is_not_checked(cloud: LocalCloud, owner: Owner, unknown: str) -> None:
    result = owner.command.exclusive.check({}, owner.news(SALES, **{unknown: UNKNOWN}))
    assert found(result) == []
    assert result.inputs[unknown] is UNKNOWN
    assert cloud.calls == []


@pytest.mark.parametrize(
    ("change", "failures"),
    [
        ({"image_id": "x"}, ["image_id"]),
        ({"shared_account_ids": None}, ["shared_account_ids"]),
        ({"shared_account_ids": SALES}, ["shared_account_ids"]),
        ({"shared_account_ids": {"sales": SALES}}, ["shared_account_ids"]),
        ({"shared_account_ids": ["x", SALES, 5.0, UNKNOWN, [SALES]]}, [f"shared_account_ids[{n}]" for n in (0, 2, 4)]),
        ({"report_only": "yes"}, ["report_only"]),
        ({"region": "mars"}, ["region"]),
        (
            {"image_id": "x", "shared_account_ids": ["y"], "report_only": 1.0, "region": "z"},
            ["image_id", "shared_account_ids[0]", "report_only", "region"],
        ),
    ],
)
def test_malformed_values(cloud: LocalCloud, shared_image: str, change: dict[str, Any], failures: list[str]) -> None:
    """All are reported together, each with its property, and no account is reported as unlisted because of them."""
    owner = Owner(Command(cloud, recheck="off"), shared_image)
    assert [name for name, _ in found(owner.check(SALES, **change))] == failures
    assert owner.warnings == []
    assert cloud.count(LIST) == 0


def test_malformed_list_does_not_hide_a_problem_of_the_image(cloud: LocalCloud, owner: Owner) -> None:
    cloud.set_image(owner.image, state="ERROR")
    assert [name for name, _ in found(owner.check("x"))] == ["shared_account_ids[0]", "image_id"]


def test_malformed_list_contradicts_no_share(owner: Owner) -> None:
    owner.check("x")
    owner.command.declare(Share(owner.image, LEGAL, REGION))


def test_image_that_does_not_exist(cloud: LocalCloud, owner: Owner) -> None:
    """It is refused like that of a share, and its shares are not listed."""
    ((name, reason),) = found(owner.check(SALES, image_id="wsi-unknown00"))
    assert name == "image_id"
    assert "was not found" in reason
    assert cloud.count(LIST) == 0


@pytest.mark.parametrize("action", [DESCRIBE, LIST])
def test_check_without_permission_to_read(cloud: LocalCloud, shared_image: str, action: str) -> None:
    """It is an error if `recheck` is strict and a warning if it is warn. If it is off, AWS is not asked."""
    cloud.deny(f"workspaces:{action}")
    with pytest.raises(AccessDenied, match=f"the caller needs workspaces:{action}"):
        Owner(Command(cloud), shared_image).check(SALES)
    owner = Owner(Command(cloud, recheck="warn"), shared_image)
    assert found(owner.check(SALES)) == []
    assert any(
        "access denied" in w and w.endswith("continued without checking because workspaces-images:recheck is warn")
        for w in owner.warnings
    )
    assert any("ImageSharesExclusive" in warning for warning in owner.warnings) == (action == DESCRIBE)
    cloud.forget_calls()
    assert found(Owner(Command(cloud, recheck="off"), shared_image).check(SALES)) == []
    assert cloud.calls == []


# Contradictions.


def contradiction(image: str, account: str) -> str:
    return (
        f"an ImageShare shares image {image} in {REGION} with {account}, but that account is not on the list of its "
        "ImageSharesExclusive; put it on the list, or remove the ImageShare"
    )


def test_list_that_contradicts_earlier_shares(owner: Owner) -> None:
    """The list fails and names each of them, and reports no account as unlisted."""
    for account in (LEGAL, SALES, UNLISTED_TOO):
        owner.command.declare(Share(owner.image, account, REGION))
    assert found(owner.check(SALES)) == [
        ("shared_account_ids", contradiction(owner.image, LEGAL)),
        ("shared_account_ids", contradiction(owner.image, UNLISTED_TOO)),
    ]
    assert owner.warnings == []


@pytest.mark.parametrize("recheck", MODES)
def test_share_that_contradicts_an_earlier_list(cloud: LocalCloud, shared_image: str, recheck: str) -> None:
    """The share fails with the same message."""
    owner = Owner(Command(cloud, recheck=recheck), shared_image)
    owner.check(SALES)
    assert found(owner.command.check(shared_image, LEGAL)) == [
        ("shared_account_id", contradiction(shared_image, LEGAL))
    ]
    owner.command.declare(Share(shared_image, SALES, REGION))


def test_list_that_only_reports_contradicts_shares_as_well(owner: Owner) -> None:
    owner.command.declare(Share(owner.image, LEGAL, REGION))
    assert found(owner.check(SALES, report_only=True)) == [("shared_account_ids", contradiction(owner.image, LEGAL))]


def test_other_images_and_regions_do_not_contradict(cloud: LocalCloud, owner: Owner) -> None:
    """A list applies only to its own image in its own Region."""
    other = cloud.create_image()
    cloud.create_image(region="eu-west-1", image_id=owner.image)
    for share in (Share(other, LEGAL, REGION), Share(owner.image, LEGAL, "eu-west-1")):
        owner.command.declare(share)
    assert found(owner.check(SALES)) == []
    for share in (Share(other, UNLISTED_TOO, REGION), Share(owner.image, UNLISTED_TOO, "eu-west-1")):
        owner.command.declare(share)


def test_two_lists_of_one_image(owner: Owner) -> None:
    """The second one fails, and names the accounts that are not in both lists."""
    assert found(owner.check(SALES, LEGAL)) == []
    assert found(owner.check(SALES, UNLISTED_TOO)) == [
        (
            "shared_account_ids",
            f"two ImageSharesExclusive of image {owner.image} in {REGION} list different accounts, {LEGAL}, "
            f"{UNLISTED_TOO} not in both: each would revoke what the other allows; keep one",
        )
    ]


def test_same_list_twice(owner: Owner) -> None:
    """It is accepted, because a replaced resource is checked twice. Order and duplicates do not matter."""
    assert found(owner.check(SALES, LEGAL)) == []
    assert found(owner.check(LEGAL, SALES, LEGAL)) == []
