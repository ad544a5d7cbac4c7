"""Law 7: the state holds only inputs, outputs and a reference, and every later version can read it."""

import base64
from pathlib import Path

import pytest

from local.cloud import LocalCloud
from tests.engine.golden.make import PROGRAM
from tests.engine.harness import LEGAL, OWNER, REGION, SALES, Stack

GOLDEN = sorted(Path(__file__).parent.glob("golden/state-*.json"))


def test_entries_hold_inputs_outputs_and_a_reference(stack: Stack, image: str) -> None:
    """The entry of a share holds the public properties, and refers to the provider class by its module name."""
    stack.shares(image, sales=SALES)
    stack.up()
    (entry,) = stack.state()
    inputs = {"image_id": image, "shared_account_id": SALES, "region": REGION}
    reference = entry["inputs"]["__provider"]
    assert entry["inputs"] == {**inputs, "__provider": reference}
    assert entry["outputs"] == {**inputs, "owner_account_id": OWNER, "__provider": reference}
    pickled = base64.b64decode(reference)
    assert b"pulumi_workspaces_images.provider" in pickled
    assert b"ImageShareProvider" in pickled
    assert len(pickled) < 100  # only two names: bytecode or an attribute would be longer


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_state_of_a_released_version_previews_clean_and_is_destroyed(
    stack: Stack, cloud: LocalCloud, golden: Path
) -> None:
    """After an upgrade of the package the preview shows no change, and destroy revokes all shares."""
    cloud.create_image(image_id="wsi-golden001")
    cloud.share("wsi-golden001", SALES)
    cloud.share("wsi-golden001", LEGAL)
    state = stack.folder / "state.json"
    # Destroy uses the endpoints of the last up, and the local cloud has another port each time.
    state.write_text(golden.read_text().replace("http://CLOUD", cloud.url))
    stack.run("stack", "import", "--file", str(state))
    stack.program(PROGRAM)
    assert stack.preview("--expect-no-changes").clean
    stack.program("")
    stack.destroy()
    assert cloud.shared_with("wsi-golden001") == set()
    assert stack.state() == []


def test_there_is_a_golden_state() -> None:
    """Without one, the test above would test nothing."""
    assert GOLDEN
