"""One image share in an existing program."""

import pulumi

from pulumi_workspaces_images import ImageShare

config = pulumi.Config()

# The program as it was: it tells other stacks which image their WorkSpaces are made from.
image_id = config.require("imageId")
pulumi.export("imageId", image_id)

# What is new.
sales = ImageShare("sales", image_id=image_id, shared_account_id=config.require("salesAccountId"))
pulumi.export("salesShare", sales.id)
