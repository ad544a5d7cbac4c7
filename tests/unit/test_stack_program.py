"""The stack program of this repository, unchanged, with Pulumi's mocks instead of the engine and pulumi-aws."""

import contextvars
import json
import re
import runpy
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks
from pulumi.runtime.config import _SECRET_KEYS, CONFIG

import pulumi_workspaces_images
from local.environment import ROOT
from pulumi_workspaces_images import FoundImage
from tests.unit.helpers import IMAGE, LEGAL, OWNER, REGION, SALES

KEY = "workspaces-images:shares"
GROUPS = "workspaces-images:accountGroups"
SHARE, EXCLUSIVE = "ImageShare", "ImageSharesExclusive"
UNIT, NESTED, DEEPEST = "ou-ab12-cd34ef56", "ou-ab12-00000001", "ou-ab12-00000002"
ROOT_UNIT = "r-ab12"
CLOSED, INVITED, FAR = "444444444444", "555555555555", "666666666666"

UNITS = {ROOT_UNIT: [UNIT], UNIT: [NESTED], NESTED: [DEEPEST], DEEPEST: []}
MEMBERS = {
    ROOT_UNIT: {FAR: "ACTIVE"},
    UNIT: {OWNER: "ACTIVE", SALES: "ACTIVE", CLOSED: "SUSPENDED"},
    NESTED: {INVITED: "PENDING_ACTIVATION"},
    DEEPEST: {LEGAL: "ACTIVE"},
}


class DeniedError(grpc.RpcError):
    """The engine's error if AWS refuses the plugin's call."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return "1 error occurred:\n\t* listing Organizations Accounts for parent: AccessDeniedException: no\n\n"


class Organization(Mocks):
    """An engine that records the registered resources, and pulumi-aws in an organization of nested units.

    Attributes:
        members: the accounts directly in each unit, with their states.
        state: the attribute in which pulumi-aws returns the state.
        calls: the functions of pulumi-aws that were called.
        denied: whether AWS refuses the calls.
    """

    def __init__(self) -> None:
        self.members = {unit: dict(accounts) for unit, accounts in MEMBERS.items()}
        self.state = "state"
        self.calls: list[str] = []
        self.denied = False
        self.seen: list[MockResourceArgs] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.seen.append(args)
        return args.name, {**args.inputs, "owner_account_id": OWNER}

    def call(self, args: MockCallArgs) -> Any:
        function = args.token.rpartition(":")[2]
        self.calls.append(function)
        if self.denied:
            raise DeniedError
        if function == "getCallerIdentity":
            return {"accountId": OWNER, "arn": f"arn:aws:iam::{OWNER}:root", "id": OWNER, "userId": "x"}
        assert function == "getOrganizationalUnitDescendantAccounts"
        accounts = [{"id": id_, self.state: state} for id_, state in self._below(args.args["parentId"]).items()]
        return {"accounts": accounts, "id": args.args["parentId"], "parentId": args.args["parentId"]}

    def _below(self, unit: str) -> dict[str, str]:
        found = dict(self.members[unit])
        for child in UNITS[unit]:
            found |= self._below(child)
        return found

    def registered(self, kind: str) -> dict[str, Any]:
        """Return the inputs of the resources of a kind by name."""
        return {seen.name: seen.inputs for seen in self.seen if seen.typ.endswith(f":{kind}")}

    def shared(self) -> dict[str, tuple[str, str]]:
        """Return image and account of every share by its resource's name."""
        return {
            name: (inputs["image_id"], inputs["shared_account_id"]) for name, inputs in self.registered(SHARE).items()
        }


@pytest.fixture(autouse=True)
def _quiet(quiet_environment: None) -> None: ...


@pytest.fixture
def organization() -> Organization:
    return Organization()


