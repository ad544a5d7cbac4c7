"""A provider that takes an hour to write: a client per call, and a listing per share to check that it still exists."""

import threading
from typing import TYPE_CHECKING, Any

import boto3
from pulumi import Output
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

if TYPE_CHECKING:
    from mypy_boto3_workspaces import WorkSpacesClient


class NaiveProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        _permit(props, True)
        return CreateResult(f"{props['image_id']}/{props['shared_account_id']}", _outputs(props))

    def diff(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=not _is_shared(news))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        _permit(news, True)
        return UpdateResult(_outputs(news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return ReadResult(id_, _outputs(props)) if _is_shared(props) else ReadResult("", {})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        _permit(props, False)


# Several threads at once may use clients, but not create them.
_MAKING = threading.Lock()


def _client(props: dict[str, Any]) -> "WorkSpacesClient":
    with _MAKING:
        return boto3.client("workspaces", region_name=props["region"])


def _permit(props: dict[str, Any], allow: bool) -> None:
    _client(props).update_workspace_image_permission(
        ImageId=props["image_id"], SharedAccountId=props["shared_account_id"], AllowCopyImage=allow
    )


def _is_shared(props: dict[str, Any]) -> bool:
    client = _client(props)
    request: dict[str, Any] = {"ImageId": props["image_id"]}
    while True:
        page = client.describe_workspace_image_permissions(**request)
        if any(
            permission.get("SharedAccountId") == props["shared_account_id"] for permission in page["ImagePermissions"]
        ):
            return True
        if not page.get("NextToken"):
            return False
        request["NextToken"] = page["NextToken"]


def _outputs(props: dict[str, Any]) -> dict[str, Any]:
    return {name: props[name] for name in ("image_id", "shared_account_id", "region")}


class Share(Resource, module="workspaces", name="NaiveShare"):
    image_id: Output[str]
    shared_account_id: Output[str]
    region: Output[str]

    def __init__(self, resource_name: str, image_id: str, shared_account_id: str, region: str) -> None:
        properties = {"image_id": image_id, "shared_account_id": shared_account_id, "region": region}
        super().__init__(NaiveProvider(), resource_name, properties)
