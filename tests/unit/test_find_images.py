"""Images found by name: AVAILABLE images of the caller, newest first. Failures end the program with one line."""

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
    "aws:maxRetries": "1",  # requests fail at the first error
}


@pytest.fixture(autouse=True)
def _program(quiet_environment: None) -> Iterator[None]:
    """Set the configuration of the program to `AWS`, and restore it after the test."""
    store, secrets = CONFIG.set({}), _SECRET_KEYS.set(set())
    configure()
    yield
    CONFIG.reset(store)
    _SECRET_KEYS.reset(secrets)


def configure(**aws: str) -> None:
    """Start a run of the program with these additional `aws:` keys."""
    pulumi.runtime.set_all_config({**AWS, **{f"aws:{key}": value for key, value in aws.items()}}, [])


def on(cloud: LocalCloud, account: str = OWNER, **aws: str) -> None:
    """Start a run of the program on the local cloud."""
    configure(endpoints=cloud.endpoints, accessKey=cloud.credentials(account)["AWS_ACCESS_KEY_ID"], **aws)


def image(image_id: str, name: str = "golden", created: float | None = None, state: str = "AVAILABLE") -> Any:
    described = {"ImageId": f"wsi-{image_id}", "Name": name, "State": state, "OwnerAccountId": OWNER}
    return described if created is None else {**described, "Created": created}


def ids(found: list[FoundImage]) -> list[str]:
    return [image.image_id for image in found]


def test_images_are_sorted_newest_first(wire: Wire) -> None:
    """Images of the same date are sorted by id, and images without a date come last."""
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


def test_found_image_has_id_name_date_and_region(wire: Wire) -> None:
    """The date is in UTC."""
    wire.will({"Images": [image("new000001", "golden-2033", created=2e9)]})
    created = datetime(2033, 5, 18, 3, 33, 20, tzinfo=timezone.utc)
    (found,) = find_images("golden-*")
    assert found == FoundImage("wsi-new000001", "golden-2033", created, REGION)
    assert found.created is not None
    assert found.created.isoformat() == "2033-05-18T03:33:20+00:00"


def test_only_available_images_are_found(wire: Wire) -> None:
    """Other images cannot be shared. An image without a state is not found either."""
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
def test_name_is_a_glob_for_the_whole_name(wire: Wire, name: str, expected: list[str]) -> None:
    """Upper and lower case differ on every operating system."""
    names = ["golden-1", "golden-2", "Golden-3", "silver(x)"]
    wire.will({"Images": [image(f"{n}00000000", name_, created=1e9 - n) for n, name_ in enumerate(names)]})
    assert [found.name for found in find_images(name)] == expected


def test_images_of_other_accounts_are_not_found(cloud: LocalCloud) -> None:
    """The caller can see an image that is shared with it, but cannot share it."""
    theirs = cloud.create_image(account=SALES)
    cloud.share(theirs, OWNER)
    on(cloud)
    assert find_images("golden") == []
    on(cloud, SALES)
    assert ids(find_images("golden")) == [theirs]


def test_region_is_that_of_the_argument_or_else_of_the_configuration(cloud: LocalCloud) -> None:
    here, there = cloud.create_image(), cloud.create_image(region="eu-west-1")
    on(cloud)
    assert ids(find_images("golden")) == [here]
    assert [(found.image_id, found.region) for found in find_images("golden", "eu-west-1")] == [(there, "eu-west-1")]
    on(cloud, region="eu-west-1")
    assert ids(find_images("golden", region=None)) == [there]


def test_configuration_is_read_from_the_environment_if_the_sdk_has_none(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK reads PULUMI_CONFIG too if the language host has set no configuration."""
    there = cloud.create_image(region="eu-west-1")
    on(cloud)
    environment = {**CONFIG.get(), "aws:region": "eu-west-1"}
    pulumi.runtime.set_all_config({})
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(environment))
    assert ids(find_images("golden")) == [there]


def test_each_run_of_the_program_lists_the_images_again(cloud: LocalCloud) -> None:
    """With the Automation API one process runs a program several times."""
    on(cloud)
    assert find_images("golden") == []
    made = cloud.create_image()
    assert find_images("golden") == []
    on(cloud)
    assert ids(find_images("golden")) == [made]


def test_find_image_returns_the_newest_image(cloud: LocalCloud) -> None:
    """It shares its request with `find_images`."""
    there = cloud.create_image(name="golden-1", region="eu-west-1")
    cloud.create_image(name="golden-1")
    newest = cloud.create_image(name="golden-2")
    cloud.create_image(name="silver")
    on(cloud)
    assert find_image("golden-*") == find_images("golden-*")[0]
    assert find_image("golden-*").image_id == newest
    assert find_image("golden-*", region="eu-west-1").image_id == there
    assert cloud.count(DESCRIBE) == 2


def test_find_image_fails_if_there_is_no_image(cloud: LocalCloud) -> None:
    """The message names the caller, the name and the Region. It names an image that is not AVAILABLE yet."""
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


def test_access_denied_names_the_region_and_the_missing_iam_action(cloud: LocalCloud) -> None:
    cloud.deny("workspaces:DescribeWorkspaceImages")
    on(cloud)
    error = failure()
    assert str(error).startswith(f"listing the images in {REGION}: access denied; the caller needs workspaces:Describe")
    assert isinstance(error.__cause__, AccessDenied)


def test_invalid_region_is_refused() -> None:
    """Otherwise it would cause a DNS error."""
    assert "'us-esat-1' is not a Region" in str(failure(region="us-esat-1"))


def test_invalid_configuration_is_refused() -> None:
    """The message names the key, but not its value, which may be a secret."""
    pulumi.runtime.set_all_config({**AWS, "aws:retryMode": "hunter2hunter2", "aws:assumeRole": "{}"}, ["aws:retryMode"])
    error = failure()
    assert "aws:retryMode" in str(error)
    assert "aws:assumeRole" in str(error)
    assert "hunter2" not in str(error)
    assert isinstance(error.__cause__, ConfigurationError)


@pytest.mark.parametrize(
    ("name", "region", "said"),
    [
        ("", None, "name must be a string"),
        (["golden"], None, "name must be a string"),
        (pulumi.Output.from_input("golden"), None, "name must be a plain string"),
        ("golden", 5, "region must be the name of a Region"),
        ("golden", pulumi.Output.from_input(REGION), "region must be a plain string"),
    ],
)
def test_invalid_argument_is_refused(name: object, region: object, said: str) -> None:
    """In particular, an Output has no value while the program runs."""
    for function in (find_images, find_image):
        assert str(failure(name, region, function)).startswith(f"{function.__name__}: {said}")


def test_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "current_run", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        find_images("golden")


def test_users_can_replace_find_images_in_their_unit_tests() -> None:
    """As documented, they patch the package's name before they import their program."""
    found = [FoundImage("wsi-0a1b2c3d4", "golden-2024-05", None, REGION)]
    program: dict[str, Any] = {}
    with unittest.mock.patch("pulumi_workspaces_images.find_images", return_value=found):
        exec("from pulumi_workspaces_images import find_images\nnewest = find_images('golden-*')[0].image_id", program)
    assert program["newest"] == "wsi-0a1b2c3d4"
    assert pulumi_workspaces_images.find_images is find_images
    with unittest.mock.patch("pulumi_workspaces_images.find_image", return_value=found[0]):
        exec("from pulumi_workspaces_images import find_image\nnewest = find_image('golden-*')", program)
    assert program["newest"] == found[0]