@pytest.fixture
def looked_for(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """Find three images for any name that contains `golden`; return the list of searches."""
    looks: list[tuple[str, str | None]] = []

    def find(name: str, region: str | None = None) -> list[FoundImage]:
        looks.append((name, region))
        ids = ("wsi-new000001", "wsi-mid000001", "wsi-old000001") if "golden" in name else ()
        return [FoundImage(id_, "golden", None, region or REGION) for id_ in ids]

    def find_one(name: str, region: str | None = None) -> FoundImage:
        raise pulumi.RunError(f"account {OWNER} owns no AVAILABLE image named {name!r} in {region or REGION}")

    monkeypatch.setattr(pulumi_workspaces_images, "find_images", find)
    monkeypatch.setattr(pulumi_workspaces_images, "find_image", find_one)
    return looks


def run(engine: Organization, shares: Any, region: str | None = REGION, **more: Any) -> dict[str, Any]:
    """Run the stack program with this configuration; return the stack output `shares`."""
    given = {"aws:region": region, KEY: shares, **{f"workspaces-images:{key}": value for key, value in more.items()}}
    configuration = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items() if value is not None
    }
    output: dict[str, Any] = {}

    def run_mocked() -> None:
        CONFIG.set({})
        _SECRET_KEYS.set(set())
        pulumi.runtime.set_all_config(configuration, [])
        pulumi.runtime.set_mocks(engine, project="workspaces-images", stack="dev", preview=True)

        def program() -> pulumi.Output[None]:
            names = runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
            return pulumi.Output.from_input(names["shares"]).apply(output.update)

        wait_for: Any = pulumi.runtime.test
        wait_for(program)()

    # Pulumi keeps its settings in context variables, which end with this context.
    contextvars.copy_context().run(run_mocked)
    return output


def refused(engine: Organization, shares: Any, region: str | None = REGION, **more: Any) -> list[str]:
    """Run the stack program, which must fail before it declares a resource; return the lines of its error."""
    with pytest.raises(pulumi.RunError) as raised:
        run(engine, shares, region, **more)
    assert engine.seen == []
    return str(raised.value).splitlines()


def test_each_image_of_the_configuration_is_a_component(organization: Organization) -> None:
    """It is in the Region of its entry, and the stack output lists its accounts."""
    output = run(
        organization,
        {
            "golden": {"imageId": IMAGE, "accounts": {"sales": SALES, "legal": 333333333333}},
            "irish": {"imageId": "wsi-irish0001", "region": "eu-west-1", "accounts": [SALES]},
            "nobody": {"imageId": IMAGE, "accounts": {}},
        },
    )
    assert organization.shared() == {
        "golden-sales": (IMAGE, SALES),
        "golden-legal": (IMAGE, LEGAL),
        f"irish-{SALES}": ("wsi-irish0001", SALES),
    }
    assert set(organization.registered("ImageShares")) == {"golden", "irish", "nobody"}
    assert organization.registered(EXCLUSIVE) == {}
    common = {"imageId": IMAGE, "region": REGION}
    assert output == {
        "golden": {**common, "accounts": {"sales": SALES, "legal": LEGAL}},
        "irish": {**common, "imageId": "wsi-irish0001", "region": "eu-west-1", "accounts": {SALES: SALES}},
        "nobody": {"imageId": IMAGE, "accounts": {}},
    }
    assert organization.calls == []


@pytest.mark.parametrize(
    ("value", "report_only"),
    [(True, False), ("true", False), (False, None), ("false", None), ("report", True), ("fail", "fail")],
)
def test_exclusive(organization: Organization, value: Any, report_only: object) -> None:
    """The value may be a YAML boolean, or a string as the command line sets it. The accounts may be empty."""
    output = run(organization, {"golden": {"imageId": IMAGE, "accounts": [], "exclusive": value}})
    found = {name: inputs["report_only"] for name, inputs in organization.registered(EXCLUSIVE).items()}
    assert found == ({} if report_only is None else {"golden-exclusive": report_only})
    if found:
        assert output["golden"] == {"imageId": IMAGE, "accounts": {}, "region": REGION}


