"""A golden image for the accounts in the stack's configuration, and for no others."""

import pulumi

from pulumi_workspaces_images import ImageShares

config = pulumi.Config()

golden = ImageShares(
    "golden",
    image_id=config.require("imageId"),
    accounts=config.require_object("accounts"),
    exclusive=True,
)
pulumi.export("shares", {label: share.id for label, share in golden.shares.items()})
