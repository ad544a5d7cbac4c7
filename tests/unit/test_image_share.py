"""`ImageShare` in a program, tested with Pulumi's mocks instead of the engine."""

import pulumi
import pytest

from pulumi_workspaces_images import ImageShare
from tests.unit.helpers import IMAGE, OWNER, REGION, SALES, SHARE
from tests.unit.programs import SHARE as TYPE
from tests.unit.programs import run

OUTPUTS = ("id", "image_id", "shared_account_id", "region", "owner_account_id")


def outputs(share: ImageShare) -> pulumi.Output[list[object]]:
    return pulumi.Output.all(*(getattr(share, name) for name in OUTPUTS))


def test_declared_share_reaches_the_engine_with_its_inputs() -> None:
    """The provider is a reference in plain text."""
    recorder, (found,) = run(lambda: outputs(ImageShare("sales", IMAGE, SALES, REGION)))
    inputs = {name: value for name, value in recorder.of(TYPE)["sales"].inputs.items() if value is not None}
    assert isinstance(inputs.pop("__provider"), str)
    assert inputs == {**SHARE._asdict(), "_preview": False}
    assert found == [SHARE.id, *SHARE, OWNER]


class Audited(ImageShare, module="workspaces", name="ImageShare"):
    """A class that a user derives."""


@pytest.mark.parametrize("options", [None, pulumi.ResourceOptions(protect=True)], ids=["plain", "with options"])
def test_get_reads_and_declares_nothing(options: pulumi.ResourceOptions | None) -> None:
    """The engine reads the share by its id, with the Region and the provider.

    The result is an instance of the class that `get` was called on. The options are not changed, because other
    resources may use the same object.
    """
    shares: list[ImageShare] = []

    def program() -> pulumi.Output[list[object]]:
        shares.append(Audited.get("sales", SHARE.id, region=REGION, opts=options))
        return outputs(shares[0])

    recorder, (found,) = run(program)
    resource = recorder.of(TYPE)["sales"]
    assert (resource.resource_id, resource.custom) == (SHARE.id, None)  # the mocks show a read this way
    given = {name: value for name, value in resource.inputs.items() if value is not None}
    assert given.pop("__provider")
    assert given == {"region": REGION}
    assert found == [SHARE.id, *SHARE, OWNER]
    assert type(shares[0]) is Audited
    assert options is None or options.id is None


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("given", [None, "", 5])
def test_get_without_an_id_is_refused(given: object, preview: bool) -> None:
    """The engine would take it for a declared share, or say "Expected an ID"."""
    message = rf"^ImageShare 'found': id must be IMAGE/ACCOUNT, .*; it is {given!r}$"
    with pytest.raises(pulumi.RunError, match=message):
        run(lambda: ImageShare.get("found", given), preview)  # type: ignore[arg-type]
    with pytest.raises(pulumi.RunError, match=message):
        run(lambda: ImageShare.get("found", pulumi.Output.from_input(given)), preview)  # type: ignore[arg-type]


def test_get_accepts_an_output_and_refuses_a_secret_id() -> None:
    """Pulumi would end with a traceback if an id is secret. It stores ids in clear anyway."""
    recorder, _ = run(lambda: ImageShare.get("found", pulumi.Output.from_input(SHARE.id)))
    assert recorder.of(TYPE)["found"].resource_id == SHARE.id
    with pytest.raises(pulumi.RunError, match=r"^ImageShare 'found': id is a secret, .* pulumi.Output.unsecret\(id\)$"):
        run(lambda: ImageShare.get("found", pulumi.Output.secret(SHARE.id)))
    recorder, _ = run(lambda: ImageShare.get("found", pulumi.Output.unsecret(pulumi.Output.secret(SHARE.id))))
    assert recorder.of(TYPE)["found"].resource_id == SHARE.id
