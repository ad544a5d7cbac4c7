"""The provider, driven as the engine drives it, does what a model of a few lines says; and the model would tell."""

import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.aws import permissions
from pulumi_workspaces_images.lifecycle import command
from pulumi_workspaces_images.lifecycle.command import Command as ProviderCommand
from pulumi_workspaces_images.lifecycle.ledger import Ledger
from pulumi_workspaces_images.lifecycle.ownership import Ownership
from pulumi_workspaces_images.lifecycle.processes import Process
from tests.model.plans import model
from tests.model.steps import ACCOUNTS, IMAGES, Fault, Named, Program, Refresh, Step, Up
from tests.model.world import Pauses, World

SHARE, ANOTHER = ((min(IMAGES), account) for account in ACCOUNTS[:2])


def test_whatever_happens(cloud: LocalCloud, pauses: Pauses) -> None:
    """Programs, faults, drift, strangers, kills: nothing declared is lost, nothing else is touched."""
    model(cloud, pauses)()


def assert_found(cloud: LocalCloud, pauses: Pauses, what: str) -> None:
    with pytest.raises(AssertionError, match=what):
        model(cloud, pauses, shrink=False, examples=200)()


@pytest.mark.nightly
def test_finds_a_delete_that_simply_revokes(cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without law 1."""
    monkeypatch.setattr(Ledger, "keeps", lambda *_: False)
    assert_found(cloud, pauses, "law 1: a declared share (is gone|was revoked)")


@pytest.mark.nightly
def test_finds_that_not_found_counts_as_gone(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without law 10."""
    monkeypatch.setattr(Ownership, "confirm_gone", lambda *_: None)
    monkeypatch.setattr(Ownership, "refuse_others", lambda *_: None)
    assert_found(cloud, pauses, "a stranger's")


@pytest.mark.nightly
def test_finds_an_orphan_that_goes_on_writing(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the last rule of law 4."""
    monkeypatch.setattr(ProviderCommand, "_end_without_engine", lambda *_: None)
    assert_found(cloud, pauses, "law 1: a declared share is gone|law 2: revoke what is not declared")


@pytest.mark.nightly
def test_finds_a_record_that_is_not_shared(cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second rule of law 1: each process knows what itself has seen declared."""
    monkeypatch.setattr(command, "_shared_ledger", lambda _: Ledger())
    assert_found(cloud, pauses, "law 1: a declared share (is gone|was revoked)")


def test_finds_a_lag_that_is_taken_for_drift(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without law 13, by a plan of its own: a refresh drops a share that was granted a moment ago."""
    plan: list[Step] = [Up(Program((Named("a", SHARE),))), Refresh()]
    World(cloud, pauses, lags=True).take(*plan)
    monkeypatch.setattr(permissions, "LOOK_AGAIN", ())
    world = World(cloud, pauses)
    world.take(plan[0])
    cloud.lag(1000.0)
    with pytest.raises(AssertionError, match="a refresh leaves what exists"):
        world.take(plan[1])


def test_finds_a_share_that_drops_out_of_the_state(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the rule of law 1 for an update that failed; by a plan of its own, as random ones seldom get there."""
    monkeypatch.setattr(Ledger, "keeps", Ledger.is_declared)
    world = World(cloud, pauses)
    world.take(Up(Program((Named("a", SHARE),))))
    with pytest.raises(AssertionError, match="dropped out of the state"):
        world.take(Up(Program((Named("b", SHARE),)), fault=Fault("refuse", times=100), continue_on_error=True))


def test_finds_that_a_dead_process_counts_as_alive(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the fourth rule of law 1, by a plan of its own: what a process did not live to hold is in no state."""
    plan = [
        Up(Program((Named("a", SHARE),))),
        Up(Program((Named("b", SHARE, "one"),)), fault=Fault("kill"), continue_on_error=True),
    ]
    World(cloud, pauses).take(*plan)
    monkeypatch.setattr(Process, "runs", lambda _: True)
    with pytest.raises(AssertionError, match="dropped out of the state"):
        World(cloud, pauses).take(*plan)


def test_found_a_resource_that_waits_for_its_replacement_and_holds_nothing(cloud: LocalCloud, pauses: Pauses) -> None:
    """Its diff finds the share, which another resource has; then its process is killed in the grant."""
    World(cloud, pauses).take(
        Up(Program((Named("a", SHARE), Named("X", SHARE)))),
        Up(Program((Named("a", SHARE), Named("X", ANOTHER))), fault=Fault("refuse", times=100)),
        Up(Program((Named("X", SHARE, "one"),)), fault=Fault("kill"), continue_on_error=True),
    )


def test_found_a_warning_of_drift_that_is_none(cloud: LocalCloud, pauses: Pauses) -> None:
    """One process has revoked the share, and another one has granted it again."""
    World(cloud, pauses).take(
        Up(Program((Named("X", SHARE), Named("z", SHARE)))),
        Up(Program((Named("X", ANOTHER), Named("y", SHARE, "one"), Named("z", SHARE)))),
    )
