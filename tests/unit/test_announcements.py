"""What a preview tells its reviewer (with the engine: tests/engine/test_reviews.py)."""

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import ExpectedError
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import DESCRIBE, LEGAL, LIST, REGION, SALES, UNKNOWN, UNLISTED, Command, Owner, found, state


def preview(command: Command, share: Share, olds: Share | None = None, **hidden: object) -> list[str]:
    """Check a share in a preview; return the messages."""
    news = {**share._asdict(), "__provider": "reference", "_preview": True, **hidden}
    assert not command.provider.check(state(olds) if olds else {}, news).failures
    said, command.engine.infos[:] = list(command.engine.infos), []
    return said


def test_preview_names_the_account_that_gets_access(
    cloud: LocalCloud, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message includes the names of image and account if the provider knows them already."""
    share = Share(cloud.create_image(name="golden\x1b[31m"), SALES, REGION)
    line = rf"gets access to image {share.image_id} (golden\x1b[31m) in {REGION}"
    assert preview(command, share) == [f"account {SALES} {line}"]
    assert preview(command, share, _member=SALES, _member_name="Sales") == [f"account {SALES} (Sales) {line}"]
    monkeypatch.setattr(command.process.recipients, "name_of", lambda _: "sales")
    assert preview(command, share) == [f"account {SALES} (sales) {line}"]
    assert cloud.count(DESCRIBE) == 1


def test_update_announces_nothing(command: Command, share: Share) -> None:
    assert preview(command, share, _preview=False) == []


def test_account_that_is_not_known_yet_is_not_announced(command: Command, share: Share) -> None:
    assert preview(command, share, shared_account_id=UNKNOWN) == []


def test_share_in_the_state_is_not_announced(command: Command, shared: Share) -> None:
    """The same holds for the first check of a replacement, because its second check announces the new share."""
    assert preview(command, shared, shared) == []
    assert preview(command, shared._replace(shared_account_id=LEGAL), shared) == []


def test_preview_names_the_first_ten_accounts_of_each_image(cloud: LocalCloud, command: Command, image: str) -> None:
    """One more line says how to see the rest."""
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


def test_preview_says_that_an_account_has_access_already(cloud: LocalCloud, command: Command, shared: Share) -> None:
    """This is so for a renamed resource and for a share that is adopted. One listing answers for all accounts."""
    other = shared._replace(shared_account_id=LEGAL)
    said = [*preview(command, shared), *preview(command, other)]
    assert said[0].endswith(f" in {REGION} already; `pulumi up` adopts the share")
    assert said[0].startswith(f"account {SALES} has access to image {shared.image_id}")
    assert said[1].startswith(f"account {LEGAL} gets access to image {shared.image_id}")
    assert cloud.count(LIST) == 1


def test_update_names_the_first_ten_revoked_shares_of_an_image(cloud: LocalCloud, command: Command, image: str) -> None:
    """It says that it grants them again. One more line says how to see the rest."""
    command.process.previews = False
    for number in range(12):
        assert command.diff(Share(image, f"{700000000000 + number}", REGION)).changes
    first, *_, last = command.engine.warnings
    assert len(command.engine.warnings) == 11
    assert first.endswith("the share was revoked outside Pulumi; the update grants it again")
    assert last.startswith(f"more shares of image {image} in {REGION} were revoked outside Pulumi: run `pulumi preview")


def test_preview_announces_a_share_even_if_it_may_not_list_the_image(
    cloud: LocalCloud, command: Command, share: Share
) -> None:
    """The listing only decides the wording."""
    cloud.deny(f"workspaces:{LIST}")
    assert preview(command, share)[0].startswith(f"account {SALES} gets access")


def test_preview_with_recheck_off_announces_a_share_without_asking_aws(cloud: LocalCloud, share: Share) -> None:
    line = f"account {SALES} gets access to image {share.image_id} in {REGION}"
    assert preview(Command(cloud, recheck="off"), share) == [line]
    assert cloud.calls == []


# report_only="fail"


def test_unlisted_account_fails_the_check(owner: Owner) -> None:
    """So preview and update fail, and nothing is revoked."""
    (failure,) = found(owner.check(SALES, report_only="fail"))
    assert failure[0] == "shared_account_ids"
    assert failure[1].startswith(owner.warning(UNLISTED, what="")[:-2] + "; put the account on the list")
    assert owner.warnings == []


def test_account_that_is_removed_from_the_list_does_not_fail_the_check(cloud: LocalCloud, owner: Owner) -> None:
    """If it still has access, it fails the next check."""
    cloud.unshare(owner.image, UNLISTED)
    olds = owner.olds(SALES, report_only="fail")
    assert found(owner.check(report_only="fail", olds=olds)) == []
    assert owner.diff(olds, owner.news(report_only="fail")).changes is True
    updated = owner.update(olds, owner.news(report_only="fail")).outs
    assert updated
    assert updated["revoked_account_ids"] == []
    assert cloud.shared_with(owner.image) == {SALES}
    assert found(owner.check(report_only="fail", olds=owner.olds(report_only="fail")))


@pytest.mark.parametrize("recheck", ["warn", "off"])
def test_check_fails_if_it_cannot_list_the_image_in_any_recheck_mode(
    cloud: LocalCloud, shared_image: str, recheck: str
) -> None:
    owner = Owner(Command(cloud, recheck=recheck), shared_image)
    cloud.deny(f"workspaces:{LIST}")
    with pytest.raises(ExpectedError, match="access denied" if recheck == "warn" else "recheck is off"):
        owner.check(SALES, report_only="fail")


def test_refresh_only_warns_of_an_unlisted_account(cloud: LocalCloud, owner: Owner) -> None:
    """The engine calls diff in a refresh, but not check."""
    olds = owner.olds(SALES, report_only="fail")
    assert owner.diff(olds, owner.news(SALES, report_only="fail")).changes is False
    assert owner.warnings == [owner.warning(UNLISTED, what="only reported")]
    assert cloud.count(LIST) == 1


@pytest.mark.parametrize("value", ["report", "True", 1, None])
def test_invalid_report_only_is_refused(owner: Owner, value: object) -> None:
    assert ("report_only", "must be True, False or 'fail'") in found(owner.check(SALES, report_only=value))
