"""What has changed about an exclusive list: its arguments, and who is foreign."""

from typing import Any

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import AccessDenied
from tests.unit.helpers import FOREIGN, LEGAL, LIST, SALES, UNKNOWN, Command, Owner


def test_same_list_and_nobody_foreign_is_unchanged(cloud: LocalCloud, owner: Owner) -> None:
    """It has looked, once."""
    result = owner.diff(owner.olds(SALES, FOREIGN), owner.news(SALES, FOREIGN))
    assert result.changes is False
    assert not result.replaces
    assert owner.warnings == []
    assert cloud.count(LIST) == 1


def test_same_accounts_in_other_words(owner: Owner) -> None:
    """A list in another order, or with doubles, is the same list."""
    assert owner.diff(owner.olds(SALES, FOREIGN), owner.news(FOREIGN, SALES, FOREIGN)).changes is False


def test_account_added_outside_pulumi_is_an_update(owner: Owner) -> None:
    """And is named."""
    result = owner.diff(owner.olds(SALES), owner.news(SALES))
    assert result.changes is True
    assert not result.replaces
    assert owner.warnings == [owner.warning(FOREIGN)]


def test_report_is_unchanged(owner: Owner) -> None:
    """`preview --expect-no-changes` succeeds: nothing will be done about it."""
    result = owner.diff(owner.olds(SALES, report_only=True), owner.news(SALES, report_only=True))
    assert result.changes is False
    assert owner.warnings == [owner.warning(FOREIGN, what="only reported")]


@pytest.mark.parametrize(
    ("olds", "news"), [([SALES], [SALES, LEGAL]), ([SALES, LEGAL], [SALES]), ([SALES], [SALES, UNKNOWN])]
)
def test_other_list_is_an_update(cloud: LocalCloud, owner: Owner, olds: list[str], news: list[str]) -> None:
    """Without a look: check has looked."""
    result = owner.diff(owner.olds(*olds), owner.news(*news))
    assert result.changes is True
    assert not result.replaces
    assert cloud.calls == []


def test_unknown_list_is_an_update(owner: Owner) -> None:
    """An update of an unknown kind, but never a replacement."""
    result = owner.diff(owner.olds(SALES), owner.news(shared_account_ids=UNKNOWN))
    assert result.changes is True
    assert not result.replaces


@pytest.mark.parametrize("report", [True, UNKNOWN])
def test_other_report_only_is_an_update(owner: Owner, report: object) -> None:
    """The state always says which of the two it is."""
    assert owner.diff(owner.olds(SALES), owner.news(SALES, report_only=report)).changes is True


@pytest.mark.parametrize(
    ("change", "replaces"),
    [({"image_id": "wsi-999999999"}, ["image_id"]), ({"image_id": UNKNOWN, "region": UNKNOWN}, ["image_id", "region"])],
)
def test_other_image_is_a_replacement(
    cloud: LocalCloud, owner: Owner, change: dict[str, Any], replaces: list[str]
) -> None:
    """Its own delete is a no-op, so nothing is lost."""
    result = owner.diff(owner.olds(SALES), owner.news(SALES, **change))
    assert (result.changes, result.replaces) == (True, replaces)
    assert not result.delete_before_replace
    assert cloud.calls == []


def test_diff_that_may_not_look(cloud: LocalCloud, shared_image: str) -> None:
    """Strict: an error. Warn: it says so, and takes it for unchanged. Off: AWS is not asked."""
    cloud.deny(f"workspaces:{LIST}")
    with pytest.raises(AccessDenied):
        Owner(Command(cloud), shared_image).diff(
            Owner(Command(cloud), shared_image).olds(SALES), Owner(Command(cloud), shared_image).news(SALES)
        )
    owner = Owner(Command(cloud, recheck="warn"), shared_image)
    assert owner.diff(owner.olds(SALES), owner.news(SALES)).changes is False
    (warning,) = owner.warnings
    assert "continued without checking" in warning
    cloud.forget_calls()
    owner = Owner(Command(cloud, recheck="off"), shared_image)
    assert owner.diff(owner.olds(SALES), owner.news(SALES)).changes is False
    assert cloud.calls == []
