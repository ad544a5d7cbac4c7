"""`ImageShares` and `ImageSharesExclusive` as a program declares them, with Pulumi's mocks instead of the engine."""

from typing import Any

import pulumi
import pytest

from pulumi_workspaces_images import ImageShare, ImageShares, ImageSharesExclusive
from tests.unit.helpers import IMAGE, LEGAL, OWNER, REGION, SALES, UNKNOWN
from tests.unit.programs import EXCLUSIVE, REVOKED, SHARE, Recorder, run

COMPONENT = "workspaces-images:index:ImageShares"
TEAMS = {"sales": SALES, "legal": LEGAL}


@pytest.fixture(autouse=True)
def _quiet(quiet_environment: None) -> None: ...


def declare(accounts: Any, **more: Any) -> tuple[Recorder, ImageShares]:
    """Run a program that declares one component; return what it registered, and the component."""
    made: list[ImageShares] = []
    recorder, _ = run(lambda: made.append(ImageShares("golden", IMAGE, accounts, **more)))
    return recorder, made[0]


def refused(accounts: Any, own: dict[str, Any] | None = None, **more: Any) -> str:
    """Run a program that must fail before it registers a resource; return the line."""
    recorder: list[Recorder] = []

    def program() -> None:
        mocks: Any = pulumi.runtime.settings.get_monitor()
        recorder.append(mocks.mocks)
        ImageShares("golden", IMAGE, accounts, **more)

    with pytest.raises(pulumi.RunError) as caught:
        run(program, **(own or {}))
    assert [seen.typ for seen in recorder[0].seen if seen.typ != "pulumi:pulumi:Stack"] == []
    line = str(caught.value)
    assert line.isprintable()
    assert line.startswith("ImageShares 'golden': ")
    return line.removeprefix("ImageShares 'golden': ")


# What is declared.


def test_one_share_for_each_account() -> None:
    """Its name consists of the component's name and the label. The shares have the order of the mapping."""
    recorder, component = declare(TEAMS, region=REGION)
    assert list(recorder.of(COMPONENT)) == ["golden"]
    shares = recorder.of(SHARE)
    assert {name: seen.inputs["shared_account_id"] for name, seen in shares.items()} == {
        "golden-sales": SALES,
        "golden-legal": LEGAL,
    }
    assert {(s.inputs["image_id"], s.inputs["region"]) for s in shares.values()} == {(IMAGE, REGION)}
    assert list(component.shares) == ["sales", "legal"]
    assert all(type(share) is ImageShare for share in component.shares.values())
    assert component.exclusive is None
    assert recorder.of(EXCLUSIVE) == {}


def test_shares_and_list_are_children_of_the_component() -> None:
    """Their URNs contain its type."""

    def program() -> pulumi.Output[Any]:
        component = ImageShares("golden", IMAGE, TEAMS, exclusive=True)
        assert component.exclusive
        return pulumi.Output.all(component.urn, component.shares["sales"].urn, component.exclusive.urn)

    ((component, share, exclusive),) = run(program)[1]
    assert component.endswith(f"${COMPONENT}::golden")
    assert share.endswith(f"::{COMPONENT}${SHARE}::golden-sales")
    assert exclusive.endswith(f"::{COMPONENT}${EXCLUSIVE}::golden-exclusive")


@pytest.mark.parametrize("accounts", [[SALES, LEGAL], (SALES, LEGAL)], ids=["list", "tuple"])
def test_list_of_accounts(accounts: Any) -> None:
    """Each account is its own label."""
    recorder, component = declare(accounts)
    assert set(recorder.of(SHARE)) == {f"golden-{SALES}", f"golden-{LEGAL}"}
    assert list(component.shares) == [SALES, LEGAL]


@pytest.mark.parametrize("accounts", [{}, []])
def test_component_without_accounts(accounts: Any) -> None:
    """With exclusive ownership no account may have a share."""
    recorder, component = declare(accounts, exclusive=True)
    assert component.shares == {}
    assert recorder.of(SHARE) == {}
    assert recorder.of(EXCLUSIVE)["golden-exclusive"].inputs["shared_account_ids"] == []