@pytest.mark.parametrize("state", ["state", "status"])
@pytest.mark.filterwarnings("ignore:status is deprecated")
def test_organizational_unit(organization: Organization, state: str) -> None:
    """The image is shared with the ACTIVE accounts in the unit and the units below it, except the owner."""
    organization.state = state  # the first releases of pulumi-aws 7 have `status` only
    output = run(organization, {"golden": {"imageId": IMAGE, "organizationalUnitId": UNIT, "exclusive": True}})
    assert organization.shared() == {f"golden-{SALES}": (IMAGE, SALES), f"golden-{LEGAL}": (IMAGE, LEGAL)}
    assert organization.registered(EXCLUSIVE)["golden-exclusive"]["shared_account_ids"] == [SALES, LEGAL]
    assert output["golden"]["accounts"] == {SALES: SALES, LEGAL: LEGAL}


def test_root_and_unit_for_several_images(organization: Organization) -> None:
    """The root stands for the whole organization. Each unit is requested once, even if several images use it."""
    unit, root = ({"imageId": IMAGE, "organizationalUnitId": id_} for id_ in (UNIT, ROOT_UNIT))
    output = run(organization, {"a": unit, "b": unit, "all": root})
    assert set(output["all"]["accounts"]) == {SALES, LEGAL, FAR}
    assert output["a"] == output["b"]
    assert organization.calls.count("getOrganizationalUnitDescendantAccounts") == 2


def test_unit_without_an_active_account_is_an_error(organization: Organization) -> None:
    """Otherwise every share of the image would be revoked (case 19)."""
    for members in organization.members.values():
        members.clear()
    assert refused(organization, {"golden": {"imageId": IMAGE, "organizationalUnitId": UNIT}}) == [
        f"{KEY}.golden.organizationalUnitId finds no ACTIVE account in {UNIT} except the owner's; to revoke all "
        "shares, set accounts to {}"
    ]


def test_unit_that_cannot_be_listed(organization: Organization) -> None:
    """The line names the key and the cause."""
    organization.denied = True
    (line,) = refused(organization, {"golden": {"imageId": IMAGE, "organizationalUnitId": UNIT}})
    assert line.startswith(f"{KEY}.golden.organizationalUnitId cannot be resolved with pulumi-aws")
    assert "listing Organizations Accounts for parent: AccessDeniedException" in line


@pytest.mark.parametrize(("keep", "shared"), [(None, 1), (2, 2), ("2", 2), (9, 3)])
def test_newest_images_by_name(
    organization: Organization, looked_for: list[tuple[str, str | None]], keep: Any, shared: int
) -> None:
    """The newest `keep` images are shared, or all if there are fewer."""
    given = {"imageName": "golden-*", "accounts": {"sales": SALES}, "exclusive": "report"}
    output = run(organization, {"golden": given | ({} if keep is None else {"keep": keep})})
    newest = ["wsi-new000001", "wsi-mid000001", "wsi-old000001"][:shared]
    assert organization.shared() == {f"golden-{id_}-sales": (id_, SALES) for id_ in newest}
    assert set(organization.registered(EXCLUSIVE)) == {f"golden-{id_}-exclusive" for id_ in newest}
    assert looked_for == [("golden-*", REGION)]
    common = {"accounts": {"sales": SALES}, "region": REGION}
    assert output == {f"golden-{id_}": {"imageId": id_, "imageName": "golden", **common} for id_ in newest}


def test_images_by_name_in_another_region(organization: Organization, looked_for: list[tuple[str, str | None]]) -> None:
    """They are searched in the Region of the entry. Without any Region, find_images chooses it."""
    golden = {"imageName": "golden-*", "accounts": [SALES]}
    run(organization, {"irish": {**golden, "region": "eu-west-1"}})
    assert {inputs["region"] for inputs in organization.registered(SHARE).values()} == {"eu-west-1"}
    run(organization, {"profile": golden}, region=None)
    assert looked_for == [("golden-*", "eu-west-1"), ("golden-*", None)]


def golden(**settings: Any) -> dict[str, Any]:
    """Return valid settings of one image, changed by `settings`. None removes a setting."""
    base = {"imageId": IMAGE, "accounts": [SALES], **settings}
    return {"golden": {name: value for name, value in base.items() if value is not None}}


