"""Which accounts the guards refuse to a program, and what its shares cost."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import pulumi
import pulumi.runtime
import pytest
from pulumi.runtime.config import _SECRET_KEYS, CONFIG
from pulumi.runtime.sync_await import _sync_await

from pulumi_workspaces_images.errors import AccessDenied, ConfigurationError
from pulumi_workspaces_images.lifecycle import recipients
from pulumi_workspaces_images.resources.program import current_run, declare, hidden_inputs, refusals
from tests.unit.helpers import LEGAL, REGION, SALES, Wire

FINANCE = "444444444444"
ALLOWED = "workspaces-images:allowedAccountIds"
ORGANIZATION = "workspaces-images:requireOrganization"
AWS = {"aws:region": REGION, "aws:accessKey": "AKIAEXAMPLE", "aws:secretKey": "example", "aws:maxRetries": "1"}
NOT_FOUND = (400, "AccountNotFoundException", "no")
DENIED = (400, "AccessDeniedException", "no")
ACTIVE = {"Account": {"Name": "sales", "State": "ACTIVE"}}
CLOSED = {"Account": {"Name": "legal", "State": "CLOSED"}}


@pytest.fixture(autouse=True)
def _program(quiet_environment: None) -> Iterator[None]:
    """Restore the configuration of the program after the test."""
    store, secrets = CONFIG.set({}), _SECRET_KEYS.set(set())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipients, "_AT_ONCE", 1)  # answers come in the order of the accounts
        yield
    CONFIG.reset(store)
    _SECRET_KEYS.reset(secrets)


def configure(**own: str) -> None:
    """Start a run of the program with these values of the package's own configuration keys."""
    pulumi.runtime.set_all_config({**AWS, **{f"workspaces-images:{key}": value for key, value in own.items()}}, [])


def unlisted(account: str) -> str:
    return f"account {account} is not in {ALLOWED}, the accounts that images may be shared with"


def not_a_member(account: str) -> str:
    return f"account {account} is not a member of the caller's organization, which {ORGANIZATION} requires"


def test_every_account_is_accepted_if_no_guard_is_set(wire: Wire) -> None:
    """AWS is not asked."""
    configure()
    assert refusals([SALES, LEGAL]) == []
    assert wire.sent == []


def test_accounts_may_be_given_as_a_generator() -> None:
    """`refusals` iterates over the accounts twice. It returns all refusals, in the order of the accounts."""
    configure(allowedAccountIds="[]")
    assert refusals(account for account in (SALES, LEGAL)) == [unlisted(SALES), unlisted(LEGAL)]


def test_refusals_of_both_guards_are_reported_at_once(wire: Wire) -> None:
    configure(allowedAccountIds=f'["{SALES}", "{LEGAL}"]', requireOrganization="true")
    wire.will(ACTIVE, CLOSED, NOT_FOUND)
    assert refusals([SALES, LEGAL, FINANCE]) == [
        unlisted(FINANCE),
        f"account {LEGAL} (legal) is CLOSED in the organization; {ORGANIZATION} requires an ACTIVE member",
        not_a_member(FINANCE),
    ]


def test_organization_is_asked_once_for_an_account_that_is_given_twice(wire: Wire) -> None:
    configure(requireOrganization="true")
    wire.will(NOT_FOUND)
    assert refusals([FINANCE, FINANCE]) == [not_a_member(FINANCE)] * 2
    assert len(wire.sent) == 1


def test_organization_is_asked_once_for_an_account_of_several_components(wire: Wire) -> None:
    configure(requireOrganization="true")
    wire.will(NOT_FOUND, NOT_FOUND)
    assert refusals([FINANCE]) == refusals([FINANCE]) == [not_a_member(FINANCE)]
    assert len(wire.sent) == 1


def test_organization_is_not_asked_for_a_malformed_account(wire: Wire) -> None:
    """The check of its share refuses it. The other accounts are compared with the organization."""
    configure(requireOrganization="true")
    wire.will((400, "InvalidInputException", "You provided a value that does not match the required pattern."))
    wire.will(NOT_FOUND)
    wire.answers.rotate(1)
    assert not_a_member(FINANCE) in refusals([FINANCE, "2222-2222-2222"])
    assert len(wire.sent) == 1


@pytest.mark.parametrize("region", [None, "", "eu-west-1"])
def test_guards_work_with_and_without_a_region_argument(wire: Wire, region: str | None) -> None:
    configure(requireOrganization="true")
    wire.will(NOT_FOUND)
    assert refusals([FINANCE], region) == [not_a_member(FINANCE)]


def test_organization_is_not_asked_if_the_region_is_an_output(wire: Wire) -> None:
    """The check of each share asks it later. The list of allowed accounts is checked."""
    configure(allowedAccountIds="[]", requireOrganization="true")
    assert refusals([FINANCE], pulumi.Output.from_input(REGION)) == [unlisted(FINANCE)]
    assert wire.sent == []


@pytest.mark.parametrize("recheck", ["strict", "warn"])
def test_program_ends_with_one_line_if_access_to_the_organization_is_denied(wire: Wire, recheck: str) -> None:
    """`recheck` is about existing shares, and does not disable a guard. The exception's cause is the typed error."""
    configure(allowedAccountIds="[]", requireOrganization="true", recheck=recheck)
    wire.will(NOT_FOUND, DENIED)
    with pytest.raises(
        pulumi.RunError, match=r"organizations:DescribeAccount.*delegated administrators may ask$"
    ) as caught:
        refusals([FINANCE, SALES])
    assert type(caught.value.__cause__) is AccessDenied


