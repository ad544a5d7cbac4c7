"""A golden image in several Regions, shared with the same accounts in each."""

import pulumi

from pulumi_workspaces_images import ImageShares

config = pulumi.Config()

# `pulumi config set --path` stores an account as a number.
accounts = {label: str(account) for label, account in config.require_object("accounts").items()}

# A copy of an image in another Region is an image of its own, with an id of its own.
for region, image_id in config.require_object("images").items():
    ImageShares(f"golden-{region}", image_id=image_id, accounts=accounts, region=region)