# The beginning of the line that the key's value causes, without the key.
BAD: dict[str, Any] = {
    " is not set": None,
    " must be a mapping": "golden",
    " has the label ''": {"": golden()["golden"]},
    ".golden.imageID is not a setting; the settings are accounts, exclusive, groups, imageId": golden(imageID=IMAGE),
    ".golden.imageId must be wsi- followed by 9 to 63 lower-case letters": golden(imageId="ami-0a1b2c3d4"),
    ".golden.imageId must be a string": golden(imageId=""),
    ".golden.region must be a string": golden(region=["eu-west-1"]),
    ".golden.region cannot be used: 'us-esat-1' is not a Region where WorkSpaces exists; did you mean us-east-1": (
        golden(imageId=None, imageName="silver-*", region="us-esat-1")
    ),
    ".golden.imageName cannot be combined with imageId": golden(imageName="golden-*"),
    ".golden.imageName must be a string, in quotes": golden(imageId=None, imageName=202405),
    f".golden.imageName cannot be used: account {OWNER} owns no AVAILABLE image named 'silver-*' in {REGION}": (
        golden(imageId=None, imageName="silver-*")
    ),
    ".golden.keep cannot be combined with imageId": golden(keep=2),
    ".golden.keep must be a whole number from 1 to 9999": golden(imageId=None, imageName="golden", keep=0),
    ".golden.keep must be a whole number": golden(imageId=None, imageName="golden", keep=1.5),
    ".golden.accounts is not set: set it to a mapping (label: account) or a list": golden(accounts=None),
    ".golden.accounts must be a mapping": golden(accounts=SALES),
    ".golden.accounts has the label ''": golden(accounts={"": SALES}),
    r".golden.accounts has the label '\ud800'": golden(accounts={"\ud800": SALES}),
    '.golden.accounts["win.11"] must be a string of 12 digits': golden(accounts={"win.11": "22"}),
    ".golden.accounts.shop repeats the account of shares.golden.accounts.sales in shares.golden: change or remove": (
        golden(accounts={"sales": SALES, "shop": SALES})
    ),
    ".golden-eu creates a second resource named golden-eu-sales, after shares.golden: change one of the labels": (
        golden(accounts={"eu-sales": SALES}) | {"golden-eu": {"imageId": "wsi-irish0001", "accounts": {"sales": LEGAL}}}
    ),
    ".golden.organizationalUnitId cannot be combined with accounts: remove one": golden(organizationalUnitId=UNIT),
    ".golden.organizationalUnitId must be the id of": golden(accounts=None, organizationalUnitId=SALES),
    '.golden.exclusive must be true, false, report or fail; it is "only"': golden(exclusive="only"),
}


@pytest.mark.parametrize("said", BAD)
def test_bad_configuration_is_one_line_that_names_the_key(
    organization: Organization, looked_for: list[tuple[str, str | None]], said: str
) -> None:
    (line,) = refused(organization, BAD[said])
    assert line.startswith(f"{KEY}{said}")


def test_region_of_the_stack_that_does_not_exist(organization: Organization) -> None:
    """One line names the key, not a property of each share."""
    (line,) = refused(organization, golden() | {"tools": golden()["golden"]}, region="us-esat-1")
    assert re.search(r"^aws:region cannot be used: 'us-esat-1' is not .*did you mean us-east-1", line)


def test_search_for_images_without_a_region(organization: Organization) -> None:
    """The message of find_images is preceded by the key."""
    (line,) = refused(organization, golden(imageId=None, imageName="golden-*"), region=None)
    assert line.startswith(f"{KEY}.golden.imageName cannot be used: no AWS Region is set")


# Groups.


