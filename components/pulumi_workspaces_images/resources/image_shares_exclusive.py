"""`ImageSharesExclusive`: only the listed accounts may have a share of an image."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pulumi import Input, Output, ResourceOptions, RunError
from pulumi.dynamic import Resource

from ..exclusive_provider import ImageSharesExclusiveProvider
from .explicit_provider import provider_of
from .found_images import FoundImage, id_and_region
from .program import awaited, contradicts_itself, declare_exclusive, hidden_inputs, ignores, spelled_out

EXCLUSIVE_TYPE = "pulumi-python:dynamic/workspaces:ImageSharesExclusive"


class ImageSharesExclusive(Resource, module="workspaces", name="ImageSharesExclusive"):
    """The exclusive list of an image: the only accounts that may have a share of it.

    Any other account that has a share is an unlisted account: the preview names it, and `pulumi up` revokes its share.
    The list grants nothing: declare an `ImageShare` for each account on it. The program fails if it declares an
    `ImageShare` for another account. Deleting the list revokes nothing.

    Examples:
        >>> ImageSharesExclusive("golden-only", image_id="wsi-0a1b2c3d4", shared_account_ids=["222222222222"])
    """

    image_id: Output[str]
    """The image, `wsi-` followed by 9 to 63 lower-case letters or digits."""

    shared_account_ids: Output[Sequence[str]]
    """The AWS accounts that may have a share, 12 digits each."""

    report_only: Output[bool | Literal["fail"]]
    """What happens to the shares of unlisted accounts. False: revoked. True: only named. "fail": the preview fails."""

    region: Output[str]
    """The Region of the image, e.g. `us-east-1`."""

    owner_account_id: Output[str]
    """The AWS account that owns the image, 12 digits."""

    revoked_account_ids: Output[Sequence[str]]
    """The unlisted accounts whose shares the last update of this resource revoked."""

    def __init__(
        self,
        resource_name: str,
        image_id: Input[str | FoundImage],
        shared_account_ids: Input[Sequence[Input[str]]],
        report_only: Input[bool | Literal["fail"]] = False,
        region: Input[str] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        """Declare the list. While one of its accounts is not known yet, no account is treated as unlisted.

        Args:
            resource_name: the name of the resource.
            image_id: the image, `wsi-` followed by 9 to 63 lower-case letters or digits; or a `FoundImage`. The caller
                must own it.
            shared_account_ids: the AWS accounts that may have a share, strings of 12 digits; an empty list allows none.
            report_only: True: unlisted accounts are named, and nothing is revoked. "fail": a preview or `pulumi up`
                that finds one fails. Default: False, `pulumi up` revokes their shares.
            region: the image's Region. Default: that of a `FoundImage`, of the `Provider` or of `aws:region`, else the
                Region in the state, else that of the AWS environment.
            opts: Pulumi's resource options.

        Raises:
            pulumi.RunError: the provider cannot share images, a `FoundImage` was found in another Region, the accounts
                are not a list, or the program declares a share with an account not on the list, or another list of the
                image; one line.
        """
        image_id, region = id_and_region(f"ImageSharesExclusive {resource_name!r}", image_id, region)
        shared_account_ids = awaited(shared_account_ids)
        if isinstance(shared_account_ids, Iterable) and not isinstance(
            shared_account_ids, (Output, Sequence, Mapping)
        ):  # the SDK would end in a traceback; the check refuses a string and a mapping
            raise RunError(
                f"ImageSharesExclusive {resource_name!r}: shared_account_ids must be a list of AWS accounts; it is a "
                f"value of type {type(shared_account_ids).__name__}"
            )
        provider = provider_of(opts, EXCLUSIVE_TYPE)
        ignored = ignores(opts, "image_id", "shared_account_ids", "region")
        if not ignored:
            declare_exclusive(image_id, shared_account_ids, region, provider)
        contradiction = contradicts_itself(image_id, shared_account_ids, region, provider, ignored=ignored)
        properties = {
            "image_id": image_id,
            "shared_account_ids": shared_account_ids,
            # A program that contradicts itself fails, but what it declared before is still registered with the engine.
            "report_only": Output.all(report_only, contradiction).apply(
                lambda both: (both[0] or True) if both[1] else both[0]
            ),
            "region": region,
            **hidden_inputs(provider, image_id=image_id, shared_account_ids=shared_account_ids, region=region),
            "owner_account_id": None,  # outputs: Pulumi creates an attribute for every name in here
            "revoked_account_ids": None,
        }
        opts = spelled_out(opts, "image_id", "shared_account_ids", "report_only", "region")
        super().__init__(ImageSharesExclusiveProvider(), resource_name, properties, opts)
