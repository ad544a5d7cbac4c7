"""`ImageShare` as a program declares it, with Pulumi's mocks in the engine's place."""

import contextvars
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

import pulumi_workspaces_images
from pulumi_workspaces_images import ImageShare
from tests.unit.helpers import IMAGE, OWNER, REGION, SALES, SHARE

TYPE = "pulumi-python:dynamic/workspaces:ImageShare"
OUTPUTS = {**SHARE._asdict(), "owner_account_id": OWNER}


class Recorder(Mocks):
    """Keeps every resource that is registered or read, and answers with the outputs of a share."""

    def __init__(self) -> None:
        self.seen: list[MockResourceArgs] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.seen.append(args)
        return args.resource_id or SHARE.id, {**args.inputs, **OUTPUTS}

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        pytest.fail("a share calls no function")


def run(program: Callable[[], ImageShare]) -> tuple[MockResourceArgs, dict[str, Any]]:
    """Run a program of one share; return what the engine sees of it, and its outputs."""
    recorder, outputs = Recorder(), dict[str, Any]()

    def run_mocked() -> None:
        pulumi.runtime.set_mocks(recorder, project="shares", stack="dev", preview=False)

        def resolve() -> pulumi.Output[None]:
            share = program()
            names = ("urn", "id", *OUTPUTS)
            return pulumi.Output.all(**{name: getattr(share, name) for name in names}).apply(outputs.update)

        wait_for: Any = pulumi.runtime.test
        wait_for(resolve)()

    # Pulumi keeps its settings in context variables: they end with this context.
    contextvars.copy_context().run(run_mocked)
    (resource,) = (seen for seen in recorder.seen if seen.typ == TYPE)
    return resource, outputs


def test_share_that_is_declared() -> None:
    """Its type, its name, and the inputs that were given; Pulumi is handed the provider as a plain reference."""
    resource, outputs = run(lambda: ImageShare("sales", image_id=IMAGE, shared_account_id=SALES))
    assert (resource.typ, resource.name) == (TYPE, "sales")
    assert resource.custom
    assert not resource.resource_id
    reference = resource.inputs.pop("__provider")
    assert isinstance(reference, str)
    assert {k: v for k, v in resource.inputs.items() if v is not None} == {
        "image_id": IMAGE,
        "shared_account_id": SALES,
        "_preview": False,
    }
    assert outputs.pop("urn").endswith(f"${TYPE}::sales")
    assert outputs == {**OUTPUTS, "id": SHARE.id}


def test_arguments_by_position() -> None:
    """Name, image, account, Region, options, in this order."""
    options = pulumi.ResourceOptions(protect=True)
    resource, _ = run(lambda: ImageShare("sales", IMAGE, SALES, "eu-west-1", options))
    assert resource.inputs["image_id"] == IMAGE
    assert resource.inputs["shared_account_id"] == SALES
    assert resource.inputs["region"] == "eu-west-1"


def test_arguments_may_be_outputs() -> None:
    """An image id is often another resource's output."""
    resource, _ = run(
        lambda: ImageShare(
            "sales",
            image_id=pulumi.Output.from_input(IMAGE),
            shared_account_id=pulumi.Output.from_input(SALES),
            region=pulumi.Output.from_input(REGION),
        )
    )
    assert {name: resource.inputs[name] for name in SHARE._asdict()} == SHARE._asdict()


def test_options_are_honoured() -> None:
    """A parent, for example, becomes part of the name."""

    def program() -> ImageShare:
        team = pulumi.ComponentResource("acme:index:Team", "team")
        return ImageShare("sales", IMAGE, SALES, opts=pulumi.ResourceOptions(parent=team))

    assert f"acme:index:Team${TYPE}::sales" in run(program)[1]["urn"]


@pytest.mark.parametrize("options", [None, pulumi.ResourceOptions(protect=True)], ids=["plain", "with options"])
def test_get_reads_and_declares_nothing(options: pulumi.ResourceOptions | None) -> None:
    """The engine is asked to read the id; what is known of it are the Region and the provider."""
    resource, outputs = run(lambda: ImageShare.get("sales", SHARE.id, region="eu-west-1", opts=options))
    assert (resource.typ, resource.name, resource.resource_id) == (TYPE, "sales", SHARE.id)
    assert resource.custom is None  # that is how the mocks show a read
    given = {name: value for name, value in resource.inputs.items() if value is not None}
    assert given.pop("__provider")
    assert given == {"region": "eu-west-1"}
    assert outputs["id"] == SHARE.id
    assert {name: outputs[name] for name in OUTPUTS} == OUTPUTS


def test_get_returns_an_image_share() -> None:
    """Of the class it was asked of, with the attributes of one that was declared."""
    shares: list[ImageShare] = []

    class Audited(ImageShare, module="workspaces", name="ImageShare"):
        pass

    def program() -> ImageShare:
        shares.append(Audited.get("sales", SHARE.id))
        return shares[0]

    run(program)
    assert type(shares[0]) is Audited


def test_get_does_not_change_the_options_it_is_given() -> None:
    """Options are often shared by several resources."""
    options = pulumi.ResourceOptions(protect=True)
    run(lambda: ImageShare.get("sales", SHARE.id, opts=options))
    assert options.id is None


def test_public_names() -> None:
    """What a program may import."""
    names = pulumi_workspaces_images.__all__
    assert "ImageShare" in names
    assert all(hasattr(pulumi_workspaces_images, name) for name in names)


def test_import_is_light() -> None:
    """A program pays for AWS's libraries only where it uses them: declaring a share does not."""
    heavy = ["boto3", "botocore.session", "botocore.client", "pulumi_aws", "moto"]
    code = f"import sys, pulumi_workspaces_images; print(*[name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_get_by_an_output() -> None:
    """Pulumi ends with a traceback if an id is secret. It stores ids in clear anyway."""
    resource, _ = run(lambda: ImageShare.get("found", pulumi.Output.from_input(SHARE.id)))
    assert resource.resource_id == SHARE.id
    with pytest.raises(pulumi.RunError, match=r"^ImageShare 'found': id is a secret, .* pulumi.Output.unsecret\(id\)$"):
        run(lambda: ImageShare.get("found", pulumi.Output.secret(SHARE.id)))
    resource, _ = run(lambda: ImageShare.get("found", pulumi.Output.unsecret(pulumi.Output.secret(SHARE.id))))
    assert resource.resource_id == SHARE.id
