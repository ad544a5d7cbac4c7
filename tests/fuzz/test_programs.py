"""Whatever a program or the stack program's configuration says: resources, or one line that says why not."""

import json
from typing import Any

import hypothesis.strategies as st
import pulumi
import pytest
from hypothesis import example, given

import pulumi_workspaces_images
from pulumi_workspaces_images import FoundImage, ImageShares
from tests.fuzz import strategies as some
from tests.unit import test_image_shares as component
from tests.unit import test_stack_program as stack
from tests.unit.helpers import IMAGE, LEGAL, REGION, SALES


@pytest.fixture(autouse=True)
def _quiet(quiet_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Find images without AWS, whatever their name."""
    found = FoundImage(IMAGE, "golden", None, REGION)
    monkeypatch.setattr(pulumi_workspaces_images, "find_images", lambda name, region=None: [found] if name else [])


# The stack program.

labels = st.one_of(st.sampled_from(["golden", "sales"]), some.texts).filter(bool)
accounts = some.mostly(SALES, LEGAL, 222222222222, others=some.json_values)
some_accounts = st.one_of(
    st.lists(accounts, max_size=3), st.dictionaries(labels, accounts, max_size=3), some.json_values
)
group_names = some.mostly("emea", "apac", others=some.json_values)
settings = {
    "imageId": some.mostly(IMAGE, others=some.json_values),
    "imageName": some.mostly("golden-*", others=some.json_values),
    "keep": some.mostly(1, "2", others=some.json_values),
    "region": some.mostly(REGION, others=some.json_values),
    "accounts": some_accounts,
    "groups": st.one_of(st.lists(group_names, max_size=2), some.json_values),
    "organizationalUnitId": some.mostly(stack.UNIT, others=some.json_values),
    "exclusive": some.mostly(True, "report", others=some.json_values),
}
images = st.one_of(
    st.fixed_dictionaries(
        {"imageId": settings["imageId"], "accounts": settings["accounts"]},
        optional={name: settings[name] for name in ("region", "exclusive", "keep", "groups")},
    ),
    st.fixed_dictionaries({}, optional=settings),
    some.json_values,
)


@given(
    shares=st.one_of(st.dictionaries(labels, images, max_size=3), some.json_texts, some.json_values),
    groups=st.one_of(
        st.none(), st.dictionaries(group_names.filter(lambda n: isinstance(n, str)), some_accounts), some.json_values
    ),
)
@example(shares={"golden": {"imageId": IMAGE, "accounts": {"sales": SALES}, "exclusive": True}}, groups=None)
@example(shares={"golden": {"imageId": IMAGE, "accounts": [], "groups": ["emea"]}}, groups={"emea": [SALES]})
@some.tries(120)
def test_shares_key(shares: Any, groups: Any) -> None:
    """The stack program declares what its keys say, or each line names a key and where in it."""
    organization = stack.Organization()
    text = shares if isinstance(shares, str) else json.dumps(shares)
    try:
        output = stack.run(organization, text, accountGroups=groups)
    except pulumi.RunError as error:
        for line in error.args[0].splitlines():
            assert line.startswith((stack.KEY, stack.GROUPS))
        assert organization.seen == []
        return
    read = json.loads(text)
    asked = {
        (image["imageId"], str(account))
        for image in read.values()
        for some_of_them in (image["accounts"], *(groups[name] for name in image.get("groups", ())))
        for account in (some_of_them.values() if isinstance(some_of_them, dict) else some_of_them)
    }
    assert set(organization.shared().values()) == asked
    assert set(output) == set(read)


REFUSED = {
    "int() refuses more than 4300 digits with a ValueError": json.dumps(
        {"golden": {"imageName": "golden", "keep": "1" * 5000, "accounts": [SALES]}}
    ),
    "Pulumi's TypeError for a resource without a name": json.dumps({"": {"imageId": IMAGE, "accounts": [SALES]}}),
    "half a surrogate pair is no text that Pulumi can send": json.dumps(
        {"golden": {"imageId": IMAGE, "accounts": {"\ud800": SALES}}}
    ),
}


@pytest.mark.parametrize("text", [pytest.param(text, id=why) for why, text in REFUSED.items()])
def test_shares_key_that_python_or_pulumi_refuses(text: str) -> None:
    """It is refused like any other: by one line that names the key."""
    with pytest.raises(pulumi.RunError, match=stack.KEY):
        stack.run(stack.Organization(), text)


# The component.

outputs = st.sampled_from([SALES, "333333333333", "no account"])
inputs = st.one_of(
    st.sampled_from([SALES, LEGAL]),
    some.scalars,
    outputs.map(lambda account: ("output", account)),
    outputs.map(lambda account: ("secret", account)),
)
mappings = st.dictionaries(st.one_of(labels, st.just(""), st.integers(), st.none()), inputs, max_size=4)
lists = st.lists(st.one_of(st.sampled_from([SALES, LEGAL]), some.texts, inputs), max_size=4)


def made(value: Any) -> Any:
    """Make the Outputs, for which a program has to run."""
    if isinstance(value, dict):
        return {made(name): made(item) for name, item in value.items()}
    if isinstance(value, list):
        return [made(item) for item in value]
    match value:
        case ("output", account):
            return pulumi.Output.from_input(account)
        case ("secret", account):
            return pulumi.Output.secret(account)
        case _:
            return value


@given(
    accounts=st.one_of(mappings, lists, some.scalars, st.lists(some.json_values, max_size=2)),
    exclusive=some.mostly(False, True, "report", others=some.json_values),
    preview=st.booleans(),
)
@example(accounts={"sales": SALES, "legal": ("secret", LEGAL)}, exclusive=True, preview=True)
@some.tries(120)
def test_accounts_argument(accounts: Any, exclusive: Any, preview: bool) -> None:
    """Every account gets its share; or nothing is declared, and the line names the component and what is wrong."""
    declared: list[ImageShares] = []
    try:
        recorder, _ = component.run(
            lambda: declared.append(ImageShares("golden", IMAGE, made(accounts), exclusive=exclusive)), preview
        )
    except pulumi.RunError as error:
        assert error.args[0].startswith("ImageShares 'golden': ")  # noqa: PT017
        return
    shares = recorder.of(component.SHARE)
    assert set(declared[0].shares) == set(accounts)
    assert set(shares) == {f"golden-{label}" for label in accounts}
    assert len(recorder.of(component.EXCLUSIVE)) == bool(exclusive)
    if isinstance(accounts, dict):
        plain = {f"golden-{label}": a for label, a in accounts.items() if isinstance(a, str)}
        assert {name: share.inputs["shared_account_id"] for name, share in shares.items() if name in plain} == plain


@pytest.mark.parametrize("account", [[SALES], {"id": SALES}])
def test_account_that_is_no_text(account: Any) -> None:
    """A list or a mapping in the place of an account is refused by its label."""
    with pytest.raises(pulumi.RunError, match=r"ImageShares 'golden'.*'sales'"):
        component.declare({"sales": account})
