"""What one process remembers of the running update, and how it keeps threads apart."""

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


TOLD: dict[str, Callable[[Ledger, Share], bool]] = {
    "declared": Ledger.is_declared,
    "revoked": Ledger.was_revoked,
    "gone": Ledger.is_gone,
    "failed": failed,
    "kept": Ledger.was_kept,
}


def told(ledger: Ledger, share: Share) -> set[str]:
    return {name for name, tell in TOLD.items() if tell(ledger, share)}


def test_nothing_is_known_at_first() -> None:
    """A new process has seen nothing declared, revoked or failed."""
    assert told(Ledger(), SHARE) == set()
    assert not Ledger().keeps(SHARE)


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        (Ledger.declare, {"declared"}),
        (revoke, {"revoked", "gone"}),
        (Ledger.failed, {"failed"}),
        (Ledger.granted, set()),
    ],
)
def test_each_note_is_about_one_share_and_one_thing(
    note: Callable[[Ledger, Share], object], expected: set[str]
) -> None:
    """What is noted of a share says nothing about another one, nor anything else about the same one."""
    ledger = Ledger()
    note(ledger, SHARE)
    note(ledger, SHARE)
    assert told(ledger, SHARE) == expected
    assert not any(told(ledger, other) for other in OTHERS)


def test_a_grant_undoes_a_revoke_and_a_failure() -> None:
    """What was granted again is neither revoked nor failing."""
    ledger = Ledger()
    for share in (SHARE, OTHERS[0]):
        revoke(ledger, share)
        ledger.failed(share)
    ledger.granted(SHARE)
    assert not ledger.was_revoked(SHARE)
    assert not failed(ledger, SHARE)
    assert ledger.was_revoked(OTHERS[0])
    assert failed(ledger, OTHERS[0])


def test_a_revoke_that_failed_is_not_done() -> None:
    """The next delete of the share tries again; a look or a grant in between puts right what is not so."""
    ledger = Ledger()
    with pytest.raises(ZeroDivisionError), ledger.revoking(SHARE):
        raise ZeroDivisionError
    assert told(ledger, SHARE) == {"revoked"}


def test_a_declared_share_is_kept() -> None:
    """By the resource that has it, and as long as this process lives, by the one that will."""
    ledger = Ledger()
    ledger.declare(SHARE)
    assert ledger.keeps(SHARE)
    assert told(ledger, SHARE) == {"declared", "kept"}
    ledger.failed(SHARE)
    with pytest.raises(
        ExpectedError, match=r"kept because another resource declares the share and could not take it over"
    ):
        ledger.keeps(SHARE)
    ledger.granted(SHARE)
    assert ledger.keeps(SHARE)


def test_a_grant_declares_nothing() -> None:
    """Only check declares: an update of a resource that is no longer declared must not keep its share."""
    ledger = Ledger()
    ledger.granted(SHARE)
    assert not ledger.is_declared(SHARE)


def test_a_revoke_after_a_grant_counts() -> None:
    """The last write decides."""
    ledger = Ledger()
    ledger.granted(SHARE)
    revoke(ledger, SHARE)
    assert ledger.was_revoked(SHARE)


# What contradicts what.


@pytest.mark.parametrize("listed", [frozenset({LEGAL}), frozenset()])
def test_contradiction_in_either_order(listed: frozenset[str]) -> None:
    """Both say the same: the image, the Region, the account, and what to do. The empty list is a list."""
    first, second = Ledger(), Ledger()
    first.declare(SHARE)
    (told,) = first.declare_exclusive(IMAGE, REGION, listed)
    second.declare_exclusive(IMAGE, REGION, listed)
    assert second.declare(SHARE) == told
    assert all(part in told for part in (*SHARE, "ImageShare ", "ImageSharesExclusive", "or remove the ImageShare"))


def test_share_that_contradicts_is_declared() -> None:
    """Its old resource must not revoke it: the update is refused, and the user decides."""
    ledger = Ledger()
    ledger.declare_exclusive(IMAGE, REGION, frozenset())
    assert ledger.declare(SHARE)
    assert ledger.is_declared(SHARE)


def test_two_lists_of_one_image() -> None:
    """The first one holds; the second is told of the accounts that are in one of them only, and of shares."""
    ledger = Ledger()
    assert ledger.declare_exclusive(IMAGE, REGION, frozenset({SALES})) == []
    assert ledger.declare_exclusive(IMAGE, REGION, frozenset({SALES})) == []
    ledger.declare(SHARE)
    share, lists = ledger.declare_exclusive(IMAGE, REGION, frozenset({LEGAL}))
    assert "an ImageShare shares" in share
    assert f"list different accounts, {SALES}, {LEGAL} not in both" in lists
    assert ledger.declare(SHARE) is None


# Taking over.


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_whatever_ends_taking_over_is_a_failure(error: type[BaseException]) -> None:
    """The error passes through; the share could not be taken over."""
    ledger = Ledger()
    with pytest.raises(error), ledger.taking_over(SHARE):
        raise error
    assert failed(ledger, SHARE)
    with pytest.raises(error), ledger.taking_over(None):
        raise error
    assert not any(failed(ledger, other) for other in OTHERS)
