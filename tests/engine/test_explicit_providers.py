"""`Provider`: several owners and Regions in one stack, with the same guards, and providers that are refused."""

import json

import pytest

from local.cloud import LocalCloud
from tests.engine.harness import LEGAL, OWNER, SALES, Stack

OTHER_OWNER = "444444444444"
EUROPE = "eu-west-1"


def provider(cloud: LocalCloud, name: str, account: str, region: str) -> str:
    """Return the line of a program that creates a provider and assigns it to a variable of the same name."""
    keys = cloud.credentials(account)
    return (
        f"{name} = Provider({name!r}, region={region!r}, access_key={keys['AWS_ACCESS_KEY_ID']!r}, "
        f"secret_key={keys['AWS_SECRET_ACCESS_KEY']!r}, "
        f"endpoints=[{{'workspaces': {cloud.url!r}}}, {{'sts': {cloud.url!r}}}, {{'organizations': {cloud.url!r}}}])\n"
    )


@pytest.fixture
def images(cloud: LocalCloud, image: str) -> dict[str, str]:
    """Return an image of the stack's caller, and one of another owner in another Region."""
    return {"own": image, "other": cloud.create_image(OTHER_OWNER, EUROPE)}


def test_two_owners_and_two_regions_in_one_stack(stack: Stack, cloud: LocalCloud, images: dict[str, str]) -> None:
    """Up, drift, refresh and destroy act as the owner of each image, even without the program."""
    program = (
        provider(cloud, "europe", OTHER_OWNER, EUROPE)
        + f"ImageShare('sales', {images['own']!r}, {SALES!r})\n"
        + f"golden = ImageShares('golden', {images['other']!r}, {{'legal': {LEGAL!r}}}, exclusive=True,\n"
        + "    opts=ResourceOptions(providers=[europe]))\n"
        + f"found = find_images('*', provider=europe)\nassert [i.image_id for i in found] == [{images['other']!r}]\n"
        + "pulumi.export('owner', golden.shares['legal'].owner_account_id)\n"
    )
    stack.program(program)
    stack.up()
    assert (cloud.shared_with(images["own"]), cloud.shared_with(images["other"])) == ({SALES}, {LEGAL})
    assert stack.output("owner") == OTHER_OWNER
    (inputs,) = (
        resource["inputs"]
        for resource in json.loads(stack.run("stack", "export").output)["deployment"]["resources"]
        if resource["urn"].endswith("::europe")
    )
    assert {name for name, value in inputs.items() if isinstance(value, dict)} == {"aws:accessKey", "aws:secretKey"}
    assert "local" not in str(inputs["aws:secretKey"])
    assert stack.preview().clean
    cloud.unshare(images["other"], LEGAL)
    drifted = stack.preview()
    assert drifted.line("warning:", images["other"], "is no longer shared", EUROPE)
    stack.up()
    stack.refresh()
    read = f"ImageShare.get('read', '{images['other']}/{LEGAL}', opts=ResourceOptions(provider=europe))\n"
    stack.program(f"{program}{read}")
    assert stack.preview().counts["same"]
    stack.destroy()
    assert (cloud.shared_with(images["own"]), cloud.shared_with(images["other"])) == (set(), set())


def test_allowed_accounts_hold_under_every_provider(stack: Stack, cloud: LocalCloud, images: dict[str, str]) -> None:
    """Up refuses an account that `allowedAccountIds` does not contain (case 4)."""
    stack.configuration["workspaces-images:allowedAccountIds"] = [SALES]
    component = "component = pulumi.ComponentResource('a:b:C', 'c', opts=ResourceOptions(providers=[europe]))\n"
    stack.program(
        provider(cloud, "europe", OTHER_OWNER, EUROPE)
        + component
        + f"ImageShare('legal', {images['other']!r}, {LEGAL!r}, opts=ResourceOptions(parent=component))"
    )
    run = stack.up(ok=False)
    assert run.line("legal", f"account {LEGAL} is not in workspaces-images:allowedAccountIds")
    assert cloud.shared_with(images["other"]) == set()


@pytest.mark.nightly
def test_provider_works_if_default_providers_are_disabled(
    stack: Stack, cloud: LocalCloud, images: dict[str, str]
) -> None:
    stack.configuration["pulumi:disable-default-providers"] = ["*"]
    stack.program(
        provider(cloud, "europe", OTHER_OWNER, EUROPE)
        + f"ImageShare('sales', {images['other']!r}, {SALES!r}, opts=ResourceOptions(provider=europe))"
    )
    stack.up()
    assert cloud.shared_with(images["other"]) == {SALES}
    stack.destroy()
    assert cloud.shared_with(images["other"]) == set()


def test_share_that_moves_to_another_provider_is_never_revoked(
    stack: Stack, cloud: LocalCloud, images: dict[str, str]
) -> None:
    providers = provider(cloud, "one", OTHER_OWNER, EUROPE) + provider(cloud, "two", OTHER_OWNER, EUROPE)
    share = f"ImageShare('sales', {images['other']!r}, {SALES!r}, opts=ResourceOptions(provider=%s))"
    stack.program(providers + share % "one")
    stack.up()
    cloud.forget_calls()
    stack.program(providers + share % "two")
    stack.up()
    assert all(write.parameters["AllowCopyImage"] for write in cloud.writes())
    assert cloud.shared_with(images["other"]) == {SALES}


