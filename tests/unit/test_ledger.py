"""What one process remembers of the running update, and how it keeps threads apart."""

import threading

import pytest

from pulumi_workspaces_images.lifecycle.ledger import Ledger
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import IMAGE, LEGAL, REGION, SALES, SHARE

TOLD = ("is_declared", "was_revoked", "has_failed", "was_kept")
OTHERS = [Share(IMAGE, LEGAL, REGION), Share("wsi-999999999", SALES, REGION), Share(IMAGE, SALES, "eu-west-1")]


def test_nothing_is_known_at_first() -> None:
    """A new process has seen nothing declared, revoked or failed."""
    declarations = Ledger()
    assert not declarations.is_declared(SHARE)
    assert not declarations.was_revoked(SHARE)
    assert not declarations.has_failed(SHARE)
    assert not declarations.was_kept(SHARE)


@pytest.mark.parametrize(
    ("note", "told"),
    [("declare", "is_declared"), ("revoked", "was_revoked"), ("failed", "has_failed"), ("kept", "was_kept")],
)
def test_each_note_is_about_one_share_and_one_thing(note: str, told: str) -> None:
    """What is noted of a share says nothing about another one, nor anything else about the same one."""
    declarations = Ledger()
    getattr(declarations, note)(SHARE)
    getattr(declarations, note)(SHARE)
    answers = {name: getattr(declarations, name)(SHARE) for name in TOLD}
    assert answers == {name: name == told for name in answers}
    assert not any(getattr(declarations, told)(other) for other in OTHERS)


def test_a_grant_undoes_a_revoke_and_a_failure() -> None:
    """What was granted again is neither revoked nor failing."""
    declarations = Ledger()
    for share in (SHARE, OTHERS[0]):
        declarations.revoked(share)
        declarations.failed(share)
    declarations.granted(SHARE)
    assert not declarations.was_revoked(SHARE)
    assert not declarations.has_failed(SHARE)
    assert declarations.was_revoked(OTHERS[0])
    assert declarations.has_failed(OTHERS[0])


def test_a_grant_declares_nothing() -> None:
    """Only check declares: an update of a resource that is no longer declared must not keep its share."""
    declarations = Ledger()
    declarations.granted(SHARE)
    assert not declarations.is_declared(SHARE)


def test_a_revoke_after_a_grant_counts() -> None:
    """The last write decides."""
    declarations = Ledger()
    declarations.granted(SHARE)
    declarations.revoked(SHARE)
    assert declarations.was_revoked(SHARE)


def test_one_thread_at_a_time_works_on_a_share() -> None:
    """Who comes second waits until the first is done, and sees what it did."""
    declarations = Ledger()
    order: list[str] = []
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with declarations.serialized(SHARE):
            inside.set()
            leave.wait(5)
            order.append("first")

    def second() -> None:
        with declarations.serialized(SHARE):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(5)
    threads[1].start()
    threads[1].join(0.05)
    assert threads[1].is_alive()
    leave.set()
    for thread in threads:
        thread.join(5)
    assert order == ["first", "second"]


@pytest.mark.parametrize("other", OTHERS)
def test_shares_do_not_wait_for_each_other(other: Share) -> None:
    """Only the same image, account and Region are the same share."""
    declarations = Ledger()
    with declarations.serialized(SHARE):
        done = threading.Event()

        def work() -> None:
            with declarations.serialized(other):
                done.set()

        thread = threading.Thread(target=work)
        thread.start()
        assert done.wait(5)
        thread.join(5)


def test_a_failure_inside_lets_the_next_one_in() -> None:
    """An exception does not lock a share for good."""
    declarations = Ledger()
    with pytest.raises(ZeroDivisionError), declarations.serialized(SHARE):
        raise ZeroDivisionError
    entered = threading.Event()

    def work() -> None:
        with declarations.serialized(SHARE):
            entered.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert entered.wait(5)


# What contradicts what.


def test_share_beside_its_list() -> None:
    """An account on the list contradicts nothing, in either order; nor does a share without any list."""
    declarations = Ledger()
    assert declarations.declare(SHARE) is None
    assert declarations.declare_exclusive(IMAGE, REGION, frozenset({SALES, LEGAL})) == []
    assert declarations.declare(OTHERS[0]) is None


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
    declarations = Ledger()
    declarations.declare_exclusive(IMAGE, REGION, frozenset())
    assert declarations.declare(SHARE)
    assert declarations.is_declared(SHARE)


def test_list_of_another_image_or_region() -> None:
    """It contradicts nothing here."""
    declarations = Ledger()
    declarations.declare(SHARE)
    assert declarations.declare_exclusive("wsi-999999999", REGION, frozenset()) == []
    assert declarations.declare_exclusive(IMAGE, "eu-west-1", frozenset()) == []
    assert declarations.declare(OTHERS[0]) is None


def test_two_lists_of_one_image() -> None:
    """The first one holds; the second is told of the accounts that are in one of them only, and of shares."""
    declarations = Ledger()
    assert declarations.declare_exclusive(IMAGE, REGION, frozenset({SALES})) == []
    assert declarations.declare_exclusive(IMAGE, REGION, frozenset({SALES})) == []
    declarations.declare(SHARE)
    share, lists = declarations.declare_exclusive(IMAGE, REGION, frozenset({LEGAL}))
    assert "an ImageShare shares" in share
    assert f"list different accounts, {SALES}, {LEGAL} not in both" in lists
    assert declarations.declare(SHARE) is None


# Taking over.


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_whatever_ends_taking_over_is_a_failure(error: type[BaseException]) -> None:
    """The error passes through; the share could not be taken over."""
    declarations = Ledger()
    with pytest.raises(error), declarations.taking_over(SHARE):
        raise error
    assert declarations.has_failed(SHARE)
    with pytest.raises(error), declarations.taking_over(None):
        raise error
    assert not any(declarations.has_failed(other) for other in OTHERS)


def test_taking_over_that_ends_well_is_no_failure() -> None:
    """Neither does it undo an earlier one: a grant does."""
    declarations = Ledger()
    with declarations.taking_over(SHARE):
        pass
    assert not declarations.has_failed(SHARE)
    declarations.failed(SHARE)
    with declarations.taking_over(SHARE):
        pass
    assert declarations.has_failed(SHARE)


def test_nothing_cannot_fail() -> None:
    """A share that is not known yet is none."""
    declarations = Ledger()
    declarations.failed(None)
    assert not declarations.has_failed(SHARE)