def test_group_of_several_images(organization: Organization) -> None:
    """An image may have both groups and accounts. A share's name contains the account's label, but not the group."""
    output = run(
        organization,
        {
            "golden": {"imageId": IMAGE, "groups": ["emea", "partners"], "accounts": {"pilot": FAR}},
            "irish": {"imageId": "wsi-irish0001", "region": "eu-west-1", "groups": ["emea"], "exclusive": True},
        },
        accountGroups={"emea": {"sales": SALES, "legal": 333333333333}, "partners": [INVITED]},
    )
    assert organization.shared() == {
        "golden-sales": (IMAGE, SALES),
        "golden-legal": (IMAGE, LEGAL),
        f"golden-{INVITED}": (IMAGE, INVITED),
        "golden-pilot": (IMAGE, FAR),
        "irish-sales": ("wsi-irish0001", SALES),
        "irish-legal": ("wsi-irish0001", LEGAL),
    }
    assert organization.registered(EXCLUSIVE)["irish-exclusive"]["shared_account_ids"] == [SALES, LEGAL]
    assert output["irish"]["accounts"] == {"sales": SALES, "legal": LEGAL}


EMEA = {"emea": {"sales": SALES}}
USED = golden(accounts=None, groups=["emea"])

# The beginning of the line that groups and shares cause, without the namespace.
BAD_GROUPS: dict[str, tuple[Any, dict[str, Any]]] = {
    "accountGroups must be a mapping (group name": (["emea"], golden()),
    "accountGroups.emea must be a mapping (label: account) or a list": ({"emea": SALES}, USED),
    "accountGroups.emea is empty: add accounts to the group, or remove it": ({"emea": {}}, USED),
    "accountGroups.emea is not used: name the group in the groups of an image, or remove it": (EMEA, golden()),
    "shares.golden.groups must be a list": (None, golden(accounts=None, groups=5)),
    "shares.golden.groups must be a list of one or more": (None, golden(accounts=None, groups=[])),
    'shares.golden.groups[1] must be one of accountGroups (emea); it is "emae"': (
        EMEA,
        golden(accounts=None, groups=["emea", "emae"]),
    ),
    'shares.golden.groups[0] must be one of accountGroups (there are none); it is "emea"': (None, USED),
    "shares.golden.groups[0] must be one of": (EMEA, golden(accounts=None, groups=[["emea"]])),
    "shares.golden.groups[1] repeats shares.golden.groups[0]: remove one of them": (
        EMEA,
        golden(accounts=None, groups=["emea", "emea"]),
    ),
    "shares.golden.organizationalUnitId cannot be combined with groups: remove one of them": (
        EMEA,
        golden(accounts=None, groups=["emea"], organizationalUnitId=UNIT),
    ),
    "accountGroups.shops[0] repeats the account of accountGroups.emea.sales in shares.b, shares.golden: change": (
        {**EMEA, "shops": [SALES]},
        {label: {"imageId": IMAGE, "groups": ["emea", "shops"]} for label in ("golden", "b")},
    ),
    "shares.golden.accounts.sales repeats the label of accountGroups.emea.sales in shares.golden: change": (
        EMEA,
        golden(accounts={"sales": LEGAL}, groups=["emea"]),
    ),
}


@pytest.mark.parametrize("said", BAD_GROUPS)
def test_invalid_groups_are_one_line_that_names_the_keys(organization: Organization, said: str) -> None:
    groups, shares = BAD_GROUPS[said]
    (line,) = refused(organization, shares, accountGroups=groups)
    assert line.startswith(f"workspaces-images:{said}")


# All mistakes together.


