"""One share through its life, as the user sees it."""

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, OWNER, REGION, SALES, Stack


def test_preview_up_and_destroy(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Up grants the share, and destroy revokes it. test_state.py looks at the whole entry in the state."""
    stack.shares(image, sales=SALES)
    assert stack.preview().counts["create"] == 2  # the stack itself is one
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    (entry,) = stack.state()
    assert entry["id"] == f"{image}/{SALES}"
    stack.destroy()
    assert cloud.shared_with(image) == set()


def test_changed_account_replaces_the_share(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Up grants the new share first, then revokes the old one."""
    stack.shares(image, sales=SALES)
    stack.up()
    stack.shares(image, sales=LEGAL)
    assert stack.preview().counts["replace"] == 1
    cloud.forget_calls()
    stack.up()
    assert cloud.shared_with(image) == {LEGAL}
    assert [(w.parameters["SharedAccountId"], w.parameters["AllowCopyImage"]) for w in cloud.writes()] == [
        (LEGAL, True),
        (SALES, False),
    ]
    assert stack.preview().clean


def test_get_reads_an_existing_share_and_never_touches_it(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """`get` returns all outputs, and up, refresh and destroy do not change the share."""
    cloud.share(image, SALES)
    stack.program(
        f"""
        got = ImageShare.get("sales", "{image}/{SALES}")
        pulumi.export("share", [got.id, got.image_id, got.shared_account_id, got.region, got.owner_account_id])
        """
    )
    stack.up()
    assert stack.output("share") == [f"{image}/{SALES}", image, SALES, REGION, OWNER]
    stack.refresh()
    assert stack.preview().clean
    stack.destroy()
    assert cloud.writes() == []
    assert cloud.shared_with(image) == {SALES}


def test_account_that_is_unknown_at_preview(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The account is an output of a new resource: the preview succeeds, and up shares the image with it."""
    stack.program(
        f"""
        class Accounts(pulumi.dynamic.ResourceProvider):
            def create(self, props):
                return pulumi.dynamic.CreateResult("made", {{"account_id": {SALES!r}}})

        class Account(pulumi.dynamic.Resource):
            account_id: pulumi.Output[str]

        account = Account(Accounts(), "account", {{"account_id": None}})
        ImageShare("sales", image_id={image!r}, shared_account_id=account.account_id)
        """
    )
    assert stack.preview().counts["create"] == 3
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    assert stack.preview().clean


def test_share_that_was_never_declared_is_not_touched(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Up, refresh and destroy leave it."""
    cloud.share(image, LEGAL)
    stack.shares(image, sales=SALES)
    stack.up()
    stack.refresh()
    stack.destroy()
    assert cloud.shared_with(image) == {LEGAL}


def test_images_of_a_program_need_one_call_together(stack: Stack, cloud: LocalCloud) -> None:
    """One call describes all images. An image's shares are listed once, or not at all if all of them are new."""
    images = [cloud.create_image() for _ in range(3)]
    stack.program(
        f"""
        for label, account in {{"sales": "{SALES}", "legal": "{LEGAL}"}}.items():
            for number, image in enumerate({images}):
                ImageShare(f"{{label}}-{{number}}", image_id=image, shared_account_id=account)
        """
    )
    stack.up()
    described, listed = "DescribeWorkspaceImages", "DescribeWorkspaceImagePermissions"
    assert (cloud.count(described), cloud.count(listed), len(cloud.writes())) == (1, 0, 6)
    cloud.forget_calls()
    assert stack.preview().clean
    assert (cloud.count(described), cloud.count(listed)) == (1, 3)
    assert not any("_images" in {**share["inputs"], **share["outputs"]} for share in stack.state())
