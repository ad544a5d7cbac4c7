"""The lifecycle of exclusive ownership, operation by operation, against the local cloud."""

import base64
import pickle
import sys
from typing import Any

import pytest
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult
from pulumi.dynamic.dynamic import serialize_provider

from local.cloud import AwsError, Call, LocalCloud, Response
from pulumi_workspaces_images import process
from pulumi_workspaces_images.errors import AccessDenied, Bug, ConfigurationError, ExpectedError
from pulumi_workspaces_images.exclusive_provider import ImageSharesExclusiveProvider
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import DESCRIBE, GRANT, LEGAL, LIST, OWNER, REGION, SALES, UNKNOWN, Command, found

FOREIGN, OTHER = "999999999999", "888888888888"
STRANGER = "555555555555"
MODES = ["strict", "warn", "off"]

# What every version's state says of the provider.
REFERENCE = (
    "gASVUwAAAAAAAACMK3B1bHVtaV93b3Jrc3BhY2VzX2ltYWdlcy5leGNsdXNpdmVfcHJvdmlkZXKUjBxJbWFnZVNoYXJlc0V4Y2x1c2l2ZVByb3Zp"
    "ZGVylJOUKYGULg=="
)


class Owner:
    """Exclusive ownership of one image, operation by operation, in one command.

    Attributes:
        command: the command.
        image: the image.
    """

    def __init__(self, command: Command, image: str) -> None:
        self.command, self.image = command, image

    def news(self, *accounts: object, **more: object) -> dict[str, Any]:
        known = {"image_id": self.image, "shared_account_ids": list(accounts), "report_only": False, "region": REGION}
        return {**known, **more, "__provider": "reference"}

    def olds(self, *accounts: object, **more: object) -> dict[str, Any]:
        return self.news(*accounts, **{"owner_account_id": OWNER, "revoked_account_ids": [], **more})

    def check(self, *accounts: object, olds: dict[str, Any] | None = None, **more: object) -> CheckResult:
        return self.command.exclusive.check(olds or {}, self.news(*accounts, **more))

    def diff(self, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return self.command.exclusive.diff(self.image, olds, news)

    def create(self, *accounts: object, **more: object) -> CreateResult:
        return self.command.exclusive.create(self.news(*accounts, **more))

    def update(self, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return self.command.exclusive.update(self.image, olds, news)

    def read(self, properties: dict[str, Any]) -> ReadResult:
        return self.command.exclusive.read(self.image, properties)

    def warning(self, *accounts: str, what: str = "`pulumi up` revokes it") -> str:
        return (
            f"image {self.image} in {REGION} is shared with {', '.join(accounts)}, not on the list of its "
            f"ImageSharesExclusive: {what}"
        )

    @property
    def warnings(self) -> list[str]:
        return self.command.engine.warnings


@pytest.fixture
def image(cloud: LocalCloud) -> str:
    """A golden image of the owner, shared with an account that will be listed and one that will not."""
    image = cloud.create_image()
    for account in (SALES, FOREIGN):
        cloud.share(image, account)
    return image


@pytest.fixture
def owner(cloud: LocalCloud, image: str) -> Owner:
    """A command of the owner."""
    return Owner(Command(cloud), image)


# check.


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


def test_report_only_says_so(owner: Owner) -> None:
    """Nobody is to be afraid of the update; several accounts are sorted."""
    owner.check(report_only=True)
    assert owner.warnings == [owner.warning(SALES, FOREIGN, what="only reported")]


def test_unknown_report_only_promises_nothing(owner: Owner) -> None:
    """What is not known yet is not told as if it were: the update may well revoke."""
    assert found(owner.check(SALES, report_only=UNKNOWN)) == []
    assert not any("only reported" in warning for warning in owner.warnings)


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


def test_nobody_is_foreign_where_all_are_listed(owner: Owner) -> None:
    """Nothing to say; the order and doubles of the list do not matter."""
    assert found(owner.check(FOREIGN, SALES, SALES)) == []
    assert owner.warnings == []


def test_account_that_leaves_the_list_is_not_foreign_yet(owner: Owner) -> None:
    """Its own resource revokes its share in the same update."""
    owner.check(SALES, olds=owner.olds(SALES, FOREIGN))
    assert owner.warnings == []


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
        ({"image_id": None}, ["image_id"]),
        ({"shared_account_ids": None}, ["shared_account_ids"]),
        ({"shared_account_ids": SALES}, ["shared_account_ids"]),
        ({"shared_account_ids": {"sales": SALES}}, ["shared_account_ids"]),
        ({"shared_account_ids": ["x", SALES, 5.0, UNKNOWN, [SALES]]}, [f"shared_account_ids[{n}]" for n in (0, 2, 4)]),
        ({"report_only": "yes"}, ["report_only"]),
        ({"report_only": None}, ["report_only"]),
        ({"region": "mars"}, ["region"]),
        (
            {"image_id": "x", "shared_account_ids": ["y"], "report_only": 1.0, "region": "z"},
            ["image_id", "shared_account_ids[0]", "report_only", "region"],
        ),
    ],
)
@pytest.mark.parametrize("recheck", MODES)
def test_malformed_values(
    cloud: LocalCloud, image: str, change: dict[str, Any], failures: list[str], recheck: str
) -> None:
    """All at once, each naming its property, in every mode; nobody is called foreign on their strength."""
    owner = Owner(Command(cloud, recheck=recheck), image)
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
def test_check_that_may_not_look(cloud: LocalCloud, image: str, action: str) -> None:
    """Strict: an error. Warn: it says so, and names nobody. Off: AWS is not asked."""
    cloud.deny(f"workspaces:{action}")
    with pytest.raises(AccessDenied, match=f"the caller needs workspaces:{action}"):
        Owner(Command(cloud), image).check(SALES)
    owner = Owner(Command(cloud, recheck="warn"), image)
    assert found(owner.check(SALES)) == []
    assert any(
        "access denied" in w and w.endswith("went on without looking, as workspaces-images:recheck is warn")
        for w in owner.warnings
    )
    assert any("ImageSharesExclusive" in warning for warning in owner.warnings) == (action == DESCRIBE)
    cloud.forget_calls()
    assert found(Owner(Command(cloud, recheck="off"), image).check(SALES)) == []
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
        f"an ImageShare shares image {image} in {REGION} with {account}, and the list of its ImageSharesExclusive does "
        "not hold that account; put it on the list, or remove the ImageShare"
    )


