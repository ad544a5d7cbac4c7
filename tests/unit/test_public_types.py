"""The types of the public names.

mypy checks this file like all others. It fails if a type changes, or if it no longer finds a wrong use. Only the last
test is run.
"""

from collections.abc import Sequence
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING, Literal

from pulumi import Input, Output, ResourceOptions

from pulumi_workspaces_images import (
    FoundImage,
    ImageShare,
    ImageShares,
    ImageSharesExclusive,
    find_image,
    find_images,
)

if TYPE_CHECKING:
    from typing_extensions import assert_type


def image_share(known: str, unknown: Output[str], either: Input[str]) -> None:
    for value in (known, unknown, either):
        share = ImageShare("sales", image_id=value, shared_account_id=value, region=value, opts=ResourceOptions())
    assert_type(share.id, Output[str])
    assert_type(share.image_id, Output[str])
    assert_type(share.shared_account_id, Output[str])
    assert_type(share.region, Output[str])
    assert_type(share.owner_account_id, Output[str])
    assert_type(ImageShare.get("sales", unknown), ImageShare)
    ImageShare("sales", "wsi-0a1b2c3d4", 222222222222)  # type: ignore[arg-type]
    ImageShare("sales", image_id="wsi-0a1b2c3d4")  # type: ignore[call-arg]


def image_shares(account: Output[str], exclusive: bool) -> None:
    shares = ImageShares("golden", "wsi-0a1b2c3d4", {"sales": account, "legal": "333333333333"}, exclusive)
    assert_type(shares.shares, dict[str, ImageShare])
    assert_type(shares.exclusive, ImageSharesExclusive | None)
    ImageShares("golden", "wsi-0a1b2c3d4", ["222222222222"], "report")
    ImageShares("golden", "wsi-0a1b2c3d4", [], "reports")  # type: ignore[arg-type]
    ImageShares("golden", "wsi-0a1b2c3d4", [account])  # type: ignore[list-item]
    ImageShares("golden", "wsi-0a1b2c3d4", Output.from_input(["222222222222"]))  # type: ignore[arg-type]


def image_shares_exclusive(account: Output[str]) -> None:
    exclusive = ImageSharesExclusive("only", "wsi-0a1b2c3d4", [account, "222222222222"], report_only=True)
    assert_type(exclusive.shared_account_ids, Output[Sequence[str]])
    assert_type(exclusive.report_only, Output[bool | Literal["fail"]])
    assert_type(exclusive.revoked_account_ids, Output[Sequence[str]])
    ImageSharesExclusive("only", "wsi-0a1b2c3d4", "222222222222", report_only="yes")  # type: ignore[arg-type]


def shares_of_found_images(image: FoundImage, output: Output[FoundImage], ids: Output[str], either: Input[str]) -> None:
    for given in (image, output, ids, either):
        ImageShare("sales", given, "222222222222")
        ImageShares("golden", given, ["222222222222"])
        ImageSharesExclusive("only", given, ["222222222222"])
    assert_type(ImageShare("sales", image, "222222222222").image_id, Output[str])
    ImageShare("sales", [image], "222222222222")  # type: ignore[arg-type]
    ImageShare.get("sales", image)  # type: ignore[arg-type]


def images() -> None:
    assert_type(find_image("golden-*", region="eu-west-1"), FoundImage)
    find_image(Output.from_input("golden"))  # type: ignore[arg-type]
    found = find_images("golden-*", region="eu-west-1")
    assert_type(found, list[FoundImage])
    assert_type(found[0].created, datetime | None)
    assert_type(found[0].image_id, str)
    find_images(Output.from_input("golden"))  # type: ignore[arg-type]
    found[0].name = "other"  # type: ignore[misc]


def test_package_is_marked_as_typed() -> None:
    assert resources.files("pulumi_workspaces_images").joinpath("py.typed").is_file()
