"""An account id that is a number (case 16). `pulumi config set --path` stores one unless the id begins with 0."""

import functools
import math
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images import ImageShare, ImageShares, ImageSharesExclusive
from pulumi_workspaces_images.share import as_account_id
from tests.unit.helpers import IMAGE, LEGAL, REGION, SALES, UNKNOWN, Command, found, state
from tests.unit.programs import EXCLUSIVE, SHARE, Recorder, run

NUMBER = int(SALES)


@pytest.fixture(autouse=True)
def _quiet(quiet_environment: None) -> None: ...


@pytest.mark.parametrize("value", [NUMBER, float(NUMBER)])
def test_whole_number_of_12_digits_is_an_account_id(value: object) -> None:
    assert as_account_id(value) == SALES
    assert as_account_id(100000000000) == "100000000000"
    assert as_account_id(999999999999) == "999999999999"


@pytest.mark.parametrize(
    "value",
    [
        *(99999999999, 1000000000000, -NUMBER, NUMBER + 0.5, math.nan, math.inf, True, None),
        *(SALES, "", [NUMBER], UNKNOWN),
    ],
)
def test_any_other_value_is_returned_unchanged(value: object) -> None:
    assert as_account_id(value) is value


# In the provider.


def news(image: str, **more: Any) -> dict[str, Any]:
    return {"image_id": image, "shared_account_id": float(NUMBER), "region": REGION, "__provider": "reference", **more}


def test_share_of_a_number_is_stored_as_a_string(cloud: LocalCloud, image: str) -> None:
    """After the update, a diff finds no change."""
    command = Command(cloud)
    result = command.provider.check({}, news(image))
    assert found(result) == []
    assert result.inputs == {"image_id": image, "shared_account_id": SALES, "region": REGION}
    made = command.provider.create(result.inputs)
    assert made.outs
    assert (made.id, made.outs["shared_account_id"]) == (f"{image}/{SALES}", SALES)
    again = command.provider.check(made.outs, news(image))
    assert not command.provider.diff(made.id, made.outs, again.inputs).changes


def test_allowed_accounts_are_compared_with_the_string(cloud: LocalCloud, image: str) -> None:
    for allowed in (f'["{SALES}"]', f"[{SALES}]"):
        command = Command(cloud, own={"allowedAccountIds": allowed})
        assert found(command.provider.check({}, news(image))) == []
    ((name, reason),) = found(command.provider.check({}, news(image, shared_account_id=float(LEGAL))))
    assert (name, reason.startswith(f"account {LEGAL} is not in")) == ("shared_account_id", True)


def test_exclusive_list_of_numbers_is_stored_as_strings(cloud: LocalCloud, image: str) -> None:
    """It is unchanged compared with the same list of strings, and shares of its accounts do not contradict it."""
    command = Command(cloud)
    exclusive = {
        "image_id": image,
        "shared_account_ids": [float(NUMBER), LEGAL],
        "report_only": False,
        "region": REGION,
    }
    result = command.exclusive.check({}, exclusive)
    assert found(result) == []
    assert result.inputs["shared_account_ids"] == [SALES, LEGAL]
    assert found(command.provider.check({}, news(image))) == []
    assert not command.exclusive.diff(image, {**result.inputs, "owner_account_id": "x"}, result.inputs).changes


# In the program.


def component(accounts: Any, exclusive: bool = False, **own: Any) -> Recorder:
    """Run a program with one component; return the resources that the engine sees."""

    def program() -> None:
        ImageShares("golden", IMAGE, accounts, exclusive)

    return run(program, **own)[0]


def ended(accounts: Any, **own: Any) -> str:
    """Return the error message of that program."""
    with pytest.raises(pulumi.RunError) as caught:
        component(accounts, **own)
    return str(caught.value).removeprefix("ImageShares 'golden': ")


@pytest.mark.parametrize("wrapped", [False, True])
def test_number_and_string_are_the_same_account_to_an_exclusive_list(wrapped: bool) -> None:
    """A share contradicts the list only if the list does not contain its account in either form."""

    def number() -> Any:
        return pulumi.Output.from_input(NUMBER) if wrapped else NUMBER

    def program(share: Any, listed: Any) -> None:
        ImageSharesExclusive("only", IMAGE, [listed() if callable(listed) else listed])
        ImageShare("sales", IMAGE, share() if callable(share) else share)

    cases: list[tuple[Any, Any]] = [(SALES, number), (number, SALES), (number, number)]
    for share, listed in cases:
        run(functools.partial(program, share, listed))
    for share, listed in ((number, LEGAL), (SALES, lambda: int(LEGAL))):
        with pytest.raises(pulumi.RunError, match=f"an ImageShare shares image {IMAGE} .* with {SALES}"):
            run(functools.partial(program, share, listed))


@pytest.mark.parametrize("accounts", [{SALES: NUMBER, LEGAL: LEGAL}, [NUMBER, LEGAL]], ids=["mapping", "list"])
def test_component_shares_with_accounts_that_are_numbers(accounts: Any) -> None:
    """The resource names of a list's accounts contain the strings."""
    recorder = component(accounts, exclusive=True)
    shares = {name: seen.inputs["shared_account_id"] for name, seen in recorder.of(SHARE).items()}
    assert shares == {f"golden-{SALES}": SALES, f"golden-{LEGAL}": LEGAL}
    assert recorder.of(EXCLUSIVE)["golden-exclusive"].inputs["shared_account_ids"] == [SALES, LEGAL]


@pytest.mark.parametrize("wrap", [lambda value: value, pulumi.Output.from_input], ids=["plain", "Output"])
def test_same_account_under_two_labels_as_number_and_string_is_refused(wrap: Callable[[Any], Any]) -> None:
    def program() -> None:
        ImageShares("golden", IMAGE, {"a": wrap(NUMBER), "b": wrap(SALES)})

    with pytest.raises(pulumi.RunError, match=f"account {SALES} appears under two labels"):
        run(program)


def test_same_account_twice_in_a_list_as_number_and_string_is_refused() -> None:
    assert ended([NUMBER, SALES]) == f"account {SALES} appears twice in the list"


def test_number_with_fewer_than_12_digits_is_refused_with_advice_to_quote_it() -> None:
    assert ended([SALES, 12345678905]) == (
        "an account in the list must be a string of 12 digits, e.g. '222222222222'; it is 12345678905, a number with "
        "fewer digits: an account id that begins with 0 needs quotes"
    )


def test_number_is_accepted_for_an_existing_share(cloud: LocalCloud, shared: Any) -> None:
    result = Command(cloud).provider.check(state(shared), news(shared.image_id))
    assert (found(result), result.inputs["shared_account_id"]) == ([], SALES)
