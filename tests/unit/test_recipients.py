"""Guards: the accounts that an image may be shared with, and how a preview refuses all others."""

import json
import threading
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images.aws.connection import Connection
from pulumi_workspaces_images.configuration.own import read_own
from pulumi_workspaces_images.errors import AccessDenied, ConfigurationError
from pulumi_workspaces_images.lifecycle.recipients import Recipients
from pulumi_workspaces_images.share import Share
from tests.unit.helpers import LEGAL, OWNER, REGION, SALES, UNKNOWN, Command, Wire, found

ALLOWED = "workspaces-images:allowedAccountIds"
ORGANIZATION = "workspaces-images:requireOrganization"
FINANCE = "444444444444"
KEYS = {"aws:accessKey": "AKIAEXAMPLE", "aws:secretKey": "example", "aws:maxRetries": "1"}
NOT_LISTED = f"account {LEGAL} is not in {ALLOWED}, the accounts that images may be shared with"


def guards(**own: object) -> Recipients:
    configuration = {**KEYS, **{f"workspaces-images:{key}": value for key, value in own.items()}}
    return Recipients(read_own(configuration), Connection(configuration))


@pytest.fixture(autouse=True)
def _quiet(quiet_environment: None) -> None: ...


@pytest.fixture
def create_account(cloud: LocalCloud) -> Callable[..., str]:
    """Return a function that creates an account in the owner's organization and returns its id."""
    client = boto3.client(
        "organizations",
        region_name=REGION,
        endpoint_url=cloud.url,
        aws_access_key_id=cloud.credentials(OWNER)["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="local",
    )
    client.create_organization(FeatureSet="ALL")

    def create(name: str, closed: bool = False) -> str:
        made: str = client.create_account(AccountName=name, Email="a@example.com")["CreateAccountStatus"]["AccountId"]
        if closed:
            client.close_account(AccountId=made)
        cloud.forget_calls()
        return made

    return create


# The list.


@pytest.mark.parametrize("listed", ["[]", [], "null"])
def test_empty_list_allows_no_account(listed: object) -> None:
    """It is not treated as an unset list, which allows every account."""
    assert guards(allowedAccountIds=listed).list_problem(LEGAL) == NOT_LISTED


@pytest.mark.parametrize("listed", [f'["{SALES}"]', f"[{SALES}]", [SALES], [int(SALES)], f'["{FINANCE}", {SALES}]'])
def test_only_listed_accounts_are_allowed(listed: object) -> None:
    """The list may contain strings or numbers, because `pulumi config set --path` turns an id into a number."""
    assert guards(allowedAccountIds=listed).list_problem(SALES) is None
    assert guards(allowedAccountIds=listed).list_problem(LEGAL) == NOT_LISTED


@pytest.mark.parametrize("listed", [SALES, f'"{SALES}"', '["sales"]', "[12345]", "{}", "true", " ", f'["{SALES} "]'])
def test_invalid_list_is_an_error(listed: str) -> None:
    """It is never ignored, and the message does not quote it."""
    with pytest.raises(ConfigurationError, match=f"^{ALLOWED} must be a list of account ids") as caught:
        guards(allowedAccountIds=listed)
    assert SALES not in str(caught.value)


@pytest.mark.parametrize("key", ["allowedAccountIds", "requireOrganization"])
def test_guard_that_is_set_but_empty_is_an_error(key: str) -> None:
    """Otherwise an unset variable in a pipeline would remove the guard."""
    with pytest.raises(ConfigurationError, match=f"workspaces-images:{key} is set, but empty"):
        guards(**{key: ""})


# The organization.


@pytest.mark.parametrize(("said", "required"), [(None, False), ("false", False), (False, False), (True, True)])
def test_organization_is_required_only_if_the_key_is_true(said: object, required: bool) -> None:
    assert read_own({ORGANIZATION: said}).require_organization is required


def test_control_characters_in_the_name_of_an_account_are_escaped(wire: Wire) -> None:
    wire.will({"Account": {"Id": SALES, "Name": "sales\n\x1b[2Jok", "State": "SUSPENDED"}})
    problem = guards(requireOrganization="true").organization_problem(SALES, REGION)
    assert problem
    assert problem.isprintable()


# The guards in check.


@pytest.mark.parametrize("unknown", [{}, {"image_id": UNKNOWN}, {"region": UNKNOWN}], ids=["none", "image", "region"])
def test_account_that_is_not_allowed_is_refused_even_if_image_or_region_is_unknown(
    cloud: LocalCloud, image: str, unknown: dict[str, Any]
) -> None:
    """The list is enforced even if `recheck` is off, because it needs no request."""
    command = Command(cloud, recheck="off", own={"allowedAccountIds": f'["{SALES}"]'})
    properties = {"image_id": image, "shared_account_id": LEGAL, "region": REGION, **unknown}
    assert found(command.check(**properties)) == [("shared_account_id", NOT_LISTED)]
    for account in (SALES, UNKNOWN):
        assert found(command.check(image, account)) == []


def test_malformed_account_is_one_problem(cloud: LocalCloud, image: str) -> None:
    """The message does not add that it is not on the list, and the organization is not asked."""
    command = Command(cloud, own={"allowedAccountIds": "[]", "requireOrganization": "true"})
    ((name, reason),) = found(command.check(image, "12345"))
    assert name == "shared_account_id"
    assert "12 digits" in reason
    assert cloud.count("DescribeAccount") == 0


def test_problems_of_list_organization_and_image_are_reported_together(
    cloud: LocalCloud, image: str, create_account: Callable[..., str]
) -> None:
    closed = create_account("old", closed=True)
    cloud.set_image(image, state="PENDING")
    command = Command(cloud, own={"allowedAccountIds": f"[{SALES}]", "requireOrganization": "true"})
    failures = found(command.check(image, closed))
    assert [name for name, _ in failures] == ["shared_account_id", "image_id", "shared_account_id"]
    assert ALLOWED in failures[0][1]
    assert f"account {closed} (old) is " in failures[2][1]


def test_organization_is_asked_once_for_each_account(
    cloud: LocalCloud, image: str, create_account: Callable[..., str]
) -> None:
    """An account may get many images. The owner is refused as owner, without a request."""
    sales, other = create_account("sales"), cloud.create_image()
    command = Command(cloud, own={"requireOrganization": "true"})
    for shared in (image, other):
        assert found(command.check(shared, sales)) == []
        assert "is not a member" in found(command.check(shared, FINANCE))[0][1]
        assert "owns the image itself" in found(command.check(shared, OWNER))[0][1]
    assert cloud.count("DescribeAccount") == 2


def test_access_to_the_organization_denied(cloud: LocalCloud, image: str) -> None:
    """The share is refused if `recheck` is strict or warn. `requireOrganization` with `off` is an error."""
    cloud.deny("organizations:DescribeAccount")
    own = {"requireOrganization": "true"}
    for recheck in ("strict", "warn"):
        with pytest.raises(AccessDenied, match=r"organizations:DescribeAccount.*delegated administrators"):
            Command(cloud, recheck=recheck, own=own).check(image, SALES)
    with pytest.raises(ConfigurationError, match=r"requireOrganization cannot be checked while .*recheck is off"):
        Command(cloud, recheck="off", own=own)


def test_account_that_the_program_has_checked_is_not_checked_again(
    cloud: LocalCloud, image: str, create_account: Callable[..., str]
) -> None:
    """There is one request per account and operation (case 20)."""
    sales = create_account("sales")
    command = Command(cloud, own={"requireOrganization": "true"})
    inputs = {"image_id": image, "shared_account_id": sales, "region": REGION, "__provider": "reference"}
    assert found(command.provider.check({}, {**inputs, "_member": sales})) == []
    assert cloud.count("DescribeAccount") == 0
    assert found(command.provider.check({}, {**inputs, "_member": FINANCE})) == []
    assert cloud.count("DescribeAccount") == 1


def test_recheck_off_applies_to_shares_of_an_explicit_provider(cloud: LocalCloud, image: str) -> None:
    """AWS gets no request from them, not even in the background."""
    command = Command(cloud)
    inputs = {"image_id": image, "shared_account_id": SALES, "region": REGION, "__provider": "reference"}
    cloud.forget_calls()
    own = json.dumps({"workspaces-images:recheck": "off"})
    assert found(command.provider.check({}, {**inputs, "_own": own})) == []
    for thread in threading.enumerate():
        if thread.name == "prefetch":
            thread.join(5)
    assert cloud.calls == []


def test_guards_apply_to_shares_of_an_explicit_provider(cloud: LocalCloud, image: str) -> None:
    """They are sent with each share, because Pulumi gives the provider no stack configuration (case 4)."""
    command = Command(cloud)
    inputs = {"image_id": image, "shared_account_id": LEGAL, "region": REGION, "__provider": "reference"}
    own = json.dumps({ALLOWED: f'["{SALES}"]'})
    checked = command.provider.check({}, {**inputs, "_own": own})
    assert found(checked) == [("shared_account_id", NOT_LISTED)]
    assert set(checked.inputs) == {"image_id", "shared_account_id", "region"}


def test_share_with_an_account_that_is_no_longer_allowed_can_be_revoked(cloud: LocalCloud, image: str) -> None:
    """Guards apply to grants only."""
    cloud.share(image, LEGAL)
    own: dict[str, Any] = {"allowedAccountIds": "[]", "requireOrganization": "true"}
    command = Command(cloud, own=own)
    assert command.read(Share(image, LEGAL, REGION)).id
    command.delete(Share(image, LEGAL, REGION))
    assert cloud.shared_with(image) == set()
    assert cloud.count("DescribeAccount") == 0


def test_guards_do_not_apply_to_an_exclusive_list(cloud: LocalCloud, image: str) -> None:
    """A list grants no share."""
    command = Command(cloud, own={"allowedAccountIds": "[]", "requireOrganization": "true"})
    news = {"image_id": image, "shared_account_ids": [SALES], "report_only": False, "region": REGION}
    assert found(command.exclusive.check({}, news)) == []
    assert cloud.count("DescribeAccount") == 0
