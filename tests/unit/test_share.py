"""A share, its id, and the ids of images and accounts."""

import math
from decimal import Decimal

import pytest

from pulumi_workspaces_images.share import account_id_problem, image_id_problem, parse_id
from tests.unit.helpers import IMAGE, SALES, SHARE


def test_id_is_image_and_account() -> None:
    """Users see this id and pass it to `get`."""
    assert SHARE.id == f"{IMAGE}/{SALES}"
    assert parse_id(SHARE.id) == (IMAGE, SALES)


@pytest.mark.parametrize(
    "id_",
    [
        "",
        IMAGE,
        SALES,
        f"{IMAGE}/",
        f"/{SALES}",
        f"{SALES}/{IMAGE}",
        f"{IMAGE}/{SALES}/us-east-1",
        f"{IMAGE}/{SALES}\n",
    ],
)
def test_invalid_id(id_: str) -> None:
    """The message quotes the id and shows a valid one."""
    with pytest.raises(ValueError, match=r"^the id .* is not IMAGE/ACCOUNT") as caught:
        parse_id(id_)
    assert str(caught.value) == f"the id {id_!r} is not IMAGE/ACCOUNT, e.g. wsi-0a1b2c3d4/222222222222"


@pytest.mark.parametrize("image_id", ["wsi-123456789", "wsi-" + "z9" * 31 + "a"])
def test_shortest_and_longest_image_id(image_id: str) -> None:
    """9 to 63 lower-case letters or digits follow `wsi-`."""
    assert image_id_problem(image_id) is None


@pytest.mark.parametrize(
    "image_id",
    ["wsi-12345678", "wsi-" + "a" * 64, "wsi-0A1B2C3D4", "ami-0a1b2c3d4", f"{IMAGE}\n", "wsi-٠١٢٣٤٥٦٧٨", [IMAGE], 5],
)
def test_invalid_image_id(image_id: object) -> None:
    """The message says what an image id looks like, and quotes the value."""
    problem = image_id_problem(image_id)
    assert problem == (
        f"must be wsi- followed by 9 to 63 lower-case letters or digits, e.g. wsi-0a1b2c3d4; it is {image_id!r}"
    )


@pytest.mark.parametrize("problem", [image_id_problem, account_id_problem])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_value(problem: object, value: object) -> None:
    """The message says that the value is required, not that it is malformed."""
    assert callable(problem)
    assert str(problem(value)).startswith("is required: ")


def test_valid_account_id() -> None:
    """It has twelve digits, and may begin with zeros."""
    assert account_id_problem(SALES) is None
    assert account_id_problem("012345678901") is None


NEEDS_QUOTES = "an account id that begins with 0 needs quotes"


@pytest.mark.parametrize(
    ("account", "shown", "advice"),
    [
        pytest.param("22222222222", "'22222222222'", None, id="too short"),
        pytest.param("2222222222222", "'2222222222222'", None, id="too long"),
        pytest.param("٢٢٢٢٢٢٢٢٢٢٢٢", "'٢٢٢٢٢٢٢٢٢٢٢٢'", None, id="digits of another script"),
        pytest.param(True, "True", None, id="boolean"),
        pytest.param("2222-2222-2222", "'2222-2222-2222'", ": remove dashes, spaces and quotes", id="dashes"),
        pytest.param(f"{SALES}\n", "'222222222222\\n'", ": remove dashes, spaces and quotes", id="line end"),
        pytest.param(f'"{SALES}"', "'\"222222222222\"'", ": remove dashes, spaces and quotes", id="quotes"),
        pytest.param(12345678905, "12345678905", f", a number with fewer digits: {NEEDS_QUOTES}", id="a zero is lost"),
        pytest.param(5.0, "5", f", a number with fewer digits: {NEEDS_QUOTES}", id="integer as the engine sends it"),
        pytest.param(2222222222222, "2222222222222", None, id="too large"),
        pytest.param(0, "0", None, id="zero"),
        pytest.param(0.5, "0.5", None, id="fraction"),
        pytest.param(math.nan, "nan", None, id="not a number"),
        pytest.param(Decimal(1), "Decimal('1')", None, id="another number"),
    ],
)
def test_invalid_account_id(account: object, shown: str, advice: str | None) -> None:
    """The message shows the value as it was written, and how to fix it if that is clear."""
    problem = account_id_problem(account)
    advice = advice or ""
    assert problem == f"must be a string of 12 digits, e.g. '222222222222'; it is {shown}{advice}"


@pytest.mark.parametrize(("length", "shown"), [(78, "'" + "9" * 78 + "'"), (79, "'" + "9" * 76 + "...")])
def test_long_value_is_cut(length: int, shown: str) -> None:
    """The message stays readable."""
    assert str(account_id_problem("9" * length)).endswith(f"; it is {shown}")
