"""Golden images of several owner accounts, each in its own Region, shared with the same accounts."""

import pulumi
from pulumi import ResourceOptions

from pulumi_workspaces_images import ImageShares, Provider

config = pulumi.Config()

# `pulumi config set --path` stores an account as a number.
accounts = {label: str(account) for label, account in config.require_object("accounts").items()}

for name, owner in config.require_object("owners").items():
    provider = Provider(name, region=owner["region"], assume_roles=[{"roleArn": owner["roleArn"]}])
    ImageShares(f"golden-{name}", owner["imageId"], accounts, opts=ResourceOptions(providers=[provider]))
