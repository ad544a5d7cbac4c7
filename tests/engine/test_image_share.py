"""One share through its life, as the user sees it."""

from pathlib import Path

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, OWNER, REGION, SALES, Stack


def test_preview_up_and_destroy(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Up grants the share and records it in the state, and destroy revokes it."""
    stack.shares(image, sales=SALES)
    assert stack.preview().counts["create"] == 2  # the stack itself is one
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    (entry,) = stack.state()
    assert entry["id"] == f"{image}/{SALES}"
    assert {k: v for k, v in entry["outputs"].items() if k != "__provider"} == {
        "image_id": image,
        "shared_account_id": SALES,
        "region": REGION,
        "owner_account_id": OWNER,
    }
    stack.destroy()
    assert cloud.shared_with(image) == set()


@pytest.mark.nightly
def test_preview_writes_nothing(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """This holds for a new share, drift, a removal, a replacement, a refresh and a destroy."""
    stack.shares(image, sales=SALES, legal=LEGAL)
    stack.preview()
    assert cloud.writes() == []
    stack.up()
    cloud.unshare(image, SALES)
    cloud.forget_calls()
    stack.preview()
    stack.shares(image, sales=LEGAL)
    stack.preview()
    stack.run("refresh", "--preview-only")
    stack.run("destroy", "--preview-only")
    assert cloud.writes() == []


@pytest.mark.nightly
def test_drift(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The preview names a share that was revoked outside Pulumi, up grants it again, and the next preview is clean."""
    stack.shares(image, sales=SALES, legal=LEGAL)
    stack.up()
    cloud.unshare(image, SALES)
    run = stack.preview()
    assert run.counts == {"update": 1, "same": 2}
    assert run.line("warning:", image, SALES, REGION, "revoked outside Pulumi")
    assert LEGAL not in run.output
    stack.up()
    assert cloud.shared_with(image) == {SALES, LEGAL}
    assert stack.preview().clean


def test_preview_fails_if_the_image_is_gone(stack: Stack, cloud: LocalCloud, image: str) -> None:
    stack.shares(image, sales=SALES)
    stack.up()
    cloud.remove_image(image)
    run = stack.preview(ok=False)
    assert run.line(image, "was not found in us-east-1", OWNER)


@pytest.mark.nightly
def test_owner_can_destroy_a_share_whose_image_is_gone(stack: Stack, cloud: LocalCloud, image: str) -> None:
    stack.shares(image, sales=SALES)
    stack.up()
    cloud.remove_image(image)
    stack.destroy()
    assert stack.state() == []


def test_refresh_by_the_owner_drops_a_share_whose_image_is_gone(stack: Stack, cloud: LocalCloud, image: str) -> None:
    stack.shares(image, sales=SALES)
    stack.up()
    cloud.remove_image(image)
    stack.refresh()
    assert stack.state() == []


@pytest.mark.nightly
def test_refresh_drops_a_missing_share_and_up_creates_it_again(stack: Stack, cloud: LocalCloud, image: str) -> None:
    stack.shares(image, sales=SALES, legal=LEGAL)
    stack.up()
    cloud.unshare(image, SALES)
    assert stack.refresh().line("warning: the share was revoked outside Pulumi")
    assert stack.declared() == {"legal": LEGAL}
    assert stack.up().counts["create"] == 1
    assert cloud.shared_with(image) == {SALES, LEGAL}


@pytest.mark.nightly
def test_refresh_of_an_existing_share_changes_nothing(stack: Stack, image: str) -> None:
    """It keeps all outputs."""
    stack.shares(image, sales=SALES)
    stack.up()
    before = stack.state()[0]["outputs"]
    assert stack.refresh("--expect-no-changes").clean
    assert stack.state()[0]["outputs"] == before
    assert stack.preview().clean


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


@pytest.mark.nightly
def test_two_regions_in_one_stack(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The argument `region` of a share takes precedence over the configuration."""
    irish = cloud.create_image(region="eu-west-1")
    stack.program(
        f"""
        ImageShare("here", image_id={image!r}, shared_account_id={SALES!r})
        ImageShare("there", image_id={irish!r}, shared_account_id={SALES!r}, region="eu-west-1")
        """
    )
    stack.up()
    assert cloud.shared_with(image) == cloud.shared_with(irish) == {SALES}
    assert {e["outputs"]["region"] for e in stack.state()} == {"us-east-1", "eu-west-1"}
    assert stack.preview().clean


@pytest.mark.nightly
def test_region_from_the_environment(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """Without argument and configuration AWS_REGION is used, and the state names the Region."""
    del stack.configuration["aws:region"]
    stack.environment["AWS_REGION"] = REGION
    stack.shares(image, sales=SALES)
    stack.up()
    assert stack.state()[0]["outputs"]["region"] == REGION


@pytest.mark.nightly
def test_existing_share_is_adopted(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """A share that was granted by hand becomes a resource without an error."""
    cloud.share(image, SALES)
    stack.shares(image, sales=SALES)
    stack.up()
    assert cloud.shared_with(image) == {SALES}
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


def test_get_of_a_share_that_does_not_exist_is_an_error(stack: Stack, image: str) -> None:
    """The preview fails in one line."""
    stack.program(f'ImageShare.get("sales", "{image}/{SALES}")')
    run = stack.preview(ok=False)
    assert run.line("error:", image, SALES, REGION, "not shared")


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


@pytest.mark.nightly
def test_role_assumed_by_configuration(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """With `aws:assumeRoles` another account's caller acts as the owner, and the share's state entry has no role."""
    stack.credentials("999999999999")
    cloud.allow_only(["sts:AssumeRole"], account="999999999999")
    stack.configuration["aws:assumeRoles"] = [{"roleArn": f"arn:aws:iam::{OWNER}:role/images"}]
    stack.shares(image, sales=SALES)
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    (entry,) = stack.state()
    assert entry["outputs"]["owner_account_id"] == OWNER
    assert "role/images" not in str(entry)


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


@pytest.mark.nightly
def test_package_does_not_import_pulumi_aws(stack: Stack, cloud: LocalCloud, image: str, tmp_path: Path) -> None:
    stack.program(
        f"""
        import sys
        ImageShare("sales", image_id={image!r}, shared_account_id={SALES!r})
        pulumi.export("imported", "pulumi_aws" in sys.modules)
        """
    )
    stack.up()
    assert stack.output("imported") is False