@pytest.mark.nightly
def test_settings_that_are_unknown_at_preview(stack: Stack, cloud: LocalCloud, images: dict[str, str]) -> None:
    """The preview checks nothing, as the how-to page says, and the update checks the guards."""
    stack.configuration["workspaces-images:allowedAccountIds"] = [SALES]
    stack.program(
        f"""
        class Regions(pulumi.dynamic.ResourceProvider):
            def create(self, props):
                return pulumi.dynamic.CreateResult("made", {{"region": {EUROPE!r}}})

        class Region(pulumi.dynamic.Resource):
            region: pulumi.Output[str]
            def __init__(self):
                super().__init__(Regions(), "region", {{"region": None}})

        endpoints = [{{"workspaces": {cloud.url!r}}}, {{"sts": {cloud.url!r}}}]
        europe = Provider("europe", region=Region().region, endpoints=endpoints)
        ImageShare("legal", {images["other"]!r}, {LEGAL!r}, opts=ResourceOptions(provider=europe))
        """
    )
    assert "legal" in stack.preview().output
    run = stack.up(ok=False)
    assert run.line("legal", f"account {LEGAL} is not in")
    assert cloud.shared_with(images["other"]) == set()


def test_other_providers_are_refused_in_one_line(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """The line names what to use instead (case 5)."""
    stack.program(
        f"""
        mine = pulumi.ProviderResource("pulumi-python", "mine", {{}})
        ImageShare("sales", {image!r}, {SALES!r}, opts=ResourceOptions(provider=mine))
        """
    )
    run = stack.preview(ok=False)
    assert run.line("error:", "the provider 'mine'", "give the resource a pulumi_workspaces_images.Provider")
    assert "Traceback" not in run.output
    assert cloud.shared_with(image) == set()


@pytest.mark.nightly
def test_state_of_a_bare_provider_moves_to_a_provider(stack: Stack, cloud: LocalCloud, image: str) -> None:
    """0.1.0 accepted bare providers. Refresh still works there, and moving to a `Provider` loses no share."""
    bare = f"""
        from pulumi import ProviderResource
        from pulumi_workspaces_images.resources import explicit_provider
        explicit_provider.Provider = ProviderResource  # as in 0.1.0, which refused no provider
        ProviderResource.plain_settings = None
        settings = {{"aws:region": "us-east-1", "aws:endpoints": {cloud.endpoints!r}}}
        mine = ProviderResource("pulumi-python", "mine", settings)
        ImageShare("sales", {image!r}, {SALES!r}, opts=ResourceOptions(provider=mine))
        """
    stack.program(bare)
    stack.up()
    stack.refresh()
    stack.program(
        provider(cloud, "ours", OWNER, "us-east-1")
        + f"ImageShare('renamed', {image!r}, {SALES!r}, opts=ResourceOptions(provider=ours))"
    )
    stack.up()
    assert cloud.shared_with(image) == {SALES}
    stack.destroy()
    assert cloud.shared_with(image) == set()


@pytest.mark.nightly
def test_share_that_ignores_all_changes_is_guarded(stack: Stack, cloud: LocalCloud, images: dict[str, str]) -> None:
    """`ignore_changes=["*"]` keeps only the arguments of a share, and not its guards."""
    program = (
        provider(cloud, "europe", OTHER_OWNER, EUROPE)
        + f"ImageShare('legal', {images['other']!r}, {LEGAL!r}, "
        + "opts=ResourceOptions(provider=europe, ignore_changes=['*']))\n"
    )
    stack.program(program)
    stack.up()
    stack.configuration["workspaces-images:allowedAccountIds"] = [SALES]
    cloud.unshare(images["other"], LEGAL)
    assert stack.preview(ok=False).line(LEGAL, "workspaces-images:allowedAccountIds")
    stack.up(ok=False)
    assert cloud.shared_with(images["other"]) == set()


@pytest.mark.nightly
def test_transformation_that_drops_the_guards_of_a_share_is_refused(
    stack: Stack, cloud: LocalCloud, images: dict[str, str]
) -> None:
    """With `ignore_changes=["*"]` in a transformation, no existing share is told of the stack's own keys."""
    stack.program(
        "pulumi.runtime.register_stack_transformation(lambda args: pulumi.ResourceTransformationResult("
        "args.props, ResourceOptions.merge(args.opts, ResourceOptions(ignore_changes=['*']))))\n"
        + provider(cloud, "europe", OTHER_OWNER, EUROPE)
        + f"ImageShare('legal', {images['other']!r}, {LEGAL!r}, opts=ResourceOptions(provider=europe))\n"
    )
    stack.up()
    stack.configuration["workspaces-images:allowedAccountIds"] = [SALES]
    assert stack.preview(ok=False).line("workspaces-images:...", 'not "*"')
    stack.destroy()
    assert cloud.shared_with(images["other"]) == set()