def test_twenty_accounts_need_twenty_requests_four_at_a_time(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks of the shares do not ask again (case 20)."""
    monkeypatch.setattr(recipients, "_AT_ONCE", 4)
    configure(requireOrganization="true")
    meeting = threading.Barrier(4)

    def meet(_: str) -> None:
        meeting.wait(5)

    wire.arrived = meet
    wire.will(*[ACTIVE] * 20)
    accounts = [f"{number:012}" for number in range(20)]
    assert refusals(accounts) == []
    assert len(wire.sent) == 20
    for account in accounts:
        assert hidden_inputs(None, shared_account_id=account)["_member"] == account
    assert "_member" not in hidden_inputs(None, shared_account_id=FINANCE)


@pytest.mark.parametrize("recheck", ["strict", "warn"])
def test_missing_region_is_an_error_in_both_modes(wire: Wire, recheck: str) -> None:
    """The configuration is invalid, which `recheck` does not change."""
    keys = {**AWS, ORGANIZATION: "true", "workspaces-images:recheck": recheck}
    del keys["aws:region"]
    pulumi.runtime.set_all_config(keys, [])
    with pytest.raises(pulumi.RunError, match="no AWS Region is set"):
        refusals([SALES])
    assert wire.sent == []


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"allowedAccountIds": "nonsense"}, f"{ALLOWED} must be a list of account ids"),
        ({"requireOrganization": "yes"}, f"{ORGANIZATION} must be true or false"),
        ({"requireOrganization": "true", "recheck": "never"}, "workspaces-images:recheck must be"),
        ({"requireOrganization": "true", "recheck": "off"}, f"{ORGANIZATION} cannot be checked while"),
        ({"requireOrganization": "true", "allowedAccountID": "[]"}, "did you mean workspaces-images:allowedAccountIds"),
    ],
)
def test_invalid_configuration_ends_the_program_with_one_line(own: dict[str, str], said: str) -> None:
    """Pulumi prints a RunError without a traceback."""
    configure(**own)
    with pytest.raises(pulumi.RunError) as caught:
        refusals([SALES])
    assert said in str(caught.value)
    assert str(caught.value).isprintable()
    assert type(caught.value.__cause__) is ConfigurationError


def test_program_without_the_organization_guard_does_not_import_botocores_session() -> None:
    """The import would slow down every program."""
    code = (
        "import sys, pulumi.runtime\n"
        "from pulumi_workspaces_images.resources.program import refusals\n"
        f"pulumi.runtime.set_all_config({ {**AWS, ALLOWED: f'[{SALES}]'}!r}, [])\n"
        f"assert refusals([{SALES!r}]) == []\n"
        "print(*[name for name in ('boto3', 'botocore.session', 'botocore.client') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_importing_the_package_imports_no_modules_for_aws() -> None:
    """So it takes little longer than importing pulumi."""
    code = "import sys, pulumi_workspaces_images\nprint(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = ("boto", "pulumi_aws", "_images.aws", "_images.configuration", "lifecycle.command", "lifecycle.recipients")
    assert [name for name in heavy if name in imported] == []


def test_configuration_is_parsed_once_for_all_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing it for each of 5,000 shares took 12 s."""
    parsed: list[dict[str, str]] = []

    def parse() -> dict[str, str]:
        parsed.append({"other:key": "x"})
        return parsed[-1]

    configure(allowedAccountIds=f'["{SALES}"]')
    monkeypatch.setattr(pulumi.runtime.config, "get_config_env", parse)
    for _ in range(100):
        declare("wsi-0a1b2c3d4", SALES, None)
        refusals([SALES])
    assert len(parsed) == 1


def test_changed_configuration_starts_a_new_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key or the environment may change, or the SDK may start with a new store or another engine."""
    configure()
    runs = [current_run()]
    assert current_run() is runs[0]
    pulumi.runtime.set_config("aws:region", "eu-west-1")
    runs.append(current_run())
    monkeypatch.setenv("PULUMI_CONFIG", "{}")
    runs.append(current_run())
    configure()
    runs.append(current_run())
    monkeypatch.setattr(pulumi.runtime.settings, "get_monitor", object)
    runs.append(current_run())
    assert len(set(map(id, runs))) == 5


def test_hints_of_a_thousand_images_are_small() -> None:
    """A share tells the provider which images to describe together. All hints together contain every image."""
    configure()
    images = [f"wsi-{number:09}" for number in range(1000)]
    for image in images:
        declare(image, SALES, None)

    async def hints() -> list[str | None]:
        return [await hidden_inputs(None, image_id=image)["_images"].future() for image in images]

    sent: list[str | None] = _sync_await(hints())
    assert sum(len(hint or "") for hint in sent) < 2_000_000
    assert {image for hint in set(sent) for image, _ in json.loads(hint or "[]")} == set(images)
    for image, hint in zip(images, sent, strict=True):
        assert [image, None] in json.loads(hint or "")


def test_hidden_inputs_reach_the_provider_with_the_oldest_sdk_too() -> None:
    """That SDK drops inputs whose names begin with two underscores. Explicit providers would have no guards."""
    configure()
    assert not [name for name in hidden_inputs(None) if name.startswith("__")]
