"""Golden images of several owner accounts, each in its own Region, shared with the same accounts."""

import pulumi
from pulumi import ResourceOptions

from pulumi_workspaces_images import ImageShares, Provider

config = pulumi.Config()
accounts = config.require_object("accounts")

for name, owner in config.require_object("owners").items():
    provider = Provider(name, region=owner["region"], assume_roles=[{"roleArn": owner["roleArn"]}])
    ImageShares(f"golden-{name}", owner["imageId"], accounts, opts=ResourceOptions(providers=[provider]))
