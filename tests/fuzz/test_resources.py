"""Any arguments of a resource lead to failures that name a property, or to requests that AWS's model accepts."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from pulumi.dynamic import CheckResult

from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import ExpectedError, Refused
from pulumi_workspaces_images.lifecycle.ledger import Ledger
from tests.fuzz import strategies as some
from tests.fuzz.sent import Sent
from tests.unit.helpers import GRANT, IMAGE, OWNER, REGION, SALES, UNKNOWN, Command

MODES = ["strict", "off"]


@pytest.fixture
def command(cloud: LocalCloud) -> Callable[[str], Command]:
    """Return a function that returns the owner's command in a mode. Its remembered answers of AWS stay valid."""
    cloud.create_image(image_id=IMAGE)
    made: dict[str, Command] = {}

    def make(recheck: str) -> Command:
        command = made.setdefault(recheck, Command(cloud, recheck=recheck, own={"allowedAccountIds": None}))
        command.process.ledger = Ledger()
        command.engine.warnings.clear()
        return command

    for mode in MODES:
        make(mode)
    return make


def names_its_properties(result: CheckResult, *names: str) -> bool:
    """Return whether there are failures; assert that each one names a property in one printable line."""
    for failure in result.failures:
        assert failure.property.partition("[")[0] in names
        assert failure.reason
        assert failure.reason.isprintable()
        assert len(failure.reason) < 2000 or failure.property == "region"
    return bool(result.failures)


@pytest.mark.parametrize("mode", MODES)
@given(image_id=some.image_ids, account=some.account_ids, region=some.regions)
@example(image_id=IMAGE, account=SALES, region=None)
@example(image_id=UNKNOWN, account=UNKNOWN, region=UNKNOWN)
@example(image_id=IMAGE, account=OWNER, region=REGION)
@some.tries(60)
def test_share_is_refused_or_can_be_granted_and_revoked(
    command: Callable[[str], Command], sent: Sent, mode: str, image_id: Any, account: Any, region: Any
) -> None:
    """A share that passes its check can be planned, granted, read and revoked. Other shares are never sent to AWS."""
    one = command(mode)
    sent.requests.clear()
    news = {"image_id": image_id, "shared_account_id": account, "region": region, "__provider": "reference"}
    result = one.provider.check({}, news)
    assert set(result.inputs) == {"image_id", "shared_account_id", "region"}
    assert GRANT not in sent.operations()
    if names_its_properties(result, "image_id", "shared_account_id", "region"):
        return
    inputs = {**result.inputs, "__provider": "reference"}
    old = {"image_id": IMAGE, "shared_account_id": SALES, "region": REGION, "owner_account_id": OWNER}
    planned = one.provider.diff(f"{IMAGE}/{SALES}", old, inputs)
    same = all(result.inputs[name] == old[name] for name in result.inputs)
    assert bool(planned.replaces) == (not same)
    # With `off` check does not find out that the image is in another Region, or that its owner is the recipient.
    if not some.known(result.inputs) or region == "eu-west-1":
        return
    if account == OWNER:
        with pytest.raises(Refused):
            one.provider.create(inputs)
        return
    made = one.provider.create(inputs)
    assert made.outs
    assert made.id == f"{image_id}/{result.inputs['shared_account_id']}"
    assert one.provider.read(made.id, made.outs).outs == made.outs
    one.process.ledger = Ledger()  # of another command, which does not declare the share
    one.provider.delete(made.id, made.outs)
    assert sent.operations().count(GRANT) == 2


@pytest.mark.parametrize("mode", MODES)
@given(
    image_id=some.image_ids, accounts=some.account_lists, report_only=some.mostly(True, False, others=some.properties)
)
@example(image_id=IMAGE, accounts=[SALES], report_only=UNKNOWN)
@some.tries(40)
def test_exclusive_list_is_refused_or_can_be_created_and_deleted(
    command: Callable[[str], Command], sent: Sent, mode: str, image_id: Any, accounts: Any, report_only: Any
) -> None:
    """A list that passes its check can be planned, created, read and deleted."""
    one = command(mode)
    sent.requests.clear()
    news = {
        "image_id": image_id,
        "shared_account_ids": accounts,
        "report_only": report_only,
        "region": REGION,
        "__provider": "reference",
    }
    result = one.exclusive.check({}, news)
    assert GRANT not in sent.operations()
    if names_its_properties(result, "image_id", "shared_account_ids", "report_only", "region"):
        return
    inputs = {**result.inputs, "__provider": "reference"}
    old = {"image_id": IMAGE, "shared_account_ids": [SALES], "report_only": False, "region": REGION}
    one.exclusive.diff(IMAGE, {**old, "owner_account_id": OWNER, "revoked_account_ids": []}, inputs)
    if not some.known(result.inputs):
        return
    made = one.exclusive.create(inputs)
    assert made.outs
    assert one.exclusive.read(made.id, made.outs).outs == made.outs
    one.exclusive.delete(made.id, made.outs)
    assert GRANT not in sent.operations()  # no account is unlisted


@given(id_=some.mostly(f"{IMAGE}/{SALES}", others=some.texts), region=some.regions.filter(some.known))
@some.tries(60)
def test_get_reads_an_id_or_refuses_it_in_one_line(
    command: Callable[[str], Command], cloud: LocalCloud, sent: Sent, id_: str, region: Any
) -> None:
    cloud.share(IMAGE, SALES)
    sent.requests.clear()
    provider = command("strict").provider
    props = {} if region is None else {"region": region}
    right = id_ == f"{IMAGE}/{SALES}"
    if right and region in (None, "", REGION):
        read = provider.read(id_, props)
        assert read.id == id_
        assert read.outs
        assert read.outs["region"] == REGION
        return
    with pytest.raises(ExpectedError) as caught:
        provider.read(id_, props)
    line = str(caught.value)
    assert "image share" in line
    assert line.isprintable()
    if not right:
        assert "IMAGE/ACCOUNT" in line
        assert not sent.requests
