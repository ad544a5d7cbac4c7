"""Shares that were granted by hand, declared as `python -m pulumi_workspaces_images adopt` has printed them."""

import pulumi

from pulumi_workspaces_images import ImageShares

for label, image in pulumi.Config("workspaces-images").require_object("shares").items():
    ImageShares(label, image_id=image["imageId"], accounts=image["accounts"], region=image["region"])
