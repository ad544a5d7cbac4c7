"""A golden image for the accounts in the stack's configuration, and for nobody else."""

import pulumi

from pulumi_workspaces_images import ImageShares

config = pulumi.Config()

golden = ImageShares(
    "golden",
    image_id=config.require("imageId"),
    # `pulumi config set --path` stores an account as a number.
    accounts={label: str(account) for label, account in config.require_object("accounts").items()},
    exclusive=True,
)
pulumi.export("shares", {label: share.id for label, share in golden.shares.items()})
