"""`Provider`: the settings that it passes to its process, and the providers that a resource accepts."""

import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pulumi
import pytest
from pulumi import ComponentResource, Output, ProviderResource, ResourceOptions
from pulumi.runtime import MockResourceArgs

from pulumi_workspaces_images import ImageShare, ImageShares, ImageSharesExclusive, Provider, find_images
from pulumi_workspaces_images.configuration.aws import _SUPPORTED, read_aws
from pulumi_workspaces_images.configuration.own import read_own
from pulumi_workspaces_images.errors import ConfigurationError
from pulumi_workspaces_images.lifecycle.command import Command
from tests.unit.helpers import IMAGE, SALES
from tests.unit.programs import run


def declared(program: Callable[[], object], **own: Any) -> dict[str, MockResourceArgs]:
    """Run a program with this configuration of the package; return its resources by name."""
    return {each.name: each for each in run(program, **own)[0].seen}


def test_arguments_become_the_keys_of_the_configuration() -> None:
    """So both are read by the same code, with the same messages."""
    roles = [{"roleArn": "arn:aws:iam::444444444444:role/share"}]

    def program() -> None:
        Provider("europe", region="eu-west-1", assume_roles=roles, max_retries=5, skip_region_validation=True)

    inputs = declared(program)["europe"].inputs
    assert inputs == {
        "aws:region": "eu-west-1",
        "aws:assumeRoles": roles,
        "aws:maxRetries": 5,
        "aws:skipRegionValidation": True,
    }
    read = read_aws(inputs)
    assert (read.region, read.max_retries, read.skip_region_validation) == ("eu-west-1", 5, True)


def test_arguments_are_all_supported_keys() -> None:
    arguments = set(Provider.__init__.__annotations__) - {"resource_name", "opts", "return"}
    assert {name.replace("_", "") for name in arguments} == {key.lower() for key in _SUPPORTED}


@pytest.mark.parametrize(
    "declare",
    [
        lambda opts: ImageShare("s", IMAGE, SALES, opts=opts),
        lambda opts: ImageShare.get("s", f"{IMAGE}/{SALES}", opts=opts),
        lambda opts: ImageShares("s", IMAGE, [SALES], opts=opts),
        lambda opts: ImageSharesExclusive("s", IMAGE, [SALES], opts=opts),
    ],
)
@pytest.mark.parametrize("package", ["aws", "pulumi-python"])
def test_provider_of_another_kind_is_refused(declare: Callable[[ResourceOptions], object], package: str) -> None:
    """The line says to use `Provider`. An inherited provider is refused only if it is one of `pulumi-python`."""
    said = []

    def program() -> None:
        given = ProviderResource(package, "mine")
        parent = ComponentResource("a:b:C", "parent", opts=ResourceOptions(providers=[given]))
        ways = [ResourceOptions(provider=given), ResourceOptions(providers=[given])]
        if package == "pulumi-python":
            ways.append(ResourceOptions(parent=parent))
        for way in ways:
            with pytest.raises(pulumi.RunError) as caught:
                declare(way)
            said.append(str(caught.value))

    run(program)
    assert set(said) == {
        f"the provider 'mine' of package {package!r} cannot share images: give the resource a "
        "pulumi_workspaces_images.Provider"
    }


def test_provider_of_another_package_beside_ours_or_inherited_is_accepted() -> None:
    def program() -> None:
        aws = ProviderResource("aws", "aws")
        ours = Provider("ours", region="eu-west-1")
        parent = ComponentResource("a:b:C", "parent", opts=ResourceOptions(providers=[aws]))
        ImageShare("inherited", IMAGE, SALES, opts=ResourceOptions(parent=parent))
        ImageShares("golden", IMAGE, [SALES], opts=ResourceOptions(providers=[aws, ours]))

    seen = declared(program)
    assert "ours" in str(seen[f"golden-{SALES}"].provider)
    assert not seen["inherited"].provider


def test_guards_of_the_stack_are_sent_with_each_share_of_an_explicit_provider() -> None:
    """The default provider gets them with the stack's configuration."""

    def program() -> None:
        ours = Provider("ours", region="eu-west-1")
        ImageShare("under-ours", IMAGE, SALES, opts=ResourceOptions(provider=ours))
        ImageShare("under-default", "wsi-999999999", SALES)

    seen = declared(program, recheck="warn", allowedAccountIds=f'["{SALES}"]')
    keys = {"workspaces-images:recheck": "warn", "workspaces-images:allowedAccountIds": f'["{SALES}"]'}
    assert json.loads(seen["under-ours"].inputs["_own"]) == keys
    assert seen["under-default"].inputs.get("_own") is None
    assert seen["under-default"].inputs["_own_digest"] == read_own(keys).digest