@pytest.mark.parametrize("recheck", MODES)
def test_list_that_contradicts_earlier_shares(cloud: LocalCloud, image: str, recheck: str) -> None:
    """The list is checked second: it fails, and names each of them."""
    owner = Owner(Command(cloud, recheck=recheck), image)
    for account in (LEGAL, SALES, OTHER):
        owner.command.declare(Share(image, account, REGION))
    assert found(owner.check(SALES)) == [
        ("shared_account_ids", contradiction(image, LEGAL)),
        ("shared_account_ids", contradiction(image, OTHER)),
    ]


@pytest.mark.parametrize("recheck", MODES)
def test_share_that_contradicts_an_earlier_list(cloud: LocalCloud, image: str, recheck: str) -> None:
    """The share is checked second: it fails, and says the same."""
    owner = Owner(Command(cloud, recheck=recheck), image)
    owner.check(SALES)
    assert found(owner.command.check(image, LEGAL)) == [("shared_account_id", contradiction(image, LEGAL))]
    owner.command.declare(Share(image, SALES, REGION))


def test_report_contradicts_as_well(owner: Owner) -> None:
    """A list that reports its own program's share is no better."""
    owner.command.declare(Share(owner.image, LEGAL, REGION))
    assert found(owner.check(SALES, report_only=True)) == [("shared_account_ids", contradiction(owner.image, LEGAL))]


def test_contradiction_names_nobody_as_foreign(owner: Owner) -> None:
    """It is not said that the update revokes anything: there will be no update."""
    owner.command.declare(Share(owner.image, LEGAL, REGION))
    owner.check(SALES)
    assert owner.warnings == []


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


# diff.


