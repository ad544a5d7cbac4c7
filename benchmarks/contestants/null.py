"""The lower limit: a dynamic provider with the properties of `ImageShare` that does nothing."""

from typing import Any

from pulumi import Output
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

_OWNER = "111111111112"


class NullProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(f"{props['image_id']}/{props['shared_account_id']}", _outputs(props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=False)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_outputs(news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return ReadResult(id_, _outputs(props))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        pass


def _outputs(props: dict[str, Any]) -> dict[str, Any]:
    names = ("image_id", "shared_account_id", "region")
    return {**{name: props[name] for name in names}, "owner_account_id": _OWNER}


class Share(Resource, module="workspaces", name="NullShare"):
    image_id: Output[str]
    shared_account_id: Output[str]
    region: Output[str]
    owner_account_id: Output[str]

    def __init__(self, resource_name: str, image_id: str, shared_account_id: str, region: str) -> None:
        properties = {
            "image_id": image_id,
            "shared_account_id": shared_account_id,
            "region": region,
            "owner_account_id": None,
        }
        super().__init__(NullProvider(), resource_name, properties)
