"""Any configuration of the stack program leads to its resources, or to lines that each name a key."""

import json
from typing import Any

import hypothesis.strategies as st
import pulumi
import pytest
from hypothesis import example, given

import pulumi_workspaces_images
from pulumi_workspaces_images import FoundImage
from tests.fuzz import strategies as some
from tests.unit import test_stack_program as stack
from tests.unit.helpers import IMAGE, LEGAL, REGION, SALES


@pytest.fixture(autouse=True)
def _quiet(quiet_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Find an image of any name, without AWS."""
    found = FoundImage(IMAGE, "golden", None, REGION)
    monkeypatch.setattr(pulumi_workspaces_images, "find_images", lambda name, region=None: [found] if name else [])


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
def test_any_shares_and_groups(shares: Any, groups: Any) -> None:
    """The program declares exactly the shares of its configuration, or each line of its error begins with a key."""
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
