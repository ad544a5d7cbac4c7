"""`adopt` prints YAML that declares the shares, or an error of one line, for any image names and any arguments."""

from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from local.cloud import LocalCloud
from pulumi_workspaces_images.__main__ import main
from pulumi_workspaces_images.aws.connection import Connection
from pulumi_workspaces_images.commands.adopt import adopt
from tests.fuzz import strategies as some
from tests.unit import test_stack_program as stack
from tests.unit.helpers import IMAGE, LEGAL, OWNER, REGION, SALES

some_names = ["golden", "golden 1", "golden-1", "wsi-name00001", "", "- *x: {#"]
# AWS accepts up to 63 characters. YAML accepts keys of fewer than 1024 characters.
names = st.one_of(st.sampled_from(some_names), some.texts.filter(lambda text: len(text) < 256))
shares = st.sets(st.sampled_from([SALES, LEGAL, "012345678901"]))


@pytest.fixture
def owner(cloud: LocalCloud) -> Connection:
    """Return a connection with the credentials of the images' owner."""
    key = cloud.credentials(OWNER)["AWS_ACCESS_KEY_ID"]
    return Connection({"aws:accessKey": key, "aws:secretKey": "local", "aws:endpoints": cloud.endpoints})


@given(images=st.lists(st.tuples(names, shares, st.sampled_from(["AVAILABLE", "AVAILABLE", "ERROR"])), max_size=4))
@some.tries(40)
def test_printed_configuration_declares_the_shares(
    cloud: LocalCloud, owner: Connection, images: list[tuple[str, set[str], str]]
) -> None:
    """It is valid YAML in plain ASCII. The stack program declares exactly the existing shares with it."""
    cloud.reset()
    existing = set()
    for name, accounts, state in images:
        image = cloud.create_image(name=name)
        for account in accounts:
            cloud.share(image, account)
        cloud.set_image(image, state=state)
        if state == "AVAILABLE":
            existing |= {(image, account) for account in accounts}
    printed, _ = adopt(owner, [REGION])
    assert all(line.isascii() and line.isprintable() for line in printed.split("\n"))
    ((key, value),) = yaml.safe_load(printed).items()
    assert key == stack.KEY
    organization = stack.Organization()
    stack.run(organization, value)
    assert set(organization.shared().values()) == existing
    assert cloud.writes() == []


arguments = st.one_of(
    st.sampled_from(["--region", "--profile", "--", "-h", IMAGE, f"{IMAGE}\n", REGION, "us-esat-1", "--regio", "-"]),
    some.texts,
)


@given(given_arguments=st.lists(arguments, max_size=4))
@some.tries(50)
def test_any_arguments_end_with_yaml_or_an_error_message(
    cloud: LocalCloud,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given_arguments: list[str],
) -> None:
    """Invalid arguments end with exit code 2 and the usage, and other failures with exit code 1 and one line."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("AWS_REGION", REGION)
    for name, value in cloud.credentials(OWNER).items():
        monkeypatch.setenv(name, value)
    code: Any = 0
    try:
        code = main(["adopt", *given_arguments])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    if code == 0:
        assert out
        assert not err or err.startswith("note: the caller owns no image")
    elif code == 1:
        assert not out
        assert err.startswith("error: ")
        assert err.removesuffix("\n").isprintable()
    else:
        assert code == 2
        assert not out
        assert "usage: " in err
