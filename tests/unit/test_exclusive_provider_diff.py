"""The diff of an exclusive list: changed arguments and unlisted accounts."""

from typing import Any

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import AccessDenied
from tests.unit.helpers import LEGAL, LIST, SALES, UNKNOWN, UNLISTED, Command, Owner


def test_same_list_without_unlisted_accounts_is_unchanged(cloud: LocalCloud, owner: Owner) -> None:
    """The diff lists the image once. The order of the accounts and duplicates do not matter."""
    result = owner.diff(owner.olds(SALES, UNLISTED), owner.news(UNLISTED, SALES, UNLISTED))
    assert result.changes is False
    assert not result.replaces
    assert owner.warnings == []
    assert cloud.count(LIST) == 1


def test_account_that_was_added_outside_pulumi_is_an_update(owner: Owner) -> None:
    """A warning names the account."""
    result = owner.diff(owner.olds(SALES), owner.news(SALES))
    assert result.changes is True
    assert not result.replaces
    assert owner.warnings == [owner.warning(UNLISTED)]


def test_list_that_only_reports_is_unchanged_if_an_account_is_unlisted(owner: Owner) -> None:
    """A warning names the account. `preview --expect-no-changes` succeeds."""
    result = owner.diff(owner.olds(SALES, report_only=True), owner.news(SALES, report_only=True))
    assert result.changes is False
    assert owner.warnings == [owner.warning(UNLISTED, what="only reported")]


@pytest.mark.parametrize(
    ("olds", "news"),
    [([SALES], [SALES, LEGAL]), ([SALES, LEGAL], [SALES]), ([SALES], [SALES, UNKNOWN]), ([SALES], UNKNOWN)],
)
def test_other_list_is_an_update(cloud: LocalCloud, owner: Owner, olds: list[str], news: object) -> None:
    """The diff does not ask AWS, because check has done so."""
    result = owner.diff(owner.olds(*olds), owner.news(shared_account_ids=news))
    assert result.changes is True
    assert not result.replaces
    assert cloud.calls == []


@pytest.mark.parametrize("report", [True, UNKNOWN])
def test_other_report_only_is_an_update(owner: Owner, report: object) -> None:
    """So the state always contains the current value."""
    assert owner.diff(owner.olds(SALES), owner.news(SALES, report_only=report)).changes is True


@pytest.mark.parametrize(
    ("change", "replaces"),
    [({"image_id": "wsi-999999999"}, ["image_id"]), ({"image_id": UNKNOWN, "region": UNKNOWN}, ["image_id", "region"])],
)
def test_other_image_is_a_replacement(
    cloud: LocalCloud, owner: Owner, change: dict[str, Any], replaces: list[str]
) -> None:
    """No share is revoked, because the delete of a list does nothing."""
    result = owner.diff(owner.olds(SALES), owner.news(SALES, **change))
    assert (result.changes, result.replaces) == (True, replaces)
    assert not result.delete_before_replace
    assert cloud.calls == []


def test_diff_that_may_not_list_the_image_fails_or_warns_as_recheck_says(cloud: LocalCloud, shared_image: str) -> None:
    """With `strict` it fails, with `warn` it warns and reports no change, and with `off` AWS is not asked."""
    cloud.deny(f"workspaces:{LIST}")
    owner = Owner(Command(cloud), shared_image)
    with pytest.raises(AccessDenied):
        owner.diff(owner.olds(SALES), owner.news(SALES))
    owner = Owner(Command(cloud, recheck="warn"), shared_image)
    assert owner.diff(owner.olds(SALES), owner.news(SALES)).changes is False
    (warning,) = owner.warnings
    assert "continued without checking" in warning
    cloud.forget_calls()
    owner = Owner(Command(cloud, recheck="off"), shared_image)
    assert owner.diff(owner.olds(SALES), owner.news(SALES)).changes is False
    assert cloud.calls == []
