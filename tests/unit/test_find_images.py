"""Images found by name: newest first, AVAILABLE, the caller's own; and failures that a Pulumi program ends with."""

import importlib
import json
import unittest.mock
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pulumi
import pulumi.runtime
import pytest
from pulumi.runtime.config import _SECRET_KEYS, CONFIG

import pulumi_workspaces_images
from local.cloud import LocalCloud
from pulumi_workspaces_images import FoundImage, find_image, find_images
from pulumi_workspaces_images.errors import AccessDenied, ConfigurationError, NotFound
from tests.unit.helpers import DESCRIBE, OWNER, REGION, SALES, Wire

# The package's attribute of this name is the function.
module = importlib.import_module("pulumi_workspaces_images.resources.found_images")

AWS = {
    "aws:region": REGION,
    "aws:accessKey": "AKIAEXAMPLE",
    "aws:secretKey": "example",
    "aws:maxRetries": "1",  # a fault ends in its error at once
}


@pytest.fixture(autouse=True)
def _program(quiet_environment: None) -> Iterator[None]:
    """Return a program process whose configuration is `AWS`; what a test sets is undone."""
    store, secrets = CONFIG.set({}), _SECRET_KEYS.set(set())
    configure()
    yield
    CONFIG.reset(store)
    _SECRET_KEYS.reset(secrets)


def configure(**aws: str) -> None:
    """Start a run of the program, with these `aws:` keys besides."""
    pulumi.runtime.set_all_config({**AWS, **{f"aws:{key}": value for key, value in aws.items()}}, [])


def on(cloud: LocalCloud, account: str = OWNER, **aws: str) -> None:
    """Start a run of the program on the local cloud."""
    configure(endpoints=cloud.endpoints, accessKey=cloud.credentials(account)["AWS_ACCESS_KEY_ID"], **aws)


def image(image_id: str, name: str = "golden", created: float | None = None, state: str = "AVAILABLE") -> Any:
    described = {"ImageId": f"wsi-{image_id}", "Name": name, "State": state, "OwnerAccountId": OWNER}
    return described if created is None else {**described, "Created": created}


def ids(found: list[FoundImage]) -> list[str]:
    return [image.image_id for image in found]


def test_newest_first(wire: Wire) -> None:
    """By AWS's date, across pages; the same date falls back on the id, and no date at all is the oldest."""
    wire.will(
        {
            "Images": [image("old000000", created=1e9), image("undated00"), image("new000001", created=2e9)],
            "NextToken": "1",
        },
        {"Images": [image("middle000", created=1.5e9), image("new000002", created=2e9)]},
    )
    assert ids(find_images("golden")) == [
        "wsi-new000002",
        "wsi-new000001",
        "wsi-middle000",
        "wsi-old000000",
        "wsi-undated00",
    ]


def test_what_is_found_of_an_image(wire: Wire) -> None:
    """Its date is in UTC on every machine."""
    wire.will({"Images": [image("new000001", "golden-2033", created=2e9)]})
    created = datetime(2033, 5, 18, 3, 33, 20, tzinfo=timezone.utc)
    (found,) = find_images("golden-*")
    assert found == FoundImage("wsi-new000001", "golden-2033", created, REGION)
    assert found.created is not None
    assert found.created.isoformat() == "2033-05-18T03:33:20+00:00"


def test_only_available_images(wire: Wire) -> None:
    """No other image can be shared; what AWS does not say of an image is not guessed."""
    wire.will(
        {
            "Images": [
                image("a00000000", state="PENDING"),
                image("b00000000", state="ERROR"),
                {"ImageId": "wsi-c00000000"},
                {},
            ]
        }
    )
    assert find_images("*") == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("golden-*", ["golden-1", "golden-2"]),
        ("golden-1", ["golden-1"]),
        ("golden-?", ["golden-1", "golden-2"]),
        ("golden-[2-9]", ["golden-2"]),
        ("golden", []),
        ("*old*", ["golden-1", "golden-2", "Golden-3"]),
        ("*", ["golden-1", "golden-2", "Golden-3", "silver(x)"]),
        ("silver(x)", ["silver(x)"]),
    ],
)
def test_name_as_a_glob(wire: Wire, name: str, expected: list[str]) -> None:
    """The whole name, upper and lower case as they are, on every system."""
    names = ["golden-1", "golden-2", "Golden-3", "silver(x)"]
    wire.will({"Images": [image(f"{n}00000000", name_, created=1e9 - n) for n, name_ in enumerate(names)]})
    assert [found.name for found in find_images(name)] == expected


def test_no_image_of_others(cloud: LocalCloud) -> None:
    """An image that is shared with the caller is seen by it, and is not its to share."""
    theirs = cloud.create_image(account=SALES)
    cloud.share(theirs, OWNER)
    on(cloud)
    assert find_images("golden") == []
    on(cloud, SALES)
    assert ids(find_images("golden")) == [theirs]


def test_region(cloud: LocalCloud) -> None:
    """The argument, else `aws:region`, else the environment; it is part of what is found."""
    here, there = cloud.create_image(), cloud.create_image(region="eu-west-1")
    on(cloud)
    assert ids(find_images("golden")) == [here]
    assert [(found.image_id, found.region) for found in find_images("golden", "eu-west-1")] == [(there, "eu-west-1")]
    on(cloud, region="eu-west-1")
    assert ids(find_images("golden", region=None)) == [there]