def test_wrong_guard_is_not_lost_if_a_transformation_moves_the_share_to_another_provider() -> None:
    """A guard that cannot be read refuses, whoever serves the share."""
    hidden = declared(lambda: ImageShare("a", IMAGE, SALES), allowedAccountIds="none")["a"].inputs
    command = Command({"aws:region": "us-east-1"}, project="p", engine=None)
    with pytest.raises(ConfigurationError, match="by a transformation"):
        command.take_own(hidden)


def test_share_that_a_transformation_moves_to_another_provider_is_refused() -> None:
    """The other provider does not know the stack's guards."""
    keys: dict[str, object] = {"workspaces-images:allowedAccountIds": f'["{SALES}"]'}
    for configuration, refused in ((keys, False), ({}, True)):
        command = Command({"aws:region": "us-east-1", **configuration}, project="p", engine=None)
        with pytest.raises(ConfigurationError, match="by a transformation") if refused else nullcontext():
            command.take_own({"_own_digest": read_own(keys).digest, "_preview": False})


def test_share_with_ignore_changes_of_everything_is_refused() -> None:
    """`ignore_changes=["*"]` drops the hidden inputs, which contain the stack's guards."""
    command = Command({"aws:region": "us-east-1"}, project="p", engine=None)
    with pytest.raises(ConfigurationError, match=r"do not reach the provider of this resource.*not \"\*\""):
        command.take_own({})


@pytest.mark.parametrize("given", ["mapping", "two"])
def test_provider_that_pulumi_would_ignore_is_refused(given: str) -> None:
    """Pulumi ignores a name other than the package's, and all but one of several providers."""

    def program() -> None:
        a, b = Provider("a", region="eu-west-1"), Provider("b", region="eu-west-1")
        opts = ResourceOptions(providers={"europe": a} if given == "mapping" else [a, b])
        with pytest.raises(pulumi.RunError, match="providers must be a list with one"):
            ImageShare("s", IMAGE, SALES, opts=opts)
        with pytest.raises(pulumi.RunError, match="providers must be a list with one"):
            ImageShares("s", IMAGE, [SALES], opts=opts)

    run(program)


def test_program_checks_guards_only_if_the_settings_of_the_provider_are_known() -> None:
    """If one of them is an Output, the guards are left to the checks of the shares, and `find_images` is refused."""
    said = []

    def program() -> None:
        unknown = Provider("unknown", region=Output.from_input("eu-west-1"))
        ImageShares("a", IMAGE, ["333333333333"], opts=ResourceOptions(providers=[unknown]))
        with pytest.raises(pulumi.RunError) as caught:
            find_images("golden", provider=unknown)
        said.append(str(caught.value))
        plain = Provider("plain", region="eu-west-1")
        with pytest.raises(pulumi.RunError, match="is not in workspaces-images:allowedAccountIds"):
            ImageShares("b", IMAGE, ["333333333333"], opts=ResourceOptions(providers=[plain]))

    run(program, allowedAccountIds=f'["{SALES}"]')
    assert said == [
        "find_images: provider has arguments that are Outputs, which have no value while the program runs: pass "
        "plain values"
    ]


def test_second_provider_on_windows_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Provider processes cannot share their record of an update there, so the warning says what to avoid."""
    said: list[str] = []
    monkeypatch.setattr("pulumi_workspaces_images.resources.explicit_provider.SHARED", False)
    monkeypatch.setattr("pulumi.log.warn", said.append)
    run(lambda: Provider("europe", region="eu-west-1"))
    (warning,) = said
    assert "do not rename a share and move it to another provider in the same update" in warning


@pytest.mark.parametrize("key", ["requireOrganisation", "allowedAccountIds[0]"])
def test_misspelt_guard_if_every_share_has_a_provider(key: str) -> None:
    """The key is refused, although no provider gets the stack's configuration."""

    def program() -> None:
        ours = Provider("ours", region="eu-west-1")
        ImageShare("share", IMAGE, SALES, opts=ResourceOptions(provider=ours))
        ImageSharesExclusive("only", IMAGE, [SALES], opts=ResourceOptions(provider=ours))
        with pytest.raises(pulumi.RunError, match=re.escape(f"workspaces-images:{key}")):
            ImageShares("golden", IMAGE, [SALES], opts=ResourceOptions(providers=[ours]))

    seen = declared(program, **{key: "true"})
    for name in ("share", "only"):
        command = Command({"aws:region": "eu-west-1"}, project="p", engine=None)
        with pytest.raises(ConfigurationError, match=re.escape(f"workspaces-images:{key}")):
            command.take_own(seen[name].inputs)
