"""Write the golden state of a release: `python -m tests.engine.golden.make 0.1.0`. Never change an existing one."""

import json
import sys
import tempfile
from pathlib import Path

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, SALES, Stack

PROGRAM = f"""
for name, account in {{"sales": {SALES!r}, "legal": {LEGAL!r}}}.items():
    ImageShare(name, image_id="wsi-golden001", shared_account_id=account)
ImageSharesExclusive("only", "wsi-golden001", [{SALES!r}, {LEGAL!r}])
"""


def main(version: str) -> None:
    """Write the state of a stack with every kind of resource, without data of this machine."""
    with LocalCloud() as cloud, tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), cloud)
        stack.create()
        cloud.create_image(image_id="wsi-golden001")
        stack.program(PROGRAM)
        stack.up()
        state = stack.export()
        for resource in state["deployment"]["resources"]:
            resource.pop("sourcePosition", None)
            resource.pop("stackTrace", None)
        text = json.dumps(state, indent=2).replace(cloud.url, "http://CLOUD")
        Path(__file__).with_name(f"state-{version}.json").write_text(f"{text}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
