"""What a process remembers about the shares of the running update."""

from collections.abc import Callable

import pytest

from pulumi_workspaces_images.errors import ExpectedError
from pulumi_workspaces_images.lifecycle.ledger import Ledger
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import IMAGE, LEGAL, REGION, SALES, SHARE

OTHERS = [Share(IMAGE, LEGAL, REGION), Share("wsi-999999999", SALES, REGION), Share(IMAGE, SALES, "eu-west-1")]


def failed(ledger: Ledger, share: Share) -> bool:
    return ledger._entry(share).failed


def revoke(ledger: Ledger, share: Share) -> None:
    with ledger.revoking(share):
        pass


ANSWERS: dict[str, Callable[[Ledger, Share], bool]] = {
    "declared": Ledger.is_declared,
    "held": Ledger.is_held,
    "revoked": Ledger.was_revoked,
    "gone": Ledger.is_gone,
    "failed": failed,
    "kept": Ledger.was_kept,
}


def known(ledger: Ledger, share: Share) -> set[str]:
    return {name for name, ask in ANSWERS.items() if ask(ledger, share)}


def test_new_ledger_knows_nothing_about_a_share() -> None:
    assert known(Ledger(), SHARE) == set()
    assert not Ledger().keeps(SHARE)


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        (Ledger.declare, {"declared"}),
        (revoke, {"revoked", "gone"}),
        (Ledger.failed, {"failed"}),
        (Ledger.granted, {"held"}),
    ],
)
def test_each_event_sets_only_its_own_state_of_one_share(
    note: Callable[[Ledger, Share], object], expected: set[str]
) -> None:
    ledger = Ledger()
    note(ledger, SHARE)
    note(ledger, SHARE)
    assert known(ledger, SHARE) == expected
    assert not any(known(ledger, other) for other in OTHERS)


def test_share_that_is_granted_again_is_neither_revoked_nor_failed() -> None:
    ledger = Ledger()
    for share in (SHARE, OTHERS[0]):
        revoke(ledger, share)
        ledger.failed(share)
    ledger.granted(SHARE)
    assert not ledger.was_revoked(SHARE)
    assert not failed(ledger, SHARE)
    assert ledger.was_revoked(OTHERS[0])
    assert failed(ledger, OTHERS[0])


def test_share_is_not_gone_after_a_failed_revoke() -> None:
    """It is marked as revoked, because the revoke may have taken effect. The next delete tries again."""
    ledger = Ledger()
    with pytest.raises(ZeroDivisionError), ledger.revoking(SHARE):
        raise ZeroDivisionError
    assert known(ledger, SHARE) == {"revoked"}


def test_declared_share_is_kept_when_its_old_resource_is_deleted() -> None:
    """If the new resource could not take the share over, the delete fails, and the old resource stays in the state."""
    ledger = Ledger()
    ledger.declare(SHARE)
    assert ledger.keeps(SHARE)
    assert known(ledger, SHARE) == {"declared", "kept"}
    ledger.failed(SHARE)
    with pytest.raises(
        ExpectedError, match=r"kept because another resource declares the share and could not take it over"
    ):
        ledger.keeps(SHARE)
    ledger.granted(SHARE)
    assert ledger.keeps(SHARE)


def test_grant_does_not_declare_a_share() -> None:
    """Only check declares shares. Otherwise a resource that was removed from the program would keep its share."""
    ledger = Ledger()
    ledger.granted(SHARE)
    assert not ledger.is_declared(SHARE)


def test_share_that_is_revoked_after_a_grant_is_revoked() -> None:
    ledger = Ledger()
    ledger.granted(SHARE)
    revoke(ledger, SHARE)
    assert known(ledger, SHARE) == {"revoked", "gone"}


# Contradictions.


@pytest.mark.parametrize("listed", [frozenset({LEGAL}), frozenset()])
def test_share_and_list_contradict_each_other_in_either_order(listed: frozenset[str]) -> None:
    """The message is the same, and names the image, the Region, the account and what to do."""
    first, second = Ledger(), Ledger()
    first.declare(SHARE)
    (message,) = first.declare_exclusive(IMAGE, REGION, listed)
    second.declare_exclusive(IMAGE, REGION, listed)
    assert second.declare(SHARE) == message
    assert all(part in message for part in (*SHARE, "ImageShare ", "ImageSharesExclusive", "or remove the ImageShare"))


def test_share_that_contradicts_a_list_counts_as_declared() -> None:
    """So its old resource does not revoke it: the update fails, and the user decides."""
    ledger = Ledger()
    ledger.declare_exclusive(IMAGE, REGION, frozenset())
    assert ledger.declare(SHARE)
    assert ledger.is_declared(SHARE)


def test_second_list_of_an_image_must_have_the_same_accounts() -> None:
    """Otherwise it is refused, with the accounts that are in only one list. The first list stays in force."""
    ledger = Ledger()
    assert ledger.declare_exclusive(IMAGE, REGION, frozenset({SALES})) == []
    assert ledger.declare_exclusive(IMAGE, REGION, frozenset({SALES})) == []
    ledger.declare(SHARE)
    share, lists = ledger.declare_exclusive(IMAGE, REGION, frozenset({LEGAL}))
    assert "an ImageShare shares" in share
    assert f"list different accounts, {SALES}, {LEGAL} not in both" in lists
    assert ledger.declare(SHARE) is None


def test_lists_of_two_regions_do_not_contradict_each_other() -> None:
    ledger = Ledger()
    assert ledger.declare_exclusive(IMAGE, REGION, frozenset({SALES})) == []
    assert ledger.declare_exclusive(IMAGE, "eu-west-1", frozenset({LEGAL})) == []


def test_share_that_is_not_declared_contradicts_no_list() -> None:
    """This update may have revoked it."""
    ledger = Ledger()
    revoke(ledger, SHARE)
    assert ledger.declare_exclusive(IMAGE, REGION, frozenset()) == []


# Taking over.


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_any_exception_while_a_share_is_taken_over_marks_it_as_failed(error: type[BaseException]) -> None:
    """The exception is raised again."""
    ledger = Ledger()
    with pytest.raises(error), ledger.taking_over(SHARE):
        raise error
    assert failed(ledger, SHARE)
    with pytest.raises(error), ledger.taking_over(None):
        raise error
    assert not any(failed(ledger, other) for other in OTHERS)
