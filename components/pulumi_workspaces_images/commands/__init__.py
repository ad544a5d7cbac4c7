"""The commands of `python -m pulumi_workspaces_images`."""
