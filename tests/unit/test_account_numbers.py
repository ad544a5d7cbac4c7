"""An account id that is a number (case 16): `pulumi config set --path` makes one of it, if it does not begin with 0."""

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
def test_anything_else_stays_as_it_is(value: object) -> None:
    assert as_account_id(value) is value


# In the provider.


def news(image: str, **more: Any) -> dict[str, Any]:
    return {"image_id": image, "shared_account_id": float(NUMBER), "region": REGION, "__provider": "reference", **more}


def test_inputs_of_a_share_hold_a_string(cloud: LocalCloud, image: str) -> None:
    """So the state does, and the same account written as a string is the same share."""
    command = Command(cloud)
    result = command.provider.check({}, news(image))
    assert found(result) == []
    assert result.inputs == {"image_id": image, "shared_account_id": SALES, "region": REGION}
    made = command.provider.create(result.inputs)
    assert made.outs
    assert (made.id, made.outs["shared_account_id"]) == (f"{image}/{SALES}", SALES)
    again = command.provider.check(made.outs, news(image))
    assert not command.provider.diff(made.id, made.outs, again.inputs).changes


def test_list_of_allowed_accounts_sees_the_string(cloud: LocalCloud, image: str) -> None:
    for allowed in (f'["{SALES}"]', f"[{SALES}]"):
        command = Command(cloud, own={"allowedAccountIds": allowed})
        assert found(command.provider.check({}, news(image))) == []
    ((name, reason),) = found(command.provider.check({}, news(image, shared_account_id=float(LEGAL))))
    assert (name, reason.startswith(f"account {LEGAL} is not in")) == ("shared_account_id", True)


def test_exclusive_list_of_numbers(cloud: LocalCloud, image: str) -> None:
    """It holds strings, is the same list as that of strings, and contradicts no share of them."""
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
    """Run a program of one component; return what the engine sees of it."""

    def program() -> None:
        ImageShares("golden", IMAGE, accounts, exclusive)

    return run(program, **own)[0]


def ended(accounts: Any, **own: Any) -> str:
    """Return the line with which that program ends."""
    with pytest.raises(pulumi.RunError) as caught:
        component(accounts, **own)
    return str(caught.value).removeprefix("ImageShares 'golden': ")


@pytest.mark.parametrize("wrapped", [False, True])
def test_share_contradicts_an_exclusive_list_as_a_string_does(wrapped: bool) -> None:
    """And a list that holds the account, as a number or a string, it does not contradict."""

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
def test_component_of_numbers(accounts: Any) -> None:
    """In a list their labels are strings as well."""
    recorder = component(accounts, exclusive=True)
    shares = {name: seen.inputs["shared_account_id"] for name, seen in recorder.of(SHARE).items()}
    assert shares == {f"golden-{SALES}": SALES, f"golden-{LEGAL}": LEGAL}
    assert recorder.of(EXCLUSIVE)["golden-exclusive"].inputs["shared_account_ids"] == [SALES, LEGAL]


@pytest.mark.parametrize("wrap", [lambda value: value, pulumi.Output.from_input], ids=["plain", "Output"])
def test_account_under_two_labels(wrap: Callable[[Any], Any]) -> None:
    def program() -> None:
        ImageShares("golden", IMAGE, {"a": wrap(NUMBER), "b": wrap(SALES)})

    with pytest.raises(pulumi.RunError, match=f"account {SALES} appears under two labels"):
        run(program)


def test_account_twice_in_a_list() -> None:
    assert ended([NUMBER, SALES]) == f"account {SALES} appears twice in the list"


def test_number_that_has_lost_a_zero_in_a_list() -> None:
    assert ended([SALES, 12345678905]) == (
        "an account in the list must be a string of 12 digits, e.g. '222222222222'; it is 12345678905, a number with "
        "fewer digits: an account id that begins with 0 needs quotes"
    )


def test_old_state_is_compared_as_it_is(cloud: LocalCloud, shared: Any) -> None:
    result = Command(cloud).provider.check(state(shared), news(shared.image_id))
    assert (found(result), result.inputs["shared_account_id"]) == ([], SALES)
