"""What a reviewer of a preview is told (on the engine: tests/engine/test_reviews.py)."""

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import ExpectedError
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import DESCRIBE, FOREIGN, LEGAL, LIST, REGION, SALES, Command, Owner, found, state


def preview(command: Command, share: Share, olds: Share | None = None, **hidden: object) -> list[str]:
    """Check a share in a preview; return what is said."""
    news = {**share._asdict(), "__provider": "reference", "_preview": True, **hidden}
    assert not command.provider.check(state(olds) if olds else {}, news).failures
    said, command.engine.infos[:] = list(command.engine.infos), []
    return said


def test_account_that_gets_access(cloud: LocalCloud, command: Command) -> None:
    """Image and account with their names, as far as they are known anyway."""
    share = Share(cloud.create_image(name="golden\x1b[31m"), SALES, REGION)
    line = rf"gets access to image {share.image_id} (golden\x1b[31m) in {REGION}"
    assert preview(command, share) == [f"account {SALES} {line}"]
    assert preview(command, share, _member=SALES, _member_name="Sales") == [f"account {SALES} (Sales) {line}"]
    assert cloud.count(DESCRIBE) == 1


def test_nothing_is_announced_in_an_update(command: Command, share: Share) -> None:
    assert preview(command, share, _preview=False) == []


def test_share_of_the_state_is_no_news(command: Command, shared: Share) -> None:
    """Neither unchanged nor in the first check of a replacement, which the second one follows."""
    assert preview(command, shared, shared) == []
    assert preview(command, shared._replace(shared_account_id=LEGAL), shared) == []


def test_many_accounts_that_get_access(cloud: LocalCloud, command: Command, image: str) -> None:
    """Ten of each image are named, then one line says how to see the rest."""
    other = cloud.create_image()
    said = [
        line
        for number in range(30)
        for image_id in (image, other)
        for line in preview(command, Share(image_id, f"{700000000000 + number}", REGION))
    ]
    more = [
        f"more accounts get access to image {image_id} in {REGION}: run `pulumi preview --diff` to see them all"
        for image_id in (image, other)
    ]
    assert len(said) == 22
    assert said[-2:] == more


def test_account_that_has_access_already(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """A renamed resource, or an existing share that is adopted, gives access to nobody; one listing tells that."""
    other = shared._replace(shared_account_id=LEGAL)
    said = [*preview(command, shared), *preview(command, other)]
    assert said[0].endswith(f" in {REGION} already; `pulumi up` adopts the share")
    assert said[0].startswith(f"account {SALES} has access to image {shared.image_id}")
    assert said[1].startswith(f"account {LEGAL} gets access to image {shared.image_id}")
    assert cloud.count(LIST) == 1


def test_many_shares_that_were_revoked(cloud: LocalCloud, command: Command, image: str) -> None:
    """Ten of an image are named, with what the update does about them, and one line tells of the rest."""
    command.process.previews = False
    for number in range(12):
        assert command.diff(Share(image, f"{700000000000 + number}", REGION)).changes
    first, *_, last = command.engine.warnings
    assert len(command.engine.warnings) == 11
    assert first.endswith("the share was revoked outside Pulumi; the update grants it again")
    assert last.startswith(f"more shares of image {image} in {REGION} were revoked outside Pulumi: run `pulumi preview")


def test_listing_that_is_denied(cloud: LocalCloud, command: Command, share: Share) -> None:
    """It is only about the words."""
    cloud.deny(f"workspaces:{LIST}")
    assert preview(command, share)[0].startswith(f"account {SALES} gets access")


def test_recheck_off(cloud: LocalCloud, share: Share) -> None:
    """AWS is not asked for a name."""
    line = f"account {SALES} gets access to image {share.image_id} in {REGION}"
    assert preview(Command(cloud, recheck="off"), share) == [line]
    assert cloud.calls == []


# exclusive: fail


def test_unlisted_account_fails_the_check(owner: Owner) -> None:
    """Preview and update, and nothing is revoked."""
    (failure,) = found(owner.check(SALES, report_only="fail"))
    assert failure[0] == "shared_account_ids"
    assert failure[1].startswith(owner.warning(FOREIGN, what="")[:-2] + "; put the account on the list")
    assert owner.warnings == []


def test_account_that_leaves_the_list_does_not_fail_it(cloud: LocalCloud, owner: Owner) -> None:
    """It is unlisted from the next preview on, if it still has access."""
    cloud.unshare(owner.image, FOREIGN)
    olds = owner.olds(SALES, report_only="fail")
    assert found(owner.check(report_only="fail", olds=olds)) == []
    assert owner.diff(olds, owner.news(report_only="fail")).changes is True
    updated = owner.update(olds, owner.news(report_only="fail")).outs
    assert updated
    assert updated["revoked_account_ids"] == []
    assert cloud.shared_with(owner.image) == {SALES}
    assert found(owner.check(report_only="fail", olds=owner.olds(report_only="fail")))


@pytest.mark.parametrize("recheck", ["warn", "off"])
def test_recheck_does_not_open_it(cloud: LocalCloud, shared_image: str, recheck: str) -> None:
    """Who could not look does not pass."""
    owner = Owner(Command(cloud, recheck=recheck), shared_image)
    cloud.deny(f"workspaces:{LIST}")
    with pytest.raises(ExpectedError, match="access denied" if recheck == "warn" else "recheck is off"):
        owner.check(SALES, report_only="fail")


def test_refresh_warns_of_it(cloud: LocalCloud, owner: Owner) -> None:
    """A refresh compares without a check."""
    olds = owner.olds(SALES, report_only="fail")
    assert owner.diff(olds, owner.news(SALES, report_only="fail")).changes is False
    assert owner.warnings == [owner.warning(FOREIGN, what="only reported")]
    assert cloud.count(LIST) == 1


@pytest.mark.parametrize("value", ["report", "True", 1, None])
def test_report_only_that_is_none_of_the_three(owner: Owner, value: object) -> None:
    assert ("report_only", "must be True, False or 'fail'") in found(owner.check(SALES, report_only=value))
