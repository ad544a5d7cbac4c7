"""Law 1: whatever one update changes, no declared share is lost and no undeclared share is left."""

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
    """Resources are renamed, swapped or doubled without an alias. Then exactly the declared shares exist.

    `PULUMI_PARALLEL_DIFF` only changes the order of the calls.
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
    """With a new parent the share becomes a new resource, and stays shared."""
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


def delete_first(stack: Stack, image: str, **accounts: str) -> None:
    """Set the program to shares with `accounts`, one after the other, each deleted before it is replaced."""
    lines = ["previous = []"]
    for name, account in accounts.items():
        lines.append(
            f"previous = [ImageShare({name!r}, image_id={image!r}, shared_account_id={account!r}, "
            "opts=ResourceOptions(delete_before_replace=True, depends_on=previous))]"
        )
    stack.program("\n".join(lines))


SWAPPED = ({"a": SALES, "b": LEGAL}, {"a": LEGAL, "b": SALES})
# The first is deleted, and its share revoked, before the second, which also declares the share, is checked.
FIRST_CHANGED = ({"a": SALES, "b": SALES}, {"a": LEGAL, "b": SALES})


@pytest.mark.parametrize(
    ("before", "after", "recheck"), nightly_but_first([(*SWAPPED, "strict"), (*FIRST_CHANGED, "off")])
)
def test_delete_before_replace(
    stack: Stack, image: str, before: dict[str, str], after: dict[str, str], recheck: str
) -> None:
    """No share is lost if a delete runs before later checks, whatever `recheck` is."""
    stack.configuration["workspaces-images:recheck"] = recheck
    delete_first(stack, image, **before)
    stack.up()
    delete_first(stack, image, **after)
    run = stack.up()
    assert "revoked outside Pulumi" not in run.output
    settled(stack, image, **after)


def test_failed_grant_after_a_rename_keeps_the_old_resource(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """With --continue-on-error the old resource stays in the state if the new one could not take over the share."""
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
def test_failed_dependency_after_a_rename_keeps_the_share(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A renamed share whose dependency failed is still shared after the next up."""
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
    """Refuse every revoke, and let grants take effect."""
    if call.operation == "UpdateWorkspaceImagePermission" and not call.parameters["AllowCopyImage"]:
        raise AwsError("OperationNotSupportedException", "Not now.", 400)
    return proceed()


def test_interrupted_replacement_resumes(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The next up completes a replacement whose deletion failed, even if another resource now declares its account."""
    stack.shares(image, a=SALES, b=LEGAL)
    stack.up()
    stack.shares(image, a=FINANCE, b=LEGAL)
    cloud.interceptors.append(refuse_to_revoke)
    stack.up(ok=False)
    cloud.interceptors.remove(refuse_to_revoke)
    assert cloud.shared_with(image) == {SALES, LEGAL, FINANCE}
    # The deletion of the old SALES is still pending, and another resource now declares it.
    stack.shares(image, a=FINANCE, b=LEGAL, c=SALES)
    stack.up()
    settled(stack, image, a=FINANCE, b=LEGAL, c=SALES)


def test_up_with_refresh_revokes_what_is_no_longer_declared(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """`up --refresh` also reads shares that are no longer declared. That does not declare them."""
    stack.shares(image, a=SALES, b=LEGAL)
    stack.up()
    stack.shares(image, a=SALES)
    stack.up("--refresh")
    settled(stack, image, a=SALES)


@pytest.mark.nightly
def test_destroy_that_runs_the_program_revokes_everything(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """`destroy --run-program` runs the program, but its declarations do not keep shares."""
    stack.shares(image, a=SALES, b=LEGAL)
    stack.up()
    stack.destroy("--run-program")
    assert cloud.shared_with(image) == set()
    assert stack.state() == []