def test_same_list_and_nobody_foreign_is_unchanged(cloud: LocalCloud, owner: Owner) -> None:
    """It has looked, once."""
    result = owner.diff(owner.olds(SALES, FOREIGN), owner.news(SALES, FOREIGN))
    assert result.changes is False
    assert not result.replaces
    assert owner.warnings == []
    assert cloud.count(LIST) == 1


@pytest.mark.parametrize(
    "news", [[FOREIGN, SALES], [SALES, FOREIGN, SALES], (SALES, FOREIGN)[::-1]], ids=["order", "double", "reversed"]
)
def test_same_accounts_in_other_words(owner: Owner, news: list[str]) -> None:
    """A list in another order, or with doubles, is the same list."""
    assert owner.diff(owner.olds(SALES, FOREIGN), owner.news(*news)).changes is False


@pytest.mark.parametrize("recheck", ["strict", "warn"])
def test_account_added_outside_pulumi_is_an_update(cloud: LocalCloud, image: str, recheck: str) -> None:
    """And is named."""
    owner = Owner(Command(cloud, recheck=recheck), image)
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
    ("olds", "news"),
    [
        ([SALES], [SALES, LEGAL]),
        ([SALES, LEGAL], [SALES]),
        ([SALES], [LEGAL]),
        ([SALES], [SALES, UNKNOWN]),
        ([], [SALES]),
    ],
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
    [
        ({"image_id": "wsi-999999999"}, ["image_id"]),
        ({"region": "eu-west-1"}, ["region"]),
        ({"image_id": UNKNOWN}, ["image_id"]),
        ({"image_id": UNKNOWN, "region": UNKNOWN}, ["image_id", "region"]),
    ],
)
def test_other_image_is_a_replacement(
    cloud: LocalCloud, owner: Owner, change: dict[str, Any], replaces: list[str]
) -> None:
    """Its own delete is a no-op, so nothing is lost."""
    result = owner.diff(owner.olds(SALES), owner.news(SALES, **change))
    assert (result.changes, result.replaces) == (True, replaces)
    assert not result.delete_before_replace
    assert cloud.calls == []


def test_diff_that_may_not_look(cloud: LocalCloud, image: str) -> None:
    """Strict: an error. Warn: it says so, and takes it for unchanged. Off: AWS is not asked."""
    cloud.deny(f"workspaces:{LIST}")
    with pytest.raises(AccessDenied):
        Owner(Command(cloud), image).diff(
            Owner(Command(cloud), image).olds(SALES), Owner(Command(cloud), image).news(SALES)
        )
    owner = Owner(Command(cloud, recheck="warn"), image)
    assert owner.diff(owner.olds(SALES), owner.news(SALES)).changes is False
    (warning,) = owner.warnings
    assert "went on without looking" in warning
    cloud.forget_calls()
    owner = Owner(Command(cloud, recheck="off"), image)
    assert owner.diff(owner.olds(SALES), owner.news(SALES)).changes is False
    assert cloud.calls == []


# create and update.


def outputs(image: str, accounts: list[str], revoked: list[str], report_only: bool = False) -> dict[str, object]:
    return {
        "image_id": image,
        "shared_account_ids": accounts,
        "report_only": report_only,
        "region": REGION,
        "owner_account_id": OWNER,
        "revoked_account_ids": revoked,
    }


def test_create_revokes_what_is_foreign(cloud: LocalCloud, owner: Owner) -> None:
    """Its id is the image; what was revoked is in the outputs and in the diagnostics."""
    cloud.share(owner.image, OTHER)
    result = owner.create(SALES, LEGAL)
    assert result.id == owner.image
    assert result.outs == outputs(owner.image, [SALES, LEGAL], [OTHER, FOREIGN])
    assert cloud.shared_with(owner.image) == {SALES}
    assert owner.command.engine.infos == [
        f"image {owner.image} in {REGION} was unshared from {account}" for account in (OTHER, FOREIGN)
    ]


def test_empty_list_is_nobody(cloud: LocalCloud, owner: Owner) -> None:
    """Every share is foreign to it."""
    owner.create()
    assert cloud.shared_with(owner.image) == set()


