"""Accounts created by this stack, and an image shared with each as soon as it exists."""

import pulumi
import pulumi_aws as aws

from pulumi_workspaces_images import ImageShares

config = pulumi.Config()

# The organization's management account creates accounts. The image belongs to the account of the stack's `aws:` keys.
management = aws.Provider(
    "management",
    region="us-east-1",
    assume_roles=[{"role_arn": config.require("managementRoleArn")}],
)
accounts = {
    label: aws.organizations.Account(
        label,
        name=f"desktops-{label}",
        email=email,
        # An account that is removed from the configuration loses its share, and stays in the organization.
        opts=pulumi.ResourceOptions(provider=management, retain_on_delete=True),
    )
    for label, email in config.require_object("emails").items()
}

# The labels are known at preview. The account ids may be unknown.
ImageShares(
    "golden",
    image_id=config.require("imageId"),
    accounts={label: account.id for label, account in accounts.items()},
)
pulumi.export("accounts", {label: account.id for label, account in accounts.items()})
