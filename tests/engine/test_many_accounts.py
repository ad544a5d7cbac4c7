"""`ImageShares` shares one image with many accounts, and `ImageSharesExclusive` with no other account."""

from typing import Any

import pytest

from local.cloud import AwsError, Call, LocalCloud, Response
from tests.engine.harness import LEGAL, OWNER, REGION, SALES, Run, Stack
from tests.nightly import nightly_but_first
from tests.pages import blocks

UNLISTED = "999999999999"
FINANCE = "444444444444"
TEAMS = {f"team-{n:02}": f"{300000000000 + n}" for n in range(30)}


def changed_teams() -> dict[str, str]:
    """Return the thirty accounts without one of them, and a new one."""
    return {label: account for label, account in TEAMS.items() if label != "team-07"} | {"team-30": "300000000030"}


def fan_out(stack: Stack, image: str, accounts: Any, exclusive: Any = False, more: str = "") -> None:
    """Set the program to one that shares an image with `accounts` through the component."""
    stack.program(
        f"shares = ImageShares('golden', image_id={image!r}, accounts={accounts!r}, exclusive={exclusive!r})\n{more}"
    )


def named(run: Run, *accounts: str) -> str:
    """Return the line that names unlisted accounts."""
    return run.line("warning:", *accounts, "not on the list of its ImageSharesExclusive")