def test_all_mistakes_in_one_run(organization: Organization, looked_for: list[tuple[str, str | None]]) -> None:
    """Each mistake is one line that names its key, in whatever entry it is and whatever code finds it."""
    organization.denied = True
    lines = refused(
        organization,
        {
            "golden": {"imageID": IMAGE, "accounts": {"sales": "22", "legal": 33, "far": FAR}, "exclusive": "only"},
            "silver": {"imageName": "silver-*", "keep": 0, "groups": ["emae"]},
            "unit": {"imageId": IMAGE, "organizationalUnitId": UNIT},
            "right": {"imageId": IMAGE, "accounts": [SALES, FAR, "22", "33"]},
            "list": [],
        },
        accountGroups={"emea": {"sales": "x"}, "none": []},
        allowedAccountIds=[SALES],
        recheck="sometimes",
        sharess={},
    )
    # Without the explanation and the advice.
    assert [re.split(r"[:;] |, (?:in|which) ", line)[0] for line in lines] == [
        "workspaces-images:sharess is not a configuration key",
        "workspaces-images:recheck must be strict, warn or off",
        f"{GROUPS}.none is empty",
        f"{GROUPS}.emea.sales must be a string of 12 digits, e.g. '222222222222'",
        f"{KEY}.golden.imageID is not a setting",
        f"{KEY}.golden.exclusive must be true, false, report or fail",
        f"{KEY}.golden.accounts.sales must be a string of 12 digits, e.g. '222222222222'",
        f"{KEY}.golden.accounts.legal must be a string of 12 digits, e.g. '222222222222'",
        f"{KEY}.golden.imageId is not set",
        f"{KEY}.silver.groups[0] must be one of accountGroups (emea, none)",
        f"{KEY}.silver.keep must be a whole number from 1 to 9999",
        f"{KEY}.silver.imageName cannot be used",
        f"{KEY}.unit.organizationalUnitId cannot be resolved with pulumi-aws",
        f"{KEY}.right.accounts[2] must be a string of 12 digits, e.g. '222222222222'",
        f"{KEY}.right.accounts[3] must be a string of 12 digits, e.g. '222222222222'",
        f"{KEY}.list must be a mapping with imageId and accounts",
    ]


def test_accounts_that_the_stack_does_not_allow(
    organization: Organization, looked_for: list[tuple[str, str | None]]
) -> None:
    """Each is refused with the key of the user's entry, for all images together."""
    shares = {
        "golden": {"imageId": IMAGE, "accounts": {"sales": SALES, "legal": LEGAL}, "groups": ["emea"]},
        "monthly": {"imageName": "golden-*", "keep": 2, "groups": ["emea"], "accounts": [SALES]},
        "unit": {"imageId": IMAGE, "organizationalUnitId": UNIT},
    }
    unlisted = {
        f"{GROUPS}.emea.far": FAR,
        f"{KEY}.golden.accounts.legal": LEGAL,
        f"{KEY}.unit.organizationalUnitId": LEGAL,
    }
    assert refused(organization, shares, allowedAccountIds=[SALES], accountGroups={"emea": {"far": FAR}}) == [
        f"{path} is refused: account {account} is not in workspaces-images:allowedAccountIds, the accounts that images "
        "may be shared with"
        for path, account in unlisted.items()
    ]


