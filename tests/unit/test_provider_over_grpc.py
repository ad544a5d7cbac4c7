"""The provider as the engine sees it: its reference in the state, and the SDK's own provider process."""

import base64
import os
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.cloud import LocalCloud
from pulumi_workspaces_images.provider import ImageShareProvider
from pulumi_workspaces_images.share import Share
from tests.driver import Driver, Engine
from tests.unit.helpers import LEGAL, OWNER, REGION, SALES, Command, outputs

# What every version's state says of the provider.
REFERENCE = "gASVPwAAAAAAAACMIXB1bHVtaV93b3Jrc3BhY2VzX2ltYWdlcy5wcm92aWRlcpSMEkltYWdlU2hhcmVQcm92aWRlcpSTlCmBlC4="


# What the state holds of the provider.


def test_provider_is_pickled_by_reference(command: Command) -> None:
    """Module and class name, the same for every resource and version; no code, no configuration, no credentials."""
    assert serialize_provider(ImageShareProvider()) == REFERENCE
    pickled = base64.b64decode(REFERENCE)
    assert len(pickled) < 100
    assert b"pulumi_workspaces_images.provider" in pickled
    assert b"ImageShareProvider" in pickled


def test_state_of_every_version_is_read() -> None:
    """The reference that states hold leads to the provider."""
    assert type(pickle.loads(base64.b64decode(REFERENCE))) is ImageShareProvider


def test_reference_is_not_secret() -> None:
    """As a secret, it would hide the whole resource in every diff."""
    assert ImageShareProvider.serialize_as_secret_always is False


# The lifecycle over gRPC.


class Served:
    """A provider process, as the engine starts it, with the SDK's own server."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub) -> None:
        self.stub = stub

    def call(self, operation: str, **fields: object) -> Any:
        """Call an operation, properties as dictionaries."""
        message = getattr(provider_pb2, f"{operation.title()}Request")
        structs = {name: _struct(value) if isinstance(value, dict) else value for name, value in fields.items()}
        return getattr(self.stub, operation.title())(message(**structs), timeout=20)

    def fails(self, operation: str, **fields: object) -> str:
        """Return what the engine shows of a failure."""
        with pytest.raises(grpc.RpcError) as caught:
            self.call(operation, **fields)
        return str(caught.value.details())


def _struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update({**properties, "__provider": REFERENCE})
    return struct


def _plain(struct: struct_pb2.Struct) -> dict[str, object]:
    properties = json_format.MessageToDict(struct)
    assert properties.pop("__provider") == REFERENCE
    return properties


@pytest.fixture(scope="module")
def provider_process(_cloud: LocalCloud) -> Iterator[Served]:
    """One process for the tests below: starting it takes a second."""
    configuration = {"aws:region": REGION, "aws:endpoints": _cloud.endpoints, "aws:maxRetries": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_") or name.lower().endswith("_proxy"):
                patch.delenv(name)
        with Engine(_cloud.credentials(OWNER), project="shares") as engine, Driver(engine, configuration) as driver:
            yield Served(driver.stub)


def test_life_of_a_share_over_grpc(cloud: LocalCloud, provider_process: Served, share: Share) -> None:
    """Check, create, diff, read, update and delete as the engine calls them, and what it gets to see."""
    properties: dict[str, object] = dict(share._asdict())
    checked = provider_process.call(
        "check", news={**properties, "region": None, "owner_account_id": None, "_preview": False}
    )
    assert _plain(checked.inputs) == properties
    assert not checked.failures
    created = provider_process.call("create", properties=properties)
    assert created.id == share.id
    assert _plain(created.properties) == outputs(share)
    same = provider_process.call("diff", id=share.id, olds=outputs(share), news=properties)
    assert (same.changes, list(same.replaces)) == (provider_pb2.DiffResponse.DIFF_NONE, [])
    moved = {**properties, "shared_account_id": LEGAL}
    other = provider_process.call("diff", id=share.id, olds=outputs(share), news=moved)
    assert (other.changes, list(other.replaces)) == (provider_pb2.DiffResponse.DIFF_SOME, ["shared_account_id"])
    assert other.deleteBeforeReplace is False
    read = provider_process.call("read", id=share.id, properties=outputs(share))
    assert (read.id, _plain(read.properties), _plain(read.inputs)) == (share.id, outputs(share), properties)
    updated = provider_process.call("update", id=share.id, olds=outputs(share), news=properties)
    assert _plain(updated.properties) == outputs(share)
    # This process has seen the share declared.
    provider_process.call("delete", id=share.id, properties=outputs(share))
    assert cloud.shared_with(share.image_id) == {SALES}


def test_delete_and_refresh_over_grpc(cloud: LocalCloud, provider_process: Served, shared: Share) -> None:
    """What was never declared is revoked, and then gone."""
    provider_process.call("delete", id=shared.id, properties=outputs(shared))
    assert cloud.shared_with(shared.image_id) == set()
    read = provider_process.call("read", id=shared.id, properties=outputs(shared))
    assert (read.id, _plain(read.properties)) == ("", {})


def test_unknown_and_malformed_values_over_grpc(provider_process: Served, image: str) -> None:
    """Unknown values stay unknown; a number arrives as a float and is shown as it was written."""
    unknown: dict[str, object] = {"image_id": image, "shared_account_id": rpc.UNKNOWN, "region": REGION}
    checked = provider_process.call("check", news={**unknown, "_preview": False})
    assert _plain(checked.inputs) == unknown
    assert not checked.failures
    diffed = provider_process.call("diff", olds=outputs(Share(image, SALES, REGION)), news=unknown)
    assert list(diffed.replaces) == ["shared_account_id"]
    failures = provider_process.call(
        "check", news={"image_id": "x", "shared_account_id": 22222222222, "_preview": False}
    ).failures
    assert [failure.property for failure in failures] == ["image_id", "shared_account_id"]
    assert failures[1].reason.endswith(
        "it is 22222222222, a number with fewer digits: an account id that begins with 0 needs quotes"
    )


def test_failures_over_grpc(cloud: LocalCloud, provider_process: Served, share: Share) -> None:
    """What a user can meet is one line; a bug shows its traceback."""
    cloud.deny("workspaces:*")
    for operation in ("create", "delete", "read"):
        line = provider_process.fails(operation, **{"properties": outputs(share), **_id(operation, share)})
        assert line.startswith("pulumi_workspaces_images.errors.AccessDenied: ")
        assert line.rstrip().isprintable()
    bug = provider_process.fails("create", properties={})
    assert "in _share_of" in bug
    assert bug.endswith("KeyError: 'image_id'\n")


def _id(operation: str, share: Share) -> dict[str, object]:
    return {} if operation == "create" else {"id": share.id}