def test_update_revokes_what_is_foreign(cloud: LocalCloud, owner: Owner) -> None:
    """It returns all outputs: those it leaves out would vanish from the state."""
    news = owner.news(SALES)
    assert owner.update(owner.olds(SALES), news).outs == outputs(owner.image, [SALES], [FOREIGN])
    assert cloud.shared_with(owner.image) == {SALES}
    assert owner.diff(owner.olds(SALES), news).changes is False


def test_revoked_accounts_are_those_of_the_last_update(owner: Owner) -> None:
    """What an earlier one revoked is history."""
    olds = owner.olds(SALES, revoked_account_ids=[OTHER])
    assert owner.update(olds, owner.news(SALES, FOREIGN)).outs == outputs(owner.image, [SALES, FOREIGN], [])


@pytest.mark.parametrize("operation", ["create", "update"])
def test_report_revokes_nothing(cloud: LocalCloud, owner: Owner, operation: str) -> None:
    """And records that nothing was revoked."""
    news = owner.news(SALES, report_only=True)
    result = owner.command.exclusive.create(news) if operation == "create" else owner.update(owner.olds(SALES), news)
    assert result.outs == outputs(owner.image, [SALES], [], report_only=True)
    assert cloud.writes() == []
    assert owner.command.engine.infos == []


def test_update_leaves_who_was_on_the_old_list(cloud: LocalCloud, owner: Owner) -> None:
    """Foreign is what is neither on the new list nor on the old one: there a share's own resource decides."""
    cloud.share(owner.image, LEGAL)
    result = owner.update(owner.olds(SALES, LEGAL), owner.news(SALES))
    assert result.outs is not None
    assert result.outs["revoked_account_ids"] == [FOREIGN]
    assert cloud.shared_with(owner.image) == {SALES, LEGAL}


def test_account_that_left_the_list_without_a_resource_is_foreign_next(cloud: LocalCloud, owner: Owner) -> None:
    """Nobody revoked it: the next preview names it, the next up revokes it."""
    owner.update(owner.olds(SALES, FOREIGN), owner.news(SALES))
    assert cloud.shared_with(owner.image) == {SALES, FOREIGN}
    after = Owner(Command(cloud), owner.image)
    assert after.diff(after.olds(SALES), after.news(SALES)).changes is True
    after.update(after.olds(SALES), after.news(SALES))
    assert cloud.shared_with(owner.image) == {SALES}


def test_what_the_same_update_granted_is_not_revoked(cloud: LocalCloud, owner: Owner) -> None:
    """A share that is new on the list may come before or after."""
    owner.command.create(Share(owner.image, LEGAL, REGION))
    owner.update(owner.olds(SALES), owner.news(SALES, LEGAL))
    assert cloud.shared_with(owner.image) == {SALES, LEGAL}


def test_what_the_same_update_revoked_is_not_revoked_again(cloud: LocalCloud, owner: Owner) -> None:
    """The account was unshared by its own resource, with `delete_before_replace`: it is gone."""
    owner.command.delete(Share(owner.image, FOREIGN, REGION))
    result = owner.create(SALES)
    assert result.outs is not None
    assert result.outs["revoked_account_ids"] == []
    assert len(cloud.writes()) == 1


@pytest.mark.parametrize("operation", ["create", "update"])
@pytest.mark.parametrize("recheck", ["warn", "off"])
def test_nothing_is_revoked_without_a_look(cloud: LocalCloud, image: str, recheck: str, operation: str) -> None:
    """Who could not be looked at in this update is not revoked, even if the list says so."""
    cloud.deny(f"workspaces:{LIST}")
    owner = Owner(Command(cloud, recheck=recheck), image)
    news = owner.news(LEGAL)
    result = owner.command.exclusive.create(news) if operation == "create" else owner.update(owner.olds(SALES), news)
    assert result.outs == outputs(image, [LEGAL], [])
    assert cloud.writes() == []
    assert cloud.shared_with(image) == {SALES, FOREIGN}


def test_nothing_is_revoked_where_recheck_is_off(cloud: LocalCloud, image: str) -> None:
    """AWS would answer, and is not asked who has a share."""
    owner = Owner(Command(cloud, recheck="off"), image)
    owner.create(SALES)
    assert cloud.count("workspaces:*") == 0
    assert cloud.shared_with(image) == {SALES, FOREIGN}


