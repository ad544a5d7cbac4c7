"""Law 1: whatever is rearranged in one update, no declared share is lost and no undeclared one is left."""

import time
from collections.abc import Callable

import pytest

from local.cloud import AwsError, Call, LocalCloud, Response
from tests.engine.harness import LEGAL, SALES, Stack
from tests.nightly import nightly_but_first

FINANCE = "444444444444"


def settled(stack: Stack, image: str, **declared: str) -> None:
    """Assert that cloud, state and program agree, and that the next preview is clean."""
    assert stack.cloud.shared_with(image) == set(declared.values())
    assert stack.declared() == declared
    assert stack.preview().clean


RESHUFFLES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "renamed": ({"a": SALES}, {"b": SALES}),
    "accounts swapped": ({"a": SALES, "b": LEGAL}, {"a": LEGAL, "b": SALES}),
    "accounts rotated": ({"a": SALES, "b": LEGAL, "c": FINANCE}, {"a": LEGAL, "b": FINANCE, "c": SALES}),
    "declared twice, second removed": ({"a": SALES, "b": SALES}, {"a": SALES}),
    "declared twice, first removed": ({"a": SALES, "b": SALES}, {"b": SALES}),
    "took over the account of a removed one": ({"a": SALES, "b": LEGAL}, {"a": LEGAL}),
    "renamed, and one added": ({"a": SALES, "b": LEGAL}, {"b": LEGAL, "c": SALES, "d": FINANCE}),
}


@pytest.mark.parametrize("parallel", ["false", "true"])
def test_reshuffles(stack: Stack, cloud: LocalCloud, parallel: str) -> None:
    """Resources renamed, swapped or doubled without an alias: exactly the declared shares exist.

    `PULUMI_PARALLEL_DIFF` changes the order of things, and nothing else.
    """
    stack.environment["PULUMI_PARALLEL_DIFF"] = parallel
    images = [cloud.create_image(name=name) for name in RESHUFFLES]

    def declare(side: int) -> None:
        stack.program(
            "\n".join(
                f"ImageShare('{image}-{name}', image_id={image!r}, shared_account_id={account!r})"
                for image, sides in zip(images, RESHUFFLES.values(), strict=True)
                for name, account in sides[side].items()
            )
        )

    declare(0)
    stack.up()
    declare(1)
    stack.up()
    for image, (name, sides) in zip(images, RESHUFFLES.items(), strict=True):
        assert cloud.shared_with(image) == set(sides[1].values()), name
    assert stack.preview().clean