@pytest.mark.nightly
def test_thirty_accounts_and_the_preview_of_a_change(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The next preview is clean. A preview of two changes shows exactly these, as the how-to page says."""
    fan_out(stack, image, TEAMS)
    stack.up()
    assert stack.declared() == {f"golden-{label}": account for label, account in TEAMS.items()}
    assert cloud.shared_with(image) == set(TEAMS.values())
    assert stack.preview().clean

    changed = changed_teams()
    fan_out(stack, image, changed)
    run = stack.preview("--suppress-progress")
    assert run.counts == {"create": 1, "delete": 1, "same": 31}
    assert run.line("account 300000000030 gets access to image")
    (page,) = (block for block in blocks("docs/how-to/many-accounts.md") if block.language == "console")
    shown = " ".join(run.output.split())
    assert [line for line in page.text.splitlines() if " ".join(line.split()) not in shown] == []
    cloud.forget_calls()
    stack.up()
    assert cloud.shared_with(image) == set(changed.values())
    assert [(w.parameters["SharedAccountId"], w.parameters["AllowCopyImage"]) for w in cloud.writes()] == [
        ("300000000030", True),
        ("300000000007", False),
    ]


@pytest.mark.nightly
def test_thirty_accounts_exclusive_and_the_preview_of_a_change(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The preview shows the changed list too, and names the account that loses its share."""
    fan_out(stack, image, TEAMS, exclusive=True)
    stack.up()
    assert stack.preview().clean
    changed = changed_teams()
    fan_out(stack, image, changed, exclusive=True)
    run = stack.preview()
    assert run.counts == {"create": 1, "update": 1, "delete": 1, "same": 31}
    (leaving,) = set(TEAMS.values()) - set(changed.values())
    assert run.line("warning:", f"is shared with {leaving}, not on the list", "`pulumi up` revokes it")
    cloud.forget_calls()
    stack.up()
    assert cloud.shared_with(image) == set(changed.values())
    assert [w for w in cloud.writes() if not w.parameters["AllowCopyImage"]] == [
        w for w in cloud.writes() if w.parameters["SharedAccountId"] == leaving
    ]
    assert stack.preview().clean


@pytest.mark.nightly
def test_relabelled_account_loses_no_access(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A new label means a new resource for the same share: nothing is revoked, and no other resource changes."""
    fan_out(stack, image, {"sales": SALES, "legal": LEGAL})
    stack.up()
    cloud.forget_calls()
    fan_out(stack, image, {"vertrieb": SALES, "legal": LEGAL})
    assert stack.preview().counts == {"create": 1, "delete": 1, "same": 3}
    stack.up()
    assert [w for w in cloud.writes() if not w.parameters["AllowCopyImage"]] == []
    assert stack.declared() == {"golden-vertrieb": SALES, "golden-legal": LEGAL}
    assert stack.preview().clean


def test_list_of_accounts_and_shares_by_label(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """In a list of accounts each account id is its own label."""
    fan_out(stack, image, [SALES, LEGAL], more=f"pulumi.export('sales', shares.shares[{SALES!r}].id)")
    stack.up()
    assert stack.declared() == {f"golden-{SALES}": SALES, f"golden-{LEGAL}": LEGAL}
    assert stack.output("sales") == f"{image}/{SALES}"


def test_account_under_two_labels_is_refused(stack: Stack, image: str) -> None:
    """One line names both labels."""
    fan_out(stack, image, {"sales": SALES, "vertrieb": SALES})
    run = stack.preview(ok=False)
    assert run.line("error:", SALES, "'sales'", "'vertrieb'")
    assert "Traceback" not in run.output


@pytest.mark.nightly
def test_children_take_the_options_of_the_component(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """`protect`, `depends_on` and transformations apply to the children, as in any component."""
    stack.program(
        f"""
        first = ImageShare("first", image_id={image!r}, shared_account_id={LEGAL!r})
        def keep(args):
            opts = ResourceOptions.merge(args.opts, ResourceOptions(retain_on_delete=args.name.startswith("golden-")))
            return pulumi.ResourceTransformationResult(args.props, opts)

        opts = ResourceOptions(protect=True, depends_on=[first], transformations=[keep])
        ImageShares("golden", image_id={image!r}, accounts={{"sales": {SALES!r}}}, opts=opts)
        """
    )
    stack.up()
    entry = next(e for e in stack.state() if e["urn"].endswith("::golden-sales"))
    assert entry["protect"] is True
    assert entry["retainOnDelete"] is True
    assert [w.parameters["SharedAccountId"] for w in cloud.writes()] == [LEGAL, SALES]
    assert stack.destroy(ok=False).line("golden-sales", "cannot be deleted")
    assert cloud.shared_with(image) == {LEGAL, SALES}


@pytest.mark.nightly
def test_renamed_component_with_an_alias_changes_nothing(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The alias also applies to its children and to the exclusive list."""
    fan_out(stack, image, {"sales": SALES}, exclusive=True)
    stack.up()
    cloud.forget_calls()
    stack.program(
        f"""
        opts = ResourceOptions(aliases=[pulumi.Alias(name="golden")])
        ImageShares("silver", {image!r}, {{"sales": {SALES!r}}}, exclusive=True, opts=opts)
        """
    )
    assert stack.up().clean
    assert cloud.writes() == []


@pytest.mark.nightly
def test_declared_in_a_component_and_as_a_plain_resource(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """If either of the two is removed, the share stays."""
    plain = f"ImageShare('sales', image_id={image!r}, shared_account_id={SALES!r})"
    fan_out(stack, image, {"sales": SALES}, more=plain)
    stack.up()
    fan_out(stack, image, {}, more=plain)
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    fan_out(stack, image, {"sales": SALES})
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    assert stack.preview().clean


def test_unlisted_account_is_named_and_revoked(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Previews name an unlisted account, at first and later. Up revokes its share and records it in the outputs."""
    cloud.share(image, UNLISTED)
    fan_out(
        stack,
        image,
        {"sales": SALES},
        exclusive=True,
        more="pulumi.export('gone', shares.exclusive.revoked_account_ids)",
    )
    run = stack.preview()
    assert named(run, image, REGION, UNLISTED).count(SALES) == 0
    assert cloud.writes() == []
    run = stack.up()
    assert run.line(f"image {image} in {REGION} was unshared from {UNLISTED}")
    assert stack.output("gone") == [UNLISTED]
    assert cloud.shared_with(image) == {SALES}
    assert stack.preview().clean

    cloud.share(image, FINANCE)
    run = stack.preview()
    assert run.counts == {"update": 1, "same": 3}
    named(run, FINANCE)
    stack.up()
    assert stack.output("gone") == [FINANCE]
    assert cloud.shared_with(image) == {SALES}
    assert stack.preview().clean
    entry = next(e for e in stack.export()["deployment"]["resources"] if e["urn"].endswith("::golden-exclusive"))
    assert entry["id"] == image
    assert {k: v for k, v in entry["outputs"].items() if k != "__provider"} == {
        "image_id": image,
        "shared_account_ids": [SALES],
        "report_only": False,
        "region": REGION,
        "owner_account_id": OWNER,
        "revoked_account_ids": [FINANCE],
    }


@pytest.mark.nightly
def test_report_names_and_revokes_nothing(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """With `exclusive="report"` every preview names the unlisted accounts, and up revokes nothing."""
    cloud.share(image, UNLISTED)
    fan_out(stack, image, {"sales": SALES}, exclusive="report")
    assert "only reported" in named(stack.preview(), UNLISTED)
    stack.up()
    run = stack.preview("--expect-no-changes")
    assert "only reported" in named(run, UNLISTED)
    assert cloud.shared_with(image) == {SALES, UNLISTED}
    fan_out(stack, image, {"sales": SALES}, exclusive=True)
    stack.up()
    assert cloud.shared_with(image) == {SALES}


def test_destroying_an_exclusive_list_revokes_nothing(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Both listed and unlisted accounts keep shares that the stack has not declared."""
    stack.program(f"ImageSharesExclusive('only', image_id={image!r}, shared_account_ids=[{SALES!r}])")
    cloud.share(image, SALES)
    stack.up()
    cloud.share(image, UNLISTED)
    stack.destroy()
    assert cloud.shared_with(image) == {SALES, UNLISTED}


@pytest.mark.nightly
def test_refresh_of_exclusive_ownership_keeps_everything(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Refresh changes nothing, and `up --refresh` revokes the share of an unlisted account."""
    fan_out(stack, image, {"sales": SALES}, exclusive=True)
    stack.up()
    before = stack.export()["deployment"]["resources"]
    assert stack.refresh().clean
    outputs = [r.get("outputs") for r in before]
    assert [r.get("outputs") for r in stack.export()["deployment"]["resources"]] == outputs
    cloud.share(image, UNLISTED)
    stack.up("--refresh")
    assert cloud.shared_with(image) == {SALES}
    assert stack.preview().clean


@pytest.mark.nightly
def test_interrupted_exclusive_update_resumes(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The next preview names the unlisted account that was not revoked, and the next up revokes it."""
    fan_out(stack, image, {"sales": SALES}, exclusive=True)
    stack.up()
    unlisted = [f"99999999990{n}" for n in range(3)]
    for account in unlisted:
        cloud.share(image, account)

    def refuse(call: Call, proceed: Any) -> Response:
        if call.parameters.get("SharedAccountId") == unlisted[1]:
            raise AwsError("OperationNotSupportedException", "Not now.", 400)
        response: Response = proceed()
        return response

    cloud.interceptors.append(refuse)
    run = stack.up(ok=False)
    assert run.line("unsharing image", unlisted[1], "Not now")
    assert run.line("was unshared from", unlisted[0])
    cloud.interceptors.remove(refuse)
    assert cloud.shared_with(image) == {SALES, unlisted[1]}  # one that cannot be revoked does not protect the others
    named(stack.preview(), unlisted[1])
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    assert stack.preview().clean


def test_exclusive_list_that_contradicts_a_share(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The preview fails and names both. Here the list comes second; test_contradictions.py has the other order."""
    stack.program(
        f"""
        share = ImageShare("sales", {image!r}, {SALES!r})
        ImageSharesExclusive("only", {image!r}, [{LEGAL!r}], opts=ResourceOptions(depends_on=[share]))
        """
    )
    cloud.share(image, SALES)
    for run in (stack.preview(ok=False), stack.up(ok=False)):
        assert run.line("ImageShare shares image", image, SALES, "ImageSharesExclusive")
        assert "Traceback" not in run.output
    assert cloud.shared_with(image) == {SALES}  # nothing is revoked, even by an up without a preview


@pytest.mark.parametrize("first", nightly_but_first(["share", "exclusive"]))
def test_share_that_contradicts_an_exclusive_list_as_an_output(
    stack: Stack, cloud: LocalCloud, image: str, first: str
) -> None:
    """The image is an Output, so only the provider's checks can know it. The check that comes second refuses it."""
    lines = [
        f"a = ImageShare('sales', image, {SALES!r}, opts=ResourceOptions(depends_on=before))",
        f"a = ImageSharesExclusive('only', image, [{LEGAL!r}], opts=ResourceOptions(depends_on=before))",
    ]
    one, two = lines if first == "share" else reversed(lines)
    stack.program(f"image = pulumi.Output.from_input({image!r})\nbefore = []\n{one}\nbefore = [a]\n{two}")
    run = stack.preview(ok=False)
    assert run.line("ImageShare shares image", image, SALES, "ImageSharesExclusive")
    assert "Traceback" not in run.output


@pytest.mark.nightly
def test_preview_of_a_list_with_an_unknown_account_names_no_unlisted_account(
    stack: Stack, cloud: LocalCloud, image: str
) -> None:
    """Up knows the account, and does not revoke its share."""
    cloud.share(image, LEGAL)
    stack.program(
        f"""
        class Accounts(pulumi.dynamic.ResourceProvider):
            def create(self, props):
                return pulumi.dynamic.CreateResult("made", {{"account_id": {LEGAL!r}}})

        class Account(pulumi.dynamic.Resource):
            account_id: pulumi.Output[str]

        account = Account(Accounts(), "account", {{"account_id": None}})
        accounts = {{"sales": {SALES!r}, "legal": account.account_id}}
        ImageShares("golden", image_id={image!r}, accounts=accounts, exclusive=True)
        """
    )
    assert "warning:" not in stack.preview().output
    stack.up()
    assert cloud.shared_with(image) == {SALES, LEGAL}
    assert all(w.parameters["AllowCopyImage"] for w in cloud.writes())
    assert stack.preview().clean


@pytest.mark.parametrize("recheck", nightly_but_first(["warn", "off"]))
def test_exclusive_list_revokes_nothing_if_it_could_not_list_the_shares(
    stack: Stack, cloud: LocalCloud, image: str, recheck: str
) -> None:
    """Up revokes nothing, even if the list changes."""
    cloud.share(image, UNLISTED)
    stack.configuration["workspaces-images:recheck"] = recheck
    cloud.deny("workspaces:DescribeWorkspaceImagePermissions")
    fan_out(stack, image, {"sales": SALES}, exclusive=True)
    stack.up()
    fan_out(stack, image, {"sales": SALES, "legal": LEGAL}, exclusive=True)
    stack.up()
    assert cloud.shared_with(image) == {SALES, LEGAL, UNLISTED}


def test_refresh_of_an_exclusive_list_fails_with_another_accounts_credentials(
    stack: Stack, cloud: LocalCloud, image: str
) -> None:
    """The list stays in the state."""
    stack.program(f"ImageSharesExclusive('only', image_id={image!r}, shared_account_ids=[])")
    stack.up()
    stack.credentials(UNLISTED)
    assert stack.refresh(ok=False).line(image, OWNER, UNLISTED)
    stack.credentials(OWNER)
    assert stack.preview().clean