def test_warn_revokes_what_it_saw(cloud: LocalCloud, image: str) -> None:
    """A look that succeeds is as good as with strict."""
    Owner(Command(cloud, recheck="warn"), image).create(SALES)
    assert cloud.shared_with(image) == {SALES}


@pytest.mark.parametrize("operation", ["create", "update"])
def test_strict_update_that_may_not_look(cloud: LocalCloud, owner: Owner, operation: str) -> None:
    """It fails, and has revoked nothing."""
    cloud.deny(f"workspaces:{LIST}")
    with pytest.raises(AccessDenied):
        owner.create(SALES) if operation == "create" else owner.update(owner.olds(SALES), owner.news(SALES))
    assert cloud.shared_with(owner.image) == {SALES, FOREIGN}


def refuse(cloud: LocalCloud, account: str) -> None:
    """Let AWS refuse to unshare one account."""

    def intercept(call: Call, proceed: Any) -> Response:
        if call.operation == GRANT and call.parameters["SharedAccountId"] == account:
            raise AwsError("OperationNotSupportedException", "Not now.")
        response: Response = proceed()
        return response

    cloud.interceptors.append(intercept)


def test_revoke_that_is_refused_and_the_next_update(cloud: LocalCloud, owner: Owner) -> None:
    """One that cannot be revoked does not protect the others; the next update takes up where this one failed."""
    for account in (LEGAL, OTHER):
        cloud.share(owner.image, account)
    refuse(cloud, OTHER)
    with pytest.raises(ExpectedError, match=f"^unsharing image {owner.image} from {OTHER} in {REGION}.*Not now"):
        owner.create(SALES)
    assert owner.command.engine.infos == [
        f"image {owner.image} in {REGION} was unshared from {account}" for account in (LEGAL, FOREIGN)
    ]
    assert cloud.shared_with(owner.image) == {SALES, OTHER}

    cloud.interceptors.pop()
    after = Owner(Command(cloud), owner.image)
    after.check(SALES)
    assert after.warnings == [after.warning(OTHER)]
    assert after.create(SALES).outs == outputs(owner.image, [SALES], [OTHER])
    assert cloud.shared_with(owner.image) == {SALES}


def test_lost_answer_to_a_revoke(cloud: LocalCloud, owner: Owner) -> None:
    """AWS did the work: the update ends well, and records it."""
    cloud.lose_response(GRANT)
    assert owner.create(SALES).outs == outputs(owner.image, [SALES], [FOREIGN])


def test_nothing_is_revoked_before_the_owner_is_known(cloud: LocalCloud, owner: Owner) -> None:
    """An update that could not record whose image it is does not begin."""
    cloud.fail("GetCallerIdentity", "AccessDeniedException")
    with pytest.raises(AccessDenied, match="sts:GetCallerIdentity"):
        owner.create(SALES)
    assert cloud.writes() == []


def test_share_that_was_revoked_is_granted_again_by_who_declares_it(cloud: LocalCloud, owner: Owner) -> None:
    """A share that this process has revoked and then sees declared is an update."""
    owner.create(SALES)
    assert owner.command.diff(Share(owner.image, FOREIGN, REGION)).changes is True
    assert owner.command.diff(Share(owner.image, SALES, REGION)).changes is False
    assert owner.warnings == [owner.warning(FOREIGN)]


# read and delete.


def test_read_keeps_everything(cloud: LocalCloud, owner: Owner) -> None:
    """A refresh has nothing to record but whether the image is there."""
    properties = owner.olds(SALES, revoked_account_ids=[OTHER])
    result = owner.read(properties)
    assert result.id == owner.image
    assert result.outs == outputs(owner.image, [SALES], [OTHER])
    assert result.inputs == {
        name: properties[name] for name in ("image_id", "shared_account_ids", "report_only", "region")
    }
    assert cloud.writes() == []


def test_read_of_an_image_that_is_gone(cloud: LocalCloud, owner: Owner) -> None:
    """To its owner, what AWS does not know is gone."""
    cloud.remove_image(owner.image)
    result = owner.read(owner.olds(SALES))
    assert (result.id, result.outs, result.inputs) == ("", {}, None)


