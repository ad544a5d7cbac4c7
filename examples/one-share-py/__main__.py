"""One image share in an existing program."""

import pulumi

from pulumi_workspaces_images import ImageShare

config = pulumi.Config()

# The existing program: it exports the image for other stacks, which create WorkSpaces from it.
image_id = config.require("imageId")
pulumi.export("imageId", image_id)

# The new share.
sales = ImageShare("sales", image_id=image_id, shared_account_id=config.require("salesAccountId"))
pulumi.export("salesShare", sales.id)
