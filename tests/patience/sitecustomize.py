"""Let the provider processes of a test wait as long as the test says before they ask AWS again.

Python imports this first of all where this folder is on PYTHONPATH. LOOK_AGAIN has the seconds: "1,2"; empty: never.
"""

import os
import sys

if "pulumi.dynamic" in sys.orig_argv:
    from pulumi_workspaces_images.aws import permissions

    permissions.LOOK_AGAIN = tuple(map(float, filter(None, os.environ.get("LOOK_AGAIN", "").split(","))))  # type: ignore[assignment]