def test_wrong_aws_key_is_named_once(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not repeated for each image that needs it."""
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"aws:retryMode": "never"}))
    images = {label: {"imageName": label, "region": "eu-west-1", "accounts": [SALES]} for label in ("a", "b")}
    lines = refused(organization, {**images, "c": {"imageName": "c", "accounts": [SALES]}, **golden()})
    assert lines == ["aws:retryMode must be standard or adaptive"]


# Contradictions.

BOTH = {"sales": SALES, "legal": LEGAL}
CONTRADICTIONS = {
    "a share declared before it": (
        {"monthly": {"accounts": BOTH}, "golden": {"accounts": {"sales": SALES}, "exclusive": "report"}},
        {"golden": ["monthly.accounts.legal"]},
    ),
    "another list": (
        {"golden": {"accounts": [SALES], "exclusive": True}, "monthly": {"accounts": [LEGAL, FAR], "exclusive": True}},
        {"golden": ["monthly.accounts[0]", "monthly.accounts[1]"], "monthly": ["golden.accounts[0]"]},
    ),
    "an image by name": (
        {
            "golden": {"accounts": [SALES], "exclusive": True},
            "monthly": {"imageId": None, "imageName": "golden-*", "accounts": BOTH},
        },
        {"golden": ["monthly.accounts.legal"]},
    ),
    "a unit": (
        {
            "golden": {"accounts": {"x": INVITED}, "exclusive": True},
            "monthly": {"accounts": None, "organizationalUnitId": UNIT},
        },
        {"golden": ["monthly.organizationalUnitId"]},
    ),
}


@pytest.mark.parametrize(("shares", "said"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_contradiction_names_the_entries(
    organization: Organization,
    looked_for: list[tuple[str, str | None]],
    shares: dict[str, Any],
    said: dict[str, list[str]],
) -> None:
    """It does not name classes, which the user has not written."""
    image = {"imageId": "wsi-new000001"}
    given = {
        label: {name: value for name, value in {**image, **entry}.items() if value is not None}
        for label, entry in shares.items()
    }
    other = {"golden": "monthly", "monthly": "golden"}
    assert refused(organization, given) == [
        f"{KEY}.{label}.exclusive contradicts shares.{other[label]}, which shares the same image with accounts that "
        f"shares.{label} does not list ({', '.join(f'shares.{path}' for path in paths)}): add them to shares.{label}, "
        f"or remove them from shares.{other[label]}"
        for label, paths in said.items()
    ]


@pytest.mark.parametrize(
    "monthly",
    [
        pytest.param({"accounts": [SALES]}, id="fewer"),
        pytest.param({"accounts": [LEGAL, SALES], "exclusive": True}, id="the same list"),
        pytest.param({"imageId": "wsi-irish0001", "accounts": [FAR]}, id="another image"),
        pytest.param({"region": "eu-west-1", "accounts": [FAR]}, id="another Region"),
    ],
)
def test_no_contradiction(organization: Organization, monthly: dict[str, Any]) -> None:
    run(organization, golden(accounts=BOTH, exclusive=True) | {"monthly": {"imageId": IMAGE, **monthly}})
    assert len(organization.registered("ImageShares")) == 2


def test_contradiction_where_one_entry_names_no_region(organization: Organization) -> None:
    """It is refused, because an image id exists in one Region only."""
    monthly = {"imageId": IMAGE, "accounts": [LEGAL], "region": REGION}
    (line,) = refused(organization, golden(exclusive=True) | {"monthly": monthly}, region=None)
    assert line.startswith(f"{KEY}.golden.exclusive contradicts shares.monthly")


@pytest.mark.parametrize(("wrong", "right"), [("golden", "monthly"), ("monthly", "golden")])
def test_malformed_account_is_not_also_reported_as_a_contradiction(
    organization: Organization, wrong: str, right: str
) -> None:
    """It may be a misspelling of the account that the exclusive list seems to lack."""
    shares: dict[str, Any] = {
        wrong: {"imageId": IMAGE, "accounts": {"sales": "22"}},
        right: {"imageId": IMAGE, "accounts": {"sales": SALES}},
    }
    shares["golden"]["exclusive"] = True
    (line,) = refused(organization, shares)
    assert line.startswith(f"{KEY}.{wrong}.accounts.sales must be")


# The plugin of pulumi-aws.


@pytest.mark.parametrize("forbidden", ["true", "1"])
def test_unit_without_the_plugin_of_pulumi_aws(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forbidden: str
) -> None:
    """On the local cloud the line names the key and the missing plugin. The engine would not name the key."""
    monkeypatch.setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", forbidden)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    (line,) = refused(organization, golden(accounts=None, organizationalUnitId=UNIT))
    assert re.fullmatch(
        rf"{KEY}\.golden\.organizationalUnitId needs the plugin of pulumi-aws, which is not installed, and "
        r"Pulumi does not install it because PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION is set, as in the local "
        r"environment: run `pulumi plugin install resource aws v7\.\d+\.\d+`, or set accounts instead",
        line,
    )
    assert organization.calls == []


@pytest.mark.parametrize("where", ["home", "PATH"])
def test_unit_with_the_plugin_of_pulumi_aws(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    """It works, because Pulumi does not need to install it."""
    plugin = tmp_path / "plugins" / "resource-aws-v7.0.0" / "pulumi-resource-aws"
    plugin.parent.mkdir(parents=True)
    plugin.touch(0o755)
    monkeypatch.setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
    monkeypatch.setenv(
        "PULUMI_HOME" if where == "home" else "PATH", str(tmp_path if where == "home" else plugin.parent)
    )
    run(organization, {"golden": {"imageId": IMAGE, "organizationalUnitId": UNIT}})
    assert len(organization.shared()) == 2