def test_moved_into_a_component(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A new parent makes a new resource of the same share."""
    stack.shares(image, sales=SALES)
    stack.up()
    stack.program(
        f"""
        team = pulumi.ComponentResource("acme:index:Team", "team")
        ImageShare("sales", image_id={image!r}, shared_account_id={SALES!r}, opts=ResourceOptions(parent=team))
        """
    )
    run = stack.up()
    assert run.counts == {"create": 2, "delete": 1, "same": 1}
    assert run.line(image, "stays shared with", SALES)
    settled(stack, image, sales=SALES)


def dbr(stack: Stack, image: str, **accounts: str) -> None:
    """Let the program declare `accounts`, each share deleted before it is replaced, one after the other."""
    lines = ["previous = []"]
    for name, account in accounts.items():
        lines.append(
            f"previous = [ImageShare({name!r}, image_id={image!r}, shared_account_id={account!r}, "
            "opts=ResourceOptions(delete_before_replace=True, depends_on=previous))]"
        )
    stack.program("\n".join(lines))


SWAPPED = ({"a": SALES, "b": LEGAL}, {"a": LEGAL, "b": SALES})
# The first is deleted, and its share revoked, before the second, which declares it too, is even checked.
FIRST_CHANGED = ({"a": SALES, "b": SALES}, {"a": LEGAL, "b": SALES})
SECOND_CHANGED = ({"a": SALES, "b": SALES}, {"a": SALES, "b": LEGAL})


@pytest.mark.parametrize(
    ("before", "after", "recheck", "parallel"),
    nightly_but_first(
        [
            (*SWAPPED, "strict", "false"),
            (*FIRST_CHANGED, "strict", "true"),
            (*FIRST_CHANGED, "off", "false"),
            (*SECOND_CHANGED, "off", "true"),
        ]
    ),
)
def test_delete_before_replace(
    stack: Stack, image: str, before: dict[str, str], after: dict[str, str], recheck: str, parallel: str
) -> None:
    """Deletes that run before later checks lose nothing, whatever `recheck` says."""
    stack.environment["PULUMI_PARALLEL_DIFF"] = parallel
    stack.configuration["workspaces-images:recheck"] = recheck
    dbr(stack, image, **before)
    stack.up()
    dbr(stack, image, **after)
    run = stack.up()
    assert "revoked outside Pulumi" not in run.output
    settled(stack, image, **after)


def test_failed_grant_after_a_rename_keeps_the_old_resource(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """With --continue-on-error the old resource stays in the state while the new one could not take over."""
    stack.shares(image, a=SALES)
    stack.up()
    stack.shares(image, b=SALES)
    cloud.deny("workspaces:UpdateWorkspaceImagePermission")
    run = stack.up("--continue-on-error", ok=False)
    assert run.line("sharing image", image, SALES, "access denied", "workspaces:UpdateWorkspaceImagePermission")
    assert run.line("unsharing image", image, SALES, "kept", "run `pulumi up` again")
    assert stack.declared() == {"a": SALES}
    cloud.allow_everything()
    stack.up()
    settled(stack, image, b=SALES)


@pytest.mark.nightly
def test_failed_grant_after_delete_before_replace_keeps_the_share_in_the_state(
    stack: Stack, cloud: LocalCloud, image: str
) -> None:
    """The old resource is gone before the new one fails: then what exists is taken over, not orphaned."""
    dbr(stack, image, b=LEGAL, a=SALES)
    stack.up()
    # In this order: b asks for SALES, and waits for its own LEGAL to be revoked; meanwhile a drops SALES.
    stack.program(
        f"""
        opts = ResourceOptions(delete_before_replace=True)
        ImageShare("b", image_id={image!r}, shared_account_id={SALES!r}, opts=opts)
        ImageShare("a", image_id={image!r}, shared_account_id={FINANCE!r}, opts=opts)
        """
    )

    def slow_to_revoke_and_refusing_sales(call: Call, proceed: Callable[[], Response]) -> Response:
        if call.operation == "UpdateWorkspaceImagePermission":
            if call.parameters["SharedAccountId"] == LEGAL:
                time.sleep(2)
            if call.parameters["SharedAccountId"] == SALES:
                raise AwsError("AccessDeniedException", "Not now.", 400)
        return proceed()

    cloud.interceptors.append(slow_to_revoke_and_refusing_sales)
    stack.up(ok=None)
    cloud.interceptors.remove(slow_to_revoke_and_refusing_sales)
    assert SALES in stack.declared().values()
    stack.shares(image, a=FINANCE)
    stack.up()
    settled(stack, image, a=FINANCE)


@pytest.mark.nightly
def test_failed_check_after_a_rename_keeps_the_old_resource(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A resource that fails its check could not take over either."""
    stack.shares(image, a=SALES)
    stack.up()
    stack.shares(image, b=SALES)
    cloud.set_image(image, state="PENDING")
    stack.up("--continue-on-error", ok=False)
    assert stack.declared() == {"a": SALES}
    cloud.set_image(image, state="AVAILABLE")
    stack.up()
    settled(stack, image, b=SALES)


@pytest.mark.nightly
def test_failed_dependency_after_a_rename_keeps_the_share(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A renamed share that waits for something that failed is still shared after the next up."""
    stack.shares(image, a=SALES)
    stack.up()
    stack.program(
        f"""
        first = ImageShare("first", image_id={image!r}, shared_account_id={LEGAL!r})
        ImageShare("b", image_id={image!r}, shared_account_id={SALES!r}, opts=ResourceOptions(depends_on=[first]))
        """
    )
    cloud.fail("UpdateWorkspaceImagePermission", "AccessDeniedException", times=1)
    stack.up("--continue-on-error", ok=False)
    stack.up()
    settled(stack, image, first=LEGAL, b=SALES)


def refuse_to_revoke(call: Call, proceed: Callable[[], Response]) -> Response:
    """Refuse every revoke; grants go through."""
    if call.operation == "UpdateWorkspaceImagePermission" and not call.parameters["AllowCopyImage"]:
        raise AwsError("OperationNotSupportedException", "Not now.", 400)
    return proceed()


def test_interrupted_replacement_resumes(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A replacement whose deletion failed is finished by the next up, also if the account moved on."""
    stack.shares(image, a=SALES, b=LEGAL)
    stack.up()
    stack.shares(image, a=FINANCE, b=LEGAL)
    cloud.interceptors.append(refuse_to_revoke)
    stack.up(ok=False)
    cloud.interceptors.remove(refuse_to_revoke)
    assert cloud.shared_with(image) == {SALES, LEGAL, FINANCE}
    # The old SALES is still pending deletion, and now declared by another resource.
    stack.shares(image, a=FINANCE, b=LEGAL, c=SALES)
    stack.up()
    settled(stack, image, a=FINANCE, b=LEGAL, c=SALES)


def test_up_with_refresh_revokes_what_is_no_longer_declared(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """`up --refresh` reads what is no longer declared: that does not declare it."""
    stack.shares(image, a=SALES, b=LEGAL)
    stack.up()
    stack.shares(image, a=SALES)
    stack.up("--refresh")
    settled(stack, image, a=SALES)


@pytest.mark.nightly
def test_up_with_refresh_heals(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """`up --refresh` with drift ends with the share there."""
    stack.shares(image, a=SALES, b=LEGAL)
    stack.up()
    cloud.unshare(image, LEGAL)
    stack.up("--refresh")
    settled(stack, image, a=SALES, b=LEGAL)


@pytest.mark.nightly
def test_destroy_that_runs_the_program_revokes_everything(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """`destroy --run-program` runs the program, which declares nothing for a destroy."""
    stack.shares(image, a=SALES, b=LEGAL)
    stack.up()
    stack.destroy("--run-program")
    assert cloud.shared_with(image) == set()
    assert stack.state() == []


def test_lost_answer_to_a_grant_and_a_revoke(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The same up ends well when AWS did the work and the answer got lost."""
    stack.shares(image, a=SALES)
    cloud.lose_response("UpdateWorkspaceImagePermission", times=1)
    stack.up()
    stack.shares(image, b=LEGAL)
    cloud.lose_response("UpdateWorkspaceImagePermission", times=2)
    stack.up()
    settled(stack, image, b=LEGAL)


@pytest.mark.nightly
def test_delete_before_replace_by_hand(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A forced replacement that deletes first ends with the share there."""
    dbr(stack, image, a=SALES)
    stack.up()
    (entry,) = stack.state()
    stack.up("--replace", entry["urn"])
    settled(stack, image, a=SALES)
