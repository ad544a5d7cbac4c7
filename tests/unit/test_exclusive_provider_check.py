"""What a preview says of an exclusive list: foreign accounts, malformed values, contradictions."""

from typing import Any

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import AccessDenied
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import (
    DESCRIBE,
    FOREIGN,
    LEGAL,
    LIST,
    MODES,
    OTHER,
    REGION,
    SALES,
    UNKNOWN,
    Command,
    Owner,
    found,
)


def test_first_preview_names_the_foreign_accounts(cloud: LocalCloud, owner: Owner) -> None:
    """Before there is anything to compare with; the inputs name all that it goes by, and nothing else."""
    result = owner.check(SALES, region=None)
    assert found(result) == []
    assert result.inputs == {
        "image_id": owner.image,
        "shared_account_ids": [SALES],
        "report_only": False,
        "region": REGION,
    }
    assert owner.warnings == [owner.warning(FOREIGN)]
    assert cloud.writes() == []


def test_unknown_report_only_promises_nothing(owner: Owner) -> None:
    """What is not known yet is not told as if it were: the update may well revoke."""
    assert found(owner.check(SALES, report_only=UNKNOWN)) == []
    (warning,) = owner.warnings
    assert warning.endswith("not on the list of its ImageSharesExclusive")


def test_report_only_is_false_where_it_is_not_given(owner: Owner) -> None:
    """A list that is given without it owns the image."""
    news = owner.news(SALES)
    del news["report_only"]
    assert owner.command.exclusive.check({}, news).inputs["report_only"] is False


def test_same_warning_is_shown_once(owner: Owner) -> None:
    """Check, diff and update all look; the user reads one line."""
    news = owner.news(SALES)
    owner.check(SALES, olds=news)
    owner.diff(owner.olds(SALES), news)
    owner.update(owner.olds(SALES), news)
    assert owner.warnings == [owner.warning(FOREIGN)]


def test_account_that_leaves_the_list_is_named_in_the_first_preview(owner: Owner) -> None:
    """Case 2: that preview shows who loses access."""
    owner.check(SALES, olds=owner.olds(SALES, FOREIGN))
    assert owner.warnings == [owner.warning(FOREIGN)]


@pytest.mark.parametrize("accounts", [UNKNOWN, [SALES, UNKNOWN]], ids=["list", "account"])
def test_unknown_list_makes_nobody_foreign(cloud: LocalCloud, owner: Owner, accounts: object) -> None:
    """Neither does it contradict a share; the image is looked at all the same."""
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
def test_unknown_identity_is_not_looked_at(cloud: LocalCloud, owner: Owner, unknown: str) -> None:
    """What is not known yet may be anything."""
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
    """All at once, each naming its property, even where AWS is not asked; nobody is called foreign because of them."""
    owner = Owner(Command(cloud, recheck="off"), shared_image)
    assert [name for name, _ in found(owner.check(SALES, **change))] == failures
    assert owner.warnings == []
    assert cloud.count(LIST) == 0


def test_malformed_list_hides_nothing_of_the_image(cloud: LocalCloud, owner: Owner) -> None:
    """One preview names them both."""
    cloud.set_image(owner.image, state="ERROR")
    assert [name for name, _ in found(owner.check("x"))] == ["shared_account_ids[0]", "image_id"]


def test_malformed_list_declares_nothing(owner: Owner) -> None:
    """A list that is refused contradicts nobody."""
    owner.check("x")
    owner.command.declare(Share(owner.image, LEGAL, REGION))


def test_image_that_does_not_exist(cloud: LocalCloud, owner: Owner) -> None:
    """As for a share; its permissions are not asked for."""
    ((name, reason),) = found(owner.check(SALES, image_id="wsi-unknown00"))
    assert name == "image_id"
    assert "was not found" in reason
    assert cloud.count(LIST) == 0


@pytest.mark.parametrize("action", [DESCRIBE, LIST])
def test_check_that_may_not_look(cloud: LocalCloud, shared_image: str, action: str) -> None:
    """Strict: an error. Warn: it says so, and names nobody. Off: AWS is not asked."""
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


def test_cost_of_looking(cloud: LocalCloud, owner: Owner) -> None:
    """A list and sixty shares of its image read one listing, of three pages."""
    accounts = [f"{700000000000 + number}" for number in range(58)]
    for account in accounts:
        cloud.share(owner.image, account)
    listed = [SALES, FOREIGN, *accounts]
    assert found(owner.check(*listed)) == []
    assert owner.diff(owner.olds(*listed), owner.news(*listed)).changes is False
    for account in listed:
        assert owner.command.diff(Share(owner.image, account, REGION)).changes is False
    assert cloud.count(LIST) == 3


# Contradictions.


def contradiction(image: str, account: str) -> str:
    return (
        f"an ImageShare shares image {image} in {REGION} with {account}, but that account is not on the list of its "
        "ImageSharesExclusive; put it on the list, or remove the ImageShare"
    )


def test_list_that_contradicts_earlier_shares(owner: Owner) -> None:
    """The list is checked second: it fails, and names each of them, and nobody as foreign."""
    for account in (LEGAL, SALES, OTHER):
        owner.command.declare(Share(owner.image, account, REGION))
    assert found(owner.check(SALES)) == [
        ("shared_account_ids", contradiction(owner.image, LEGAL)),
        ("shared_account_ids", contradiction(owner.image, OTHER)),
    ]
    assert owner.warnings == []


@pytest.mark.parametrize("recheck", MODES)
def test_share_that_contradicts_an_earlier_list(cloud: LocalCloud, shared_image: str, recheck: str) -> None:
    """The share is checked second: it fails, and says the same."""
    owner = Owner(Command(cloud, recheck=recheck), shared_image)
    owner.check(SALES)
    assert found(owner.command.check(shared_image, LEGAL)) == [
        ("shared_account_id", contradiction(shared_image, LEGAL))
    ]
    owner.command.declare(Share(shared_image, SALES, REGION))


def test_report_contradicts_as_well(owner: Owner) -> None:
    """A list that reports its own program's share is no better."""
    owner.command.declare(Share(owner.image, LEGAL, REGION))
    assert found(owner.check(SALES, report_only=True)) == [("shared_account_ids", contradiction(owner.image, LEGAL))]


def test_other_images_and_regions_do_not_contradict(cloud: LocalCloud, owner: Owner) -> None:
    """A list is about its image, in its Region."""
    other = cloud.create_image()
    cloud.create_image(region="eu-west-1", image_id=owner.image)
    for share in (Share(other, LEGAL, REGION), Share(owner.image, LEGAL, "eu-west-1")):
        owner.command.declare(share)
    assert found(owner.check(SALES)) == []
    for share in (Share(other, OTHER, REGION), Share(owner.image, OTHER, "eu-west-1")):
        owner.command.declare(share)


def test_two_lists_of_one_image(owner: Owner) -> None:
    """Each would revoke what the other allows: the second fails, and the accounts in one only are named."""
    assert found(owner.check(SALES, LEGAL)) == []
    assert found(owner.check(SALES, OTHER)) == [
        (
            "shared_account_ids",
            f"two ImageSharesExclusive of image {owner.image} in {REGION} list different accounts, {LEGAL}, {OTHER} "
            "not in both: each would revoke what the other allows; keep one",
        )
    ]


def test_same_list_twice(owner: Owner) -> None:
    """A replaced resource gets a second check; order and doubles make no other list."""
    assert found(owner.check(SALES, LEGAL)) == []
    assert found(owner.check(LEGAL, SALES, LEGAL)) == []
