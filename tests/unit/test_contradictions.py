"""A program that contradicts itself, under Pulumi's mocks (with the engine: tests/engine/test_contradictions.py)."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi import Output, ResourceOptions

from pulumi_workspaces_images import ImageShare, ImageSharesExclusive, Provider
from pulumi_workspaces_images.resources.program import spelled_out
from tests.unit.helpers import IMAGE, LEGAL, REGION, SALES
from tests.unit.programs import run


@pytest.mark.parametrize("accounts", [{"sales": SALES}.values(), {SALES}, iter([SALES])])
def test_accounts_that_are_no_list_are_refused(accounts: Any) -> None:
    """The SDK would end in a traceback of forty lines."""
    with pytest.raises(
        pulumi.RunError, match=r"^ImageSharesExclusive 'only': shared_account_ids must be a list .*type"
    ):
        run(lambda: ImageSharesExclusive("only", IMAGE, accounts))


@pytest.mark.parametrize(("of_the_list", "of_the_share"), [(None, REGION), (REGION, None)])
def test_contradiction_is_found_if_only_one_of_the_two_names_its_region(
    of_the_list: str | None, of_the_share: str | None
) -> None:
    """The other one may be in the same Region. Resources that name two Regions do not contradict each other."""
    with pytest.raises(pulumi.RunError, match="not on the list of its ImageSharesExclusive"):
        run(
            lambda: (
                ImageSharesExclusive("only", IMAGE, [SALES], region=of_the_list),
                ImageShare("legal", IMAGE, LEGAL, region=of_the_share),
            )
        )
    run(
        lambda: (
            ImageSharesExclusive("only", IMAGE, [SALES], region=REGION),
            ImageShare("legal", IMAGE, LEGAL, region="eu-west-1"),
        )
    )


def test_list_whose_changes_are_ignored_contradicts_nothing() -> None:
    """The engine may use the list of the state instead of the declared one."""
    ignored = ResourceOptions(ignore_changes=["shared_account_ids"])
    run(
        lambda: (
            ImageShare("legal", IMAGE, LEGAL),
            ImageSharesExclusive("only", IMAGE, [Output.from_input(SALES)], opts=ignored),
        )
    )


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["*"], ["image_id", "region"]),
        (["*", "tags"], ["image_id", "region", "tags"]),
        (["_own", "region"], ["region"]),
        (["region"], ["region"]),
        (None, None),
    ],
)
def test_hidden_inputs_are_never_ignored(given: list[str] | None, left: list[str] | None) -> None:
    """Without them the provider would not know the package's own keys of the stack configuration."""
    opts = ResourceOptions(ignore_changes=given, protect=True)
    made = spelled_out(opts, "image_id", "region")
    assert made
    assert (made.ignore_changes, made.protect) == (left, True)
    assert opts.ignore_changes == given


def test_region_of_the_configuration_counts_in_a_contradiction() -> None:
    """It is that of the stack or of a Provider. In tests, images of two Regions may have the same id."""
    europe: list[Provider] = []

    def program() -> None:
        pulumi.runtime.set_all_config({"aws:region": REGION}, [])
        europe.append(Provider("europe", region="eu-west-1"))
        ImageSharesExclusive("only", IMAGE, [SALES], region="ap-south-1")
        ImageSharesExclusive("own", IMAGE, [SALES])
        ImageShare("legal", IMAGE, LEGAL, opts=ResourceOptions(provider=europe[0]))

    run(program)

    def contradiction() -> None:
        pulumi.runtime.set_all_config({"aws:region": REGION}, [])
        ImageSharesExclusive("only", IMAGE, [SALES], region=REGION)
        ImageShare("legal", IMAGE, LEGAL)

    with pytest.raises(pulumi.RunError, match=f"in {REGION} with {LEGAL}"):
        run(contradiction)


async def later(value: Any) -> Any:
    return value


def of_a_list_and_a_share(accounts: Callable[[], Any], account: Callable[[], Any]) -> list[Callable[[], Any]]:
    return [lambda: ImageSharesExclusive("only", IMAGE, accounts()), lambda: ImageShare("legal", IMAGE, account())]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "declare",
    [
        of_a_list_and_a_share(lambda: [SALES], lambda: later(LEGAL)),
        of_a_list_and_a_share(lambda: [later(SALES)], lambda: LEGAL),
        of_a_list_and_a_share(lambda: later([SALES]), lambda: LEGAL),
    ],
    ids=["account of the share", "account of the list", "the list"],
)
def test_contradiction_is_found_in_the_result_of_a_coroutine(declare: list[Callable[[], Any]], order: int) -> None:
    """Pulumi accepts a coroutine wherever it accepts an Output."""
    with pytest.raises(pulumi.RunError, match="not on the list of its ImageSharesExclusive"):
        run(lambda: [each() for each in declare[::order]])
