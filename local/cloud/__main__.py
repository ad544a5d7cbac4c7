"""`make cloud`: serve the local cloud in the foreground, with one golden image in it."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from local.accounts import LEGAL, OWNER, REGION, SALES
from local.environment import ROOT

from . import LocalCloud
from .faults import CONTROL, FAULTS

# A fixed id, so that a stack that was configured for the image finds it again after a restart.
GOLDEN_IMAGE = "wsi-golden001"
_NAME = "golden-2026-11"

# The last line. Programs read until they find it.
READY = "Ready."

_BANNER = """\
The local cloud is at {url}. Ctrl-C ends it and deletes everything in it.
Account {owner} owns a golden image in {region}: {image}, named {name}

To use it, run this in another shell, in any folder (Pulumi keeps its stacks in {root}/.pulumi-state):
  eval "$(make -s -C {root} env)"
  export AWS_ENDPOINT_URL={url} AWS_REGION={region} AWS_DEFAULT_REGION={region}
  export AWS_ACCESS_KEY_ID={AWS_ACCESS_KEY_ID} AWS_SECRET_ACCESS_KEY={AWS_SECRET_ACCESS_KEY}
To share the image, run this in the folder of this repository:
  pulumi stack init play
  pulumi config set --path 'workspaces-images:shares.golden.imageId' {image}
  pulumi config set --path 'workspaces-images:shares.golden.accounts.sales' {recipient}
  pulumi up
To create next month's image, which gets a new id:
  python -c 'import boto3; print(boto3.client("workspaces").copy_workspace_image(
    Name="golden-2026-12", SourceImageId="{image}", SourceRegion="{region}")["ImageId"])'
To share the image outside Pulumi, as in the console (False revokes the share):
  python -c 'import boto3; boto3.client("workspaces").update_workspace_image_permission(
    ImageId="{image}", AllowCopyImage=True, SharedAccountId="{other}")'
To turn on a fault (one of {faults}), and to turn off all faults:
  curl {url}{control} -d '{{"fault": "deny", "action": "workspaces:UpdateWorkspaceImagePermission"}}'
  curl {url}{control} -X DELETE

organizationalUnitId and examples/new-accounts-py do not work here, because they need the plugin of pulumi-aws.
The access key of another account is AKIA, its 12 digits, and TEST, e.g. {other_key}
{ready}"""


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m local.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=5005, help="port on 127.0.0.1; 0: any free one (default: 5005)")
    port = parser.parse_args().port

    stop = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: stop.set())

    cloud = LocalCloud(port)
    try:
        cloud.start()
    except (OSError, OverflowError) as error:
        print(f"error: cannot serve the local cloud on port {port}: {error}", file=sys.stderr)
        return 1
    with cloud:
        image = cloud.create_image(OWNER, REGION, image_id=GOLDEN_IMAGE, name=_NAME)
        text = _BANNER.format(
            url=cloud.url,
            owner=OWNER,
            region=REGION,
            image=image,
            name=_NAME,
            root=ROOT,
            ready=READY,
            recipient=SALES,
            other=LEGAL,
            other_key=cloud.credentials(LEGAL)["AWS_ACCESS_KEY_ID"],
            faults=", ".join(FAULTS),
            control=CONTROL,
            **cloud.credentials(OWNER),
        )
        print(text, flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