def test_configuration_in_the_environment(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the language host has set nothing, the SDK reads PULUMI_CONFIG, and so does this."""
    there = cloud.create_image(region="eu-west-1")
    on(cloud)
    environment = {**CONFIG.get(), "aws:region": "eu-west-1"}
    pulumi.runtime.set_all_config({})
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(environment))
    assert ids(find_images("golden")) == [there]


def test_next_run_looks_anew(cloud: LocalCloud) -> None:
    """With the Automation API one process runs a program again and again."""
    on(cloud)
    assert find_images("golden") == []
    made = cloud.create_image()
    assert find_images("golden") == []
    on(cloud)
    assert ids(find_images("golden")) == [made]


def test_newest_image(cloud: LocalCloud) -> None:
    """One look, and the same image that `find_images` puts first."""
    there = cloud.create_image(name="golden-1", region="eu-west-1")
    cloud.create_image(name="golden-1")
    newest = cloud.create_image(name="golden-2")
    cloud.create_image(name="silver")
    on(cloud)
    assert find_image("golden-*") == find_images("golden-*")[0]
    assert find_image("golden-*").image_id == newest
    assert find_image("golden-*", region="eu-west-1").image_id == there
    assert cloud.count(DESCRIBE) == 2


def test_no_image_is_one_clear_error(cloud: LocalCloud) -> None:
    """Who was asked for what, where; an image that is not ready is named."""
    cloud.create_image(name="golden")
    pending = cloud.create_image(name="silver")
    cloud.set_image(pending, state="PENDING")
    theirs = cloud.create_image(account=SALES, name="bronze")
    cloud.share(theirs, OWNER)
    on(cloud)
    for name, others in (("Golden", ""), ("bronze", ""), ("silver", f"; {pending} is PENDING")):
        error = failure(name, function=find_image)
        caller = f"account {OWNER} (arn:aws:iam::{OWNER}:user/TEST)"
        advice = "check the name (upper and lower case differ), the Region and the credentials"
        found_none = f"owns no AVAILABLE image named {name!r} in {REGION}{others}"
        assert str(error) == f"{caller} {found_none}; {advice}"
        assert isinstance(error.__cause__, NotFound)
    on(cloud, skipRequestingAccountId="true")
    assert str(failure("bronze", function=find_image)).startswith("the caller owns no AVAILABLE image")


def failure(name: Any = "golden", region: Any = None, function: Callable[..., Any] = find_images) -> pulumi.RunError:
    with pytest.raises(pulumi.RunError) as caught:
        function(name, region)
    assert "\n" not in str(caught.value)
    return caught.value


def test_access_denied(cloud: LocalCloud) -> None:
    """What was being done, where, and the IAM action that is missing."""
    cloud.deny("workspaces:DescribeWorkspaceImages")
    on(cloud)
    error = failure()
    assert str(error).startswith(f"listing the images in {REGION}: access denied; the caller needs workspaces:Describe")
    assert isinstance(error.__cause__, AccessDenied)


def test_region_that_is_none() -> None:
    """A wrong Region would end in a DNS error; it is named instead."""
    assert "'us-esat-1' is not a Region" in str(failure(region="us-esat-1"))


def test_configuration_that_cannot_be_honoured() -> None:
    """The key is named, and its value, which may be a secret, is not."""
    pulumi.runtime.set_all_config({**AWS, "aws:retryMode": "hunter2hunter2", "aws:assumeRole": "{}"}, ["aws:retryMode"])
    error = failure()
    assert "aws:retryMode" in str(error)
    assert "aws:assumeRole" in str(error)
    assert "hunter2" not in str(error)
    assert isinstance(error.__cause__, ConfigurationError)


@pytest.mark.parametrize("name", ["", None, 5, ["golden"]])
def test_name_that_is_none(name: object) -> None:
    for function in (find_images, find_image):
        assert str(failure(name, function=function)).startswith(f"{function.__name__}: name must be a string")


def test_region_of_another_type() -> None:
    assert "region must be the name of a Region" in str(failure(region=5))


def test_output_as_an_argument() -> None:
    """An Output has no value while the program runs."""
    assert "name must be a plain string" in str(failure(pulumi.Output.from_input("golden")))
    assert "region must be a plain string" in str(failure(region=pulumi.Output.from_input(REGION)))


def test_a_bug_is_not_an_expected_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its traceback."""
    monkeypatch.setattr(module, "current_run", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        find_images("golden")


def test_replaced_as_its_documentation_says() -> None:
    """A unit test of a program with mocks patches the package's name before it imports the program."""
    found = [FoundImage("wsi-0a1b2c3d4", "golden-2024-05", None, REGION)]
    program: dict[str, Any] = {}
    with unittest.mock.patch("pulumi_workspaces_images.find_images", return_value=found):
        exec("from pulumi_workspaces_images import find_images\nnewest = find_images('golden-*')[0].image_id", program)
    assert program["newest"] == "wsi-0a1b2c3d4"
    assert pulumi_workspaces_images.find_images is find_images
    with unittest.mock.patch("pulumi_workspaces_images.find_image", return_value=found[0]):
        exec("from pulumi_workspaces_images import find_image\nnewest = find_image('golden-*')", program)
    assert program["newest"] == found[0]
