"""What a program is told before it declares, and what its shares cost."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pulumi
import pulumi.runtime
import pytest
from pulumi.runtime.config import _SECRET_KEYS, CONFIG
from pulumi.runtime.sync_await import _sync_await

from pulumi_workspaces_images.errors import AccessDenied, ConfigurationError
from pulumi_workspaces_images.lifecycle import recipients
from pulumi_workspaces_images.resources.program import current_run, declare, hidden_inputs, refusals
from tests.unit.helpers import LEGAL, OWNER, REGION, SALES, Wire

FINANCE = "444444444444"
ALLOWED = "workspaces-images:allowedAccountIds"
ORGANIZATION = "workspaces-images:requireOrganization"
AWS = {"aws:region": REGION, "aws:accessKey": "AKIAEXAMPLE", "aws:secretKey": "example", "aws:maxRetries": "1"}
STRANGER = (400, "AccountNotFoundException", "no")
DENIED = (400, "AccessDeniedException", "no")
ACTIVE = {"Account": {"Name": "sales", "State": "ACTIVE"}}
CLOSED = {"Account": {"Name": "legal", "State": "CLOSED"}}


@pytest.fixture(autouse=True)
def _program(quiet_environment: None) -> Iterator[None]:
    """Return a program process; what a test configures is undone."""
    store, secrets = CONFIG.set({}), _SECRET_KEYS.set(set())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipients, "_AT_ONCE", 1)  # answers come in the order of the accounts
        yield
    CONFIG.reset(store)
    _SECRET_KEYS.reset(secrets)


def configure(**own: str) -> None:
    """Start a run of the program with these keys of this package."""
    pulumi.runtime.set_all_config({**AWS, **{f"workspaces-images:{key}": value for key, value in own.items()}}, [])


def unlisted(account: str) -> str:
    return f"account {account} is not in {ALLOWED}, the accounts that images may be shared with"


def no_member(account: str) -> str:
    return f"account {account} is not a member of the caller's organization, which {ORGANIZATION} requires"


def test_no_guard_refuses_nobody(wire: Wire) -> None:
    """And AWS is not asked."""
    configure()
    assert refusals([SALES, LEGAL]) == []
    assert wire.sent == []


def test_all_accounts_that_are_not_listed() -> None:
    """In the order in which they are given."""
    configure(allowedAccountIds=f'["{SALES}"]')
    assert refusals([LEGAL, SALES, FINANCE]) == [unlisted(LEGAL), unlisted(FINANCE)]
    assert refusals([SALES]) == refusals([]) == []


def test_accounts_of_any_iterable() -> None:
    """They are gone through twice."""
    configure(allowedAccountIds="[]")
    assert refusals(account for account in (SALES, LEGAL)) == [unlisted(SALES), unlisted(LEGAL)]


def test_all_accounts_that_are_no_active_members(wire: Wire) -> None:
    """Of the organization and of the list, all at once."""
    configure(allowedAccountIds=f'["{SALES}", "{LEGAL}"]', requireOrganization="true")
    wire.will(ACTIVE, CLOSED, STRANGER)
    assert refusals([SALES, LEGAL, FINANCE]) == [
        unlisted(FINANCE),
        f"account {LEGAL} (legal) is CLOSED in the organization; {ORGANIZATION} requires an ACTIVE member",
        no_member(FINANCE),
    ]


def test_each_account_is_asked_for_once(wire: Wire) -> None:
    """In one list of accounts."""
    configure(requireOrganization="true")
    wire.will(STRANGER)
    assert refusals([FINANCE, FINANCE]) == [no_member(FINANCE)] * 2
    assert len(wire.sent) == 1


def test_each_account_is_asked_for_once_by_all_components(wire: Wire) -> None:
    """However many components of one program share with it."""
    configure(requireOrganization="true")
    wire.will(STRANGER, STRANGER)
    assert refusals([FINANCE]) == refusals([FINANCE]) == [no_member(FINANCE)]
    assert len(wire.sent) == 1


def test_malformed_account_is_not_asked_for(wire: Wire) -> None:
    """Its own check says what is wrong with it; those that are accounts are judged."""
    configure(requireOrganization="true")
    wire.will((400, "InvalidInputException", "You provided a value that does not match the required pattern."))
    wire.will(STRANGER)
    wire.answers.rotate(1)
    assert no_member(FINANCE) in refusals([FINANCE, "2222-2222-2222"])
    assert len(wire.sent) == 1


@pytest.mark.parametrize("region", [None, "", "eu-west-1"])
def test_organization_is_asked_where_the_image_is(wire: Wire, region: str | None) -> None:
    """Or where the stack is."""
    configure(requireOrganization="true")
    wire.will(STRANGER)
    assert refusals([FINANCE], region) == [no_member(FINANCE)]


def test_region_that_is_an_output(wire: Wire) -> None:
    """It is not known yet: the list is looked at, and the rest is left to the share's own check."""
    configure(allowedAccountIds="[]", requireOrganization="true")
    assert refusals([FINANCE], pulumi.Output.from_input(REGION)) == [unlisted(FINANCE)]
    assert wire.sent == []


