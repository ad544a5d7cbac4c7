"""The provider behaves like a small model when the modelled engine calls it. The model detects broken laws."""

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


def test_no_declared_share_is_lost_and_no_other_share_is_changed(cloud: LocalCloud, pauses: Pauses) -> None:
    """This holds for random programs, faults, drift, other accounts' credentials and killed processes."""
    model(cloud, pauses)()


def assert_found(cloud: LocalCloud, pauses: Pauses, what: str) -> None:
    with pytest.raises(AssertionError, match=what):
        model(cloud, pauses, examples=200)()


@pytest.mark.nightly
def test_model_detects_a_delete_that_always_revokes(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This breaks law 1."""
    monkeypatch.setattr(Ledger, "keeps", lambda *_: False)
    assert_found(cloud, pauses, "law 1: a declared share (is gone|was revoked)")


@pytest.mark.nightly
def test_model_detects_that_another_accounts_credentials_make_a_share_look_deleted(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This breaks law 10."""
    monkeypatch.setattr(Ownership, "confirm_gone", lambda *_: None)
    monkeypatch.setattr(Ownership, "refuse_others", lambda *_: None)
    assert_found(cloud, pauses, "another account's")


@pytest.mark.nightly
def test_model_detects_a_provider_that_writes_after_its_engine_has_ended(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This breaks the last rule of law 4."""
    monkeypatch.setattr(ProviderCommand, "_end_without_engine", lambda *_: None)
    assert_found(cloud, pauses, "law 1: a declared share is gone|law 2: revoke what is not declared")


@pytest.mark.nightly
def test_model_detects_processes_that_do_not_share_their_ledger(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This breaks the second rule of law 1: each process would know only the declarations that it has checked."""
    monkeypatch.setattr(command, "_shared_ledger", lambda _: Ledger())
    assert_found(cloud, pauses, "law 1: a declared share (is gone|was revoked)")


def test_model_detects_a_refresh_that_treats_a_lag_as_drift(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This breaks law 13: the refresh drops a share that was granted a moment ago."""
    plan: list[Step] = [Up(Program((Named("a", SHARE),))), Refresh()]
    World(cloud, pauses, lags=True).take(*plan)
    monkeypatch.setattr(permissions, "LOOK_AGAIN", ())
    world = World(cloud, pauses)
    world.take(plan[0])
    cloud.lag(1000.0)
    with pytest.raises(AssertionError, match=r"refresh .*exist"):
        world.take(plan[1])


def test_model_detects_a_share_that_drops_out_of_the_state_after_a_failed_grant(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This breaks law 1. The plan is fixed, because random plans rarely get there."""
    monkeypatch.setattr(Ledger, "keeps", Ledger.is_declared)
    world = World(cloud, pauses)
    world.take(Up(Program((Named("a", SHARE),))))
    with pytest.raises(AssertionError, match=r"law 1: .*state"):
        world.take(Up(Program((Named("b", SHARE),)), fault=Fault("refuse", times=100), continue_on_error=True))


def test_model_detects_that_a_killed_process_is_treated_as_running(
    cloud: LocalCloud, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This breaks the fourth rule of law 1: a share whose grant the process did not complete drops out of the state."""
    plan = [
        Up(Program((Named("a", SHARE),))),
        Up(Program((Named("b", SHARE, "one"),)), fault=Fault("kill"), continue_on_error=True),
    ]
    World(cloud, pauses).take(*plan)
    monkeypatch.setattr(Process, "runs", lambda _: True)
    with pytest.raises(AssertionError, match=r"law 1: .*state"):
        World(cloud, pauses).take(*plan)


def test_no_share_is_lost_if_the_process_of_a_resource_that_waits_for_its_replacement_is_killed(
    cloud: LocalCloud, pauses: Pauses
) -> None:
    """The model has found this case: the resource does not hold its share, and another resource does."""
    World(cloud, pauses).take(
        Up(Program((Named("a", SHARE), Named("X", SHARE)))),
        Up(Program((Named("a", SHARE), Named("X", ANOTHER))), fault=Fault("refuse", times=100)),
        Up(Program((Named("X", SHARE, "one"),)), fault=Fault("kill"), continue_on_error=True),
    )


def test_up_does_not_report_drift_if_one_process_revokes_a_share_and_another_one_grants_it(
    cloud: LocalCloud, pauses: Pauses
) -> None:
    """The model has found this case."""
    World(cloud, pauses).take(
        Up(Program((Named("X", SHARE), Named("z", SHARE)))),
        Up(Program((Named("X", ANOTHER), Named("y", SHARE, "one"), Named("z", SHARE)))),
    )
