"""A golden image in several Regions, shared with the same accounts in each."""

import pulumi

from pulumi_workspaces_images import ImageShares

config = pulumi.Config()
accounts = config.require_object("accounts")

# A copy of an image in another Region is a separate image with its own id.
for region, image_id in config.require_object("images").items():
    ImageShares(f"golden-{region}", image_id=image_id, accounts=accounts, region=region)
