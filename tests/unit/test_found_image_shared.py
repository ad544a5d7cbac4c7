"""A share takes a `FoundImage` instead of an id, and gets its image and Region from it."""

import re
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from pulumi_workspaces_images import FoundImage, ImageShare, ImageShares, ImageSharesExclusive
from pulumi_workspaces_images.resources.found_images import id_and_region
from tests.unit.helpers import IMAGE, SALES, UNKNOWN
from tests.unit.programs import EXCLUSIVE, SHARE, run

IRELAND = "eu-west-1"
FOUND = FoundImage(IMAGE, "golden-2026-11", None, IRELAND)

Declare = Callable[..., Any]
DECLARE: dict[str, Declare] = {
    SHARE: lambda image, region=None: ImageShare("a", image, SALES, region),
    "ImageShares": lambda image, region=None: ImageShares("a", image, {"sales": SALES}, region=region),
    EXCLUSIVE: lambda image, region=None: ImageSharesExclusive("a", image, [SALES], region=region),
}
by_each = pytest.mark.parametrize(
    "declare", DECLARE.values(), ids=["ImageShare", "ImageShares", "ImageSharesExclusive"]
)


@pytest.fixture(autouse=True)
def _quiet(quiet_environment: None) -> None: ...


def registered(program: Callable[[], Any], preview: bool = False) -> dict[str, Any]:
    """Run a program of one resource; return its inputs."""
    recorder, _ = run(program, preview)
    ((resource,),) = (list((recorder.of(SHARE) | recorder.of(EXCLUSIVE)).values()),)
    return resource.inputs


def refused(program: Callable[[], Any], preview: bool = False) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        run(program, preview)
    assert str(caught.value).isprintable()
    return str(caught.value)


@by_each
def test_found_image_sets_image_and_region(declare: Declare) -> None:
    inputs = registered(lambda: declare(FOUND))
    assert (inputs["image_id"], inputs["region"]) == (IMAGE, IRELAND)


@by_each
@pytest.mark.parametrize("region", [IRELAND, "", None, pulumi.Output.from_input])
def test_region_of_the_found_image_may_be_repeated(declare: Declare, region: Any) -> None:
    inputs = registered(lambda: declare(FOUND, region(IRELAND) if callable(region) else region))
    assert (inputs["image_id"], inputs["region"]) == (IMAGE, IRELAND)


@by_each
def test_found_image_in_an_output(declare: Declare) -> None:
    """It sets image and Region once it is known."""
    inputs = registered(lambda: declare(pulumi.Output.from_input(FOUND)))
    assert (inputs["image_id"], inputs["region"]) == (IMAGE, IRELAND)
    inputs = registered(lambda: declare(pulumi.Output.from_input(FOUND), IRELAND))
    assert (inputs["image_id"], inputs["region"]) == (IMAGE, IRELAND)


@by_each
@pytest.mark.parametrize("region", [None, IRELAND])
def test_id_in_an_output_sets_no_region(declare: Declare, region: str | None) -> None:
    """The Region is the argument, also if the id is unknown at preview."""
    inputs = registered(lambda: declare(pulumi.Output.from_input(IMAGE), region), preview=True)
    assert (inputs["image_id"], inputs.get("region")) == (IMAGE, region)
    inputs = registered(lambda: declare(pulumi.Output.from_input(UNKNOWN), region), preview=True)
    assert isinstance(inputs["image_id"], pulumi.output.Unknown)
    assert inputs.get("region") == region


@by_each
def test_image_in_a_coroutine(declare: Declare) -> None:
    async def later() -> FoundImage:
        return FOUND

    inputs = registered(lambda: declare(later()))
    assert (inputs["image_id"], inputs["region"]) == (IMAGE, IRELAND)


@by_each
@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("unknown", [None, "image", "region"])
def test_other_region_is_refused(declare: Declare, preview: bool, unknown: str | None) -> None:
    """The line says to remove the region. If image or region is an Output, it is refused once it is known."""

    def program() -> Any:
        image = pulumi.Output.from_input(FOUND) if unknown == "image" else FOUND
        return declare(image, pulumi.Output.from_input("us-east-1") if unknown == "region" else "us-east-1")

    assert re.search(r"^(ImageShare|ImageShares|ImageSharesExclusive) 'a(-sales)?': ", refused(program, preview))
    assert refused(program, preview).endswith("': region is not the Region where the image was found: remove region")


@by_each
def test_list_of_found_images_is_refused(declare: Declare) -> None:
    """The line says to pass one image, for users who forget the `[0]` after `find_images`."""
    assert refused(lambda: declare([FOUND])).endswith(
        "'a': image_id is a list: pass one image, e.g. the newest, which find_image returns"
    )


def test_region_of_a_secret_found_image_is_secret() -> None:
    """A region argument next to a secret id is not secret."""

    def program() -> pulumi.Output[Any]:
        secret: dict[str, Any] = {"found": pulumi.Output.secret(FOUND), "id": pulumi.Output.secret(IMAGE)}
        asked = {name: id_and_region("a", image, IRELAND) for name, image in secret.items()}
        return pulumi.Output.all(
            **{f"{name} {n}": _secret(v) for name, two in asked.items() for n, v in enumerate(two)}
        )

    _, (secret,) = run(program)
    assert secret == {"found 0": True, "found 1": True, "id 0": True, "id 1": False}


def _secret(value: Any) -> Any:
    return value.is_secret()


def test_share_of_a_found_image_contradicts_an_exclusive_list() -> None:
    """It is refused like a share of the image's id."""

    def program() -> None:
        ImageSharesExclusive("only", FOUND, [])
        ImageShare("sales", FOUND, SALES)

    assert f"an ImageShare shares image {IMAGE} in {IRELAND} with {SALES}" in refused(program)