@pytest.mark.parametrize("refusal", ["not found", "access denied"])
def test_not_found_means_nothing_to_others(cloud: LocalCloud, image: str, refusal: str) -> None:
    """Law 10: with another account's credentials nothing is gone, and both accounts are named."""
    if refusal == "access denied":
        cloud.deny("workspaces:*", STRANGER)
    owner = Owner(Command(cloud, STRANGER), image)
    with pytest.raises(ExpectedError, match=refusal) as caught:
        owner.read(owner.olds(SALES))
    assert f"image {image} is owned by account {OWNER}, and the caller is account {STRANGER}" in str(caught.value)


def test_not_found_means_nothing_without_a_caller(cloud: LocalCloud, image: str) -> None:
    """Law 10: nobody can tell whether the image is gone."""
    cloud.remove_image(image)
    owner = Owner(Command(cloud, skipRequestingAccountId="true"), image)
    with pytest.raises(ExpectedError, match="aws:skipRequestingAccountId"):
        owner.read(owner.olds(SALES))


def test_owner_who_may_not_look(cloud: LocalCloud, owner: Owner) -> None:
    """Access denied is not gone."""
    cloud.deny("workspaces:*")
    with pytest.raises(AccessDenied):
        owner.read(owner.olds(SALES))


@pytest.mark.parametrize("properties", [{}, {"region": REGION}])
def test_read_by_id_is_refused(cloud: LocalCloud, owner: Owner, properties: dict[str, object]) -> None:
    """The id does not say which accounts are meant; the message says what to do instead."""
    with pytest.raises(ExpectedError) as caught:
        owner.read({**properties, "__provider": "reference"})
    assert str(caught.value) == (
        f"reading the exclusive shares of {owner.image}: they cannot be read by id; declare them instead"
    )
    assert cloud.calls == []


def test_delete_does_nothing(cloud: LocalCloud, owner: Owner) -> None:
    """That the list is given up is no reason to revoke anything, nor to ask anything."""
    owner.command.exclusive.delete(owner.image, owner.olds(SALES))
    assert cloud.calls == []
    assert cloud.shared_with(owner.image) == {SALES, FOREIGN}


# What it has in common with the other resource class.


def test_configuration_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every resource class of one process works with the same declarations."""
    request: Any = object()
    provider: Any = ImageSharesExclusiveProvider()
    monkeypatch.setattr(process, "configure", lambda given: ("the process of", given))
    provider.configure(request)
    assert provider._process == ("the process of", request)


def test_configuration_that_cannot_be_honoured_is_an_error(cloud: LocalCloud, image: str) -> None:
    """Also with `warn`: the caller's account is not the one that is meant."""
    owner = Owner(Command(cloud, recheck="warn", allowedAccountIds=f'["{STRANGER}"]'), image)
    with pytest.raises(ConfigurationError, match="aws:allowedAccountIds"):
        owner.check(SALES)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("configure", [None]),
        ("check", [{}, {}]),
        ("diff", ["", {}, {"shared_account_ids": []}]),
        ("create", [{}]),
        ("update", ["", {}, {}]),
        ("read", ["", {"owner_account_id": OWNER}]),
    ],
)
def test_bug_in_any_operation(monkeypatch: pytest.MonkeyPatch, operation: str, arguments: list[Any]) -> None:
    """Every operation brings its traceback along, which the provider process cuts off."""
    monkeypatch.setattr(sys, "tracebacklimit", 0, raising=False)
    with pytest.raises(Bug, match=rf"(exclusive_provider|process).py.* in {operation}"):
        getattr(ImageSharesExclusiveProvider(), operation)(*arguments)


def test_provider_is_pickled_by_reference() -> None:
    """Module and class name, the same for every resource and version; not as a secret."""
    assert serialize_provider(ImageSharesExclusiveProvider()) == REFERENCE
    assert b"exclusive_provider" in base64.b64decode(REFERENCE)
    assert ImageSharesExclusiveProvider.serialize_as_secret_always is False


def test_state_of_every_version_is_read() -> None:
    """The reference that states hold leads to the provider."""
    assert type(pickle.loads(base64.b64decode(REFERENCE))) is ImageSharesExclusiveProvider