@pytest.mark.parametrize(("exclusive", "report"), [(True, False), ("report", True)])
def test_exclusive_ownership(exclusive: Any, report: bool) -> None:
    """The component declares a list of its accounts, with the same image and Region."""
    recorder, component = declare(TEAMS, exclusive=exclusive, region="eu-west-1")
    inputs = recorder.of(EXCLUSIVE)["golden-exclusive"].inputs
    assert {k: v for k, v in inputs.items() if not k.startswith("_") and v is not None} == {
        "image_id": IMAGE,
        "shared_account_ids": [SALES, LEGAL],
        "report_only": report,
        "region": "eu-west-1",
    }
    assert type(component.exclusive) is ImageSharesExclusive


def test_registered_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the ids of the shares by label. They tell the engine that the component is complete."""
    registered: list[dict[str, Any]] = []
    monkeypatch.setattr(ImageShares, "register_outputs", lambda _, outputs: registered.append(outputs))

    def program() -> pulumi.Output[Any]:
        ImageShares("golden", IMAGE, TEAMS)
        return pulumi.Output.from_input(registered[0])

    assert run(program)[1] == [{"shares": {"sales": f"{IMAGE}/{SALES}", "legal": f"{IMAGE}/{LEGAL}"}}]
    assert len(registered) == 1


# What is refused.


def test_output_of_a_mapping() -> None:
    """The line says that the labels must be known."""
    assert refused(pulumi.Output.from_input(TEAMS)) == (
        "accounts is an Output, so a preview cannot know its labels, and which resources there are; pass a mapping "
        "with known labels, whose accounts may be Outputs"
    )


@pytest.mark.parametrize(
    ("accounts", "what"),
    [(SALES, "type str"), (None, "type NoneType"), ({SALES}, "type set"), (222222222222, "type int"), (b"1", "bytes")],
)
def test_accounts_that_are_neither_mapping_nor_list(accounts: Any, what: str) -> None:
    """In particular, a string is not read as a list of its characters."""
    line = refused(accounts)
    assert line.startswith("accounts must be a mapping label -> account, or a list of accounts; it is a value of")
    assert line.endswith(what)


def test_list_that_holds_an_output() -> None:
    """The line says to use a mapping, which has labels."""
    assert refused([SALES, pulumi.Output.from_input(LEGAL)]) == (
        "the list of accounts contains an Output; a list takes only plain strings of 12 digits, each its own label; "
        "use a mapping label -> account for anything else"
    )


@pytest.mark.parametrize("account", [None, True, [SALES]])
def test_list_that_contains_anything_but_strings(account: Any) -> None:
    assert f"contains a value of type {type(account).__name__};" in refused([SALES, account])


def test_mapping_that_contains_anything_but_strings() -> None:
    for account in ([SALES], {"id": SALES}):
        assert "the account of 'sales' must be a string of 12 digits;" in refused({"sales": account})


def test_account_twice_in_the_list() -> None:
    """It is refused, because both shares would have the same name."""
    assert refused([SALES, LEGAL, SALES]) == f"account {SALES} appears twice in the list"


@pytest.mark.parametrize("label", ["", 5, None, ("a",)])
def test_label_that_is_empty_or_not_a_string(label: Any) -> None:
    """It is refused, because it is part of a resource name."""
    line = f"the label {label!r} must be a string of one or more printable characters"
    assert refused({"sales": SALES, label: LEGAL}) == line


@pytest.mark.parametrize("exclusive", [None, "yes", "", "Report", [], pulumi.Output.from_input(True)])
def test_invalid_value_of_exclusive(exclusive: Any) -> None:
    """The line lists the four valid values."""
    assert refused(TEAMS, exclusive=exclusive) == "exclusive must be True, False, 'report' or 'fail'"


@pytest.mark.parametrize(
    ("accounts", "which"), [({"sales": "22"}, "the account of 'sales'"), (["22"], "an account in the list")]
)
def test_malformed_account_is_named_by_its_label(accounts: Any, which: str) -> None:
    """An exclusive list, which is checked first, does not replace the label by an index."""
    said = refused(accounts, exclusive=True)
    assert said == f"{which} must be a string of 12 digits, e.g. '222222222222'; it is '22'"


def test_account_under_two_labels() -> None:
    """Both labels are named."""
    assert refused({"sales": SALES, "legal": LEGAL, "vertrieb": SALES}) == (
        f"account {SALES} appears under two labels, 'sales' and 'vertrieb'; remove one"
    )


@pytest.mark.parametrize("first", ["output", "plain"])
def test_account_under_two_labels_through_an_output(first: str) -> None:
    """It is refused as soon as both accounts are known."""
    values: list[Any] = [pulumi.Output.from_input(SALES), SALES]
    one, two = values if first == "output" else reversed(values)
    with pytest.raises(
        pulumi.RunError,
        match=rf"account {SALES} appears under two labels, '(sales' and 'vertrieb|vertrieb' and 'sales)'",
    ):
        run(lambda: ImageShares("golden", IMAGE, {"sales": one, "vertrieb": two}))


def test_account_under_two_labels_beside_an_unknown_one() -> None:
    """The preview refuses it, because it skips only the unknown account."""
    double, unknown = pulumi.Output.from_input(SALES), pulumi.Output.from_input(UNKNOWN)
    values: dict[str, pulumi.Input[str]] = {"sales": SALES, "vertrieb": double, "new": unknown}
    with pytest.raises(pulumi.RunError, match=f"account {SALES} appears under two labels"):
        run(lambda: ImageShares("golden", IMAGE, values), preview=True)


def test_all_accounts_that_are_not_allowed() -> None:
    """They are refused in one line. An Output is left to the check of its share."""
    accounts = {**TEAMS, "finance": "444444444444", "new": pulumi.Output.from_input("555555555555")}
    said = "is not in workspaces-images:allowedAccountIds, the accounts that images may be shared with"
    refusal = refused(accounts, {"allowedAccountIds": f"[{SALES}]"})
    assert refusal == f"account {LEGAL} {said}; account 444444444444 {said}"


# The list without a component.


def test_exclusive_list_without_a_component() -> None:
    """It is a custom resource with all its outputs."""

    def program() -> pulumi.Output[Any]:
        only = ImageSharesExclusive("only", IMAGE, [pulumi.Output.from_input(SALES)], region=REGION)
        return pulumi.Output.all(
            only.id, only.image_id, only.shared_account_ids, only.report_only, only.region, only.owner_account_id,
            only.revoked_account_ids,
        )  # fmt: skip

    recorder, (outputs,) = run(program)
    resource = recorder.of(EXCLUSIVE)["only"]
    assert resource.custom
    assert isinstance(resource.inputs["__provider"], str)
    assert outputs == [IMAGE, IMAGE, [SALES], False, REGION, OWNER, [REVOKED]]


def test_accounts_and_region_in_coroutines() -> None:
    """They are accepted, although a coroutine can be awaited only once and share and list both need its value."""

    async def later(value: str) -> str:
        return value

    recorder, _ = declare({"sales": later(SALES), "legal": LEGAL}, region=later(REGION), exclusive=True)
    shares = recorder.of(SHARE).values()
    assert {(s.inputs["shared_account_id"], s.inputs["region"]) for s in shares} == {(SALES, REGION), (LEGAL, REGION)}
    (only,) = recorder.of(EXCLUSIVE).values()
    assert (only.inputs["shared_account_ids"], only.inputs["region"]) == ([SALES, LEGAL], REGION)


def test_two_outputs_of_none_are_not_the_same_account_twice() -> None:
    """They are left to the checks of their shares, which say that an account is required."""
    nothing: Any = pulumi.Output.from_input(None)
    recorder, _ = declare({"sales": nothing, "legal": nothing})
    assert [s.inputs.get("shared_account_id") for s in recorder.of(SHARE).values()] == [None, None]


@pytest.mark.parametrize("given", ["", "report", "fail", True, False])
def test_report_only_is_passed_to_the_check_unchanged(given: Any) -> None:
    """In particular, an empty string does not become False, which would revoke shares."""

    def program() -> None:
        ImageSharesExclusive("only", IMAGE, [SALES], report_only=given)

    recorder, _ = run(program)
    (only,) = recorder.of(EXCLUSIVE).values()
    assert only.inputs["report_only"] == given
    assert type(only.inputs["report_only"]) is type(given)