def test_organization_that_may_not_be_asked(wire: Wire) -> None:
    """Strict: the program ends with one line, whose cause is the typed error."""
    configure(requireOrganization="true")
    wire.will(DENIED)
    with pytest.raises(
        pulumi.RunError, match=r"organizations:DescribeAccount.*delegated administrators may ask$"
    ) as caught:
        refusals([SALES])
    assert type(caught.value.__cause__) is AccessDenied


def test_guard_that_cannot_be_evaluated_refuses_under_warn_too(wire: Wire) -> None:
    """`recheck` is about what is there already; it opens no guard."""
    configure(allowedAccountIds="[]", requireOrganization="true", recheck="warn")
    wire.will(STRANGER, DENIED)
    with pytest.raises(pulumi.RunError, match="organizations:DescribeAccount"):
        refusals([FINANCE, SALES])


def test_off_leaves_no_way_to_ask(wire: Wire) -> None:
    configure(requireOrganization="true", recheck="off")
    with pytest.raises(pulumi.RunError, match=f"{ORGANIZATION} cannot be checked while .*recheck is off"):
        refusals([FINANCE])
    assert wire.sent == []


def test_twenty_accounts_are_twenty_calls_four_at_a_time(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 20; the shares' own checks do not ask again."""
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
def test_no_region_at_all(wire: Wire, recheck: str) -> None:
    """An error in both modes: it is the configuration that is wrong."""
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
        ({"requireOrganization": "true", "allowedAccountID": "[]"}, "did you mean workspaces-images:allowedAccountIds"),
    ],
)
def test_configuration_that_cannot_be_honoured(own: dict[str, str], said: str) -> None:
    """Pulumi ends a program with a RunError without a traceback, in its one line."""
    configure(**own)
    with pytest.raises(pulumi.RunError) as caught:
        refusals([SALES])
    assert said in str(caught.value)
    assert str(caught.value).isprintable()
    assert type(caught.value.__cause__) is ConfigurationError


def test_aws_configuration_that_cannot_be_honoured() -> None:
    """An `aws:` key is named too."""
    pulumi.runtime.set_all_config({**AWS, "aws:maxRetries": "many"}, [])
    with pytest.raises(pulumi.RunError, match="aws:maxRetries must be a whole number"):
        refusals([SALES])


def test_new_run_has_a_new_configuration() -> None:
    """The Automation API runs program after program in one process."""
    configure(allowedAccountIds="[]")
    assert refusals([SALES])
    configure()
    assert refusals([SALES]) == []


@pytest.mark.parametrize("own", [{}, {ALLOWED: f'["{SALES}"]'}], ids=["no guard", "list"])
def test_program_pays_nothing_for_what_it_does_not_use(own: dict[str, str]) -> None:
    """Without the organization's guard, botocore's session is not even imported."""
    code = (
        "import sys, pulumi.runtime\n"
        "from pulumi_workspaces_images.resources.program import refusals\n"
        f"pulumi.runtime.set_all_config({ {**AWS, **own}!r}, [])\n"
        f"assert refusals([{SALES!r}]) == []\n"
        "print(*[name for name in ('boto3', 'botocore.session', 'botocore.client') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_program_that_only_declares_imports_nothing_of_aws() -> None:
    """Importing the package costs little more than importing pulumi."""
    code = "import sys, pulumi_workspaces_images\nprint(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = ("boto", "pulumi_aws", "_images.aws", "_images.configuration", "lifecycle.command", "lifecycle.recipients")
    assert [name for name in heavy if name in imported] == []


def test_owner_is_not_refused_here(wire: Wire) -> None:
    """Who owns the image is the share's own check's to say."""
    configure(allowedAccountIds=f"[{OWNER}]")
    assert refusals([OWNER]) == []


def test_configuration_is_parsed_once_however_many_shares_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_other_configuration_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a key is set anew, the environment changes, or the SDK starts with a new store or another engine."""
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
    """Each share tells of the images beside its own, and together they tell of all."""
    configure()
    images = [f"wsi-{number:09}" for number in range(1000)]
    for image in images:
        declare(image, SALES, None)

    async def hints() -> list[str | None]:
        return [await hidden_inputs(None, image_id=image)["_images"].future() for image in images]

    told: list[str | None] = _sync_await(hints())
    assert sum(len(hint or "") for hint in told) < 2_000_000
    assert {image for hint in set(told) for image, _ in json.loads(hint or "[]")} == set(images)
    for image, hint in zip(images, told, strict=True):
        assert [image, None] in json.loads(hint or "")


def test_hidden_inputs_reach_the_provider_with_the_oldest_sdk_too() -> None:
    """It drops names that begin with two underscores, and with them the stack's guards under an explicit provider."""
    configure()
    assert not [name for name in hidden_inputs(None) if name.startswith("__")]


def test_only_image_needs_no_hint() -> None:
    configure()
    declare("wsi-0a1b2c3d4", SALES, None)

    async def hint() -> Any:
        return await hidden_inputs(None, image_id="wsi-0a1b2c3d4")["_images"].future()

    assert _sync_await(hint()) is None
