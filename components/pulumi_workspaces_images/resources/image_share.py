"""`ImageShare`: lets one account copy one WorkSpaces image, as a Pulumi resource."""

from typing import Any

from pulumi import Input, Output, ResourceOptions, RunError
from pulumi.dynamic import Resource

from ..provider import ImageShareProvider
from .explicit_provider import provider_of
from .found_images import FoundImage, id_and_region
from .program import awaited, declare, hidden_inputs, ignores, spelled_out

SHARE_TYPE = "pulumi-python:dynamic/workspaces:ImageShare"


class ImageShare(Resource, module="workspaces", name="ImageShare"):
    """The share of one Amazon WorkSpaces image with one account, which may then copy the image.

    Creating it grants the share (one that exists already is adopted), and deleting it revokes the share. Every preview
    checks that the share is still there. AWS deletes an image only once it is unshared, so let the share depend on its
    image. Copies that the recipient has made stay when a share is revoked.

    Examples:
        >>> ImageShare("sales", image_id="wsi-0a1b2c3d4", shared_account_id="222222222222")

    See https://docs.aws.amazon.com/workspaces/latest/adminguide/share-custom-image.html
    """

    image_id: Output[str]
    """The image, `wsi-` followed by 9 to 63 lower-case letters or digits."""

    shared_account_id: Output[str]
    """The recipient's AWS account, 12 digits."""

    region: Output[str]
    """The Region of the image and so of the share, e.g. `us-east-1`."""

    owner_account_id: Output[str]
    """The AWS account that owns the image, 12 digits."""

    def __init__(
        self,
        resource_name: str,
        image_id: Input[str | FoundImage],
        shared_account_id: Input[str],
        region: Input[str] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        """Declare a share. To change it is to replace it: the new one is granted before the old one is revoked.

        Args:
            resource_name: the name of the resource.
            image_id: the image to share, `wsi-` followed by 9 to 63 lower-case letters or digits; or a `FoundImage`.
                The caller must own it, and it must be AVAILABLE.
            shared_account_id: the AWS account to share with, a string of 12 digits. It must not be the owner.
            region: the image's Region. Default: that of a `FoundImage`, of the `Provider` or of `aws:region`, else the
                Region in the state, else that of the AWS environment.
            opts: Pulumi's resource options.

        Raises:
            pulumi.RunError: the provider cannot share images, a `FoundImage` was found in another Region, or the
                account is not on an exclusive list of the image; one line.
        """
        image_id, region = id_and_region(f"ImageShare {resource_name!r}", image_id, region)
        shared_account_id = awaited(shared_account_id)
        provider = provider_of(opts, SHARE_TYPE)
        if not ignores(opts, "image_id", "shared_account_id", "region"):
            declare(image_id, shared_account_id, region, provider)
        hidden = hidden_inputs(provider, image_id=image_id, shared_account_id=shared_account_id, region=region)
        self._register(resource_name, image_id, shared_account_id, region, opts, hidden)

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: Input[str],
        region: Input[str] | None = None,
        opts: ResourceOptions | None = None,
    ) -> "ImageShare":
        """Read an existing share without declaring it. Nothing is granted, and removing it revokes nothing.

        The command fails if the image is not shared with the account.

        Args:
            resource_name: the name of the resource.
            id: `IMAGE/ACCOUNT`, e.g. `wsi-0a1b2c3d4/222222222222`.
            region: the image's Region. Default: that of the `Provider` or of `aws:region`, else of the AWS environment.
            opts: Pulumi's resource options.

        Returns:
            The share.

        Raises:
            pulumi.RunError: the provider cannot read shares, or the id is empty or a secret; one line.
        """
        provider_of(opts, SHARE_TYPE)  # refuses a provider that could not read it
        id = awaited(id)
        if isinstance(id, Output):
            id = Output.from_input(_in_clear(resource_name, id))
        else:
            _refuse_no_id(resource_name, id)
        share = cls.__new__(cls)
        share._register(resource_name, None, None, region, ResourceOptions.merge(opts, ResourceOptions(id=id)), {})
        return share

    def _register(
        self,
        resource_name: str,
        image_id: Input[str] | None,
        shared_account_id: Input[str] | None,
        region: Input[str] | None,
        opts: ResourceOptions | None,
        hidden: dict[str, Any],
    ) -> None:
        properties = {
            "image_id": image_id,
            "shared_account_id": shared_account_id,
            "region": region,
            **hidden,
            "owner_account_id": None,  # an output: Pulumi creates an attribute for every name in here
        }
        opts = spelled_out(opts, "image_id", "shared_account_id", "region")
        super().__init__(ImageShareProvider(), resource_name, properties, opts)


def _refuse_no_id(resource_name: str, id: object) -> None:
    if not id or not isinstance(id, str):  # without an id, Pulumi would declare a share
        raise RunError(
            f"ImageShare {resource_name!r}: id must be IMAGE/ACCOUNT, e.g. wsi-0a1b2c3d4/222222222222; it is {id!r}"
        )


async def _in_clear(resource_name: str, id: Output[str]) -> Any:
    if await id.is_secret():  # the SDK would end in a traceback
        raise RunError(
            f"ImageShare {resource_name!r}: id is a secret, and Pulumi does not encrypt ids: pass "
            "pulumi.Output.unsecret(id)"
        )
    if await id.is_known():
        _refuse_no_id(resource_name, await id.future())
    return id
