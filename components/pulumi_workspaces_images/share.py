"""The identity of a share (one image, one recipient, one Region) and the format of its id."""

import re
from typing import Any, NamedTuple

_IMAGE_ID = re.compile(r"wsi-[0-9a-z]{9,63}")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")


class Share(NamedTuple):
    """The share of one image with one account: the identity of an `ImageShare`.

    Attributes:
        image_id: the image, `wsi-` followed by 9 to 63 of 0-9a-z.
        shared_account_id: the recipient, 12 digits.
        region: the image's Region, e.g. `us-east-1`. An image is shared only in its own Region.
    """

    image_id: str
    shared_account_id: str
    region: str

    @property
    def id(self) -> str:
        """The resource id, `IMAGE/ACCOUNT`."""
        return f"{self.image_id}/{self.shared_account_id}"


def parse_id(id_: str) -> tuple[str, str]:
    """Return the image and the account of a resource id.

    Raises:
        ValueError: it is not `IMAGE/ACCOUNT`; the message says what it should be.
    """
    image_id, _, account = id_.partition("/")
    problems = [p for p in (image_id_problem(image_id), account_id_problem(account)) if p]
    if problems:
        raise ValueError(f"the id {id_!r} is not IMAGE/ACCOUNT, e.g. wsi-0a1b2c3d4/222222222222")
    return image_id, account


def image_id_problem(value: object) -> str | None:
    """Return why `value` is not an image id; None if it is one."""
    if value is None or value == "":
        return "is required: the id of a WorkSpaces image, e.g. wsi-0a1b2c3d4"
    if isinstance(value, str) and _IMAGE_ID.fullmatch(value):
        return None
    return f"must be wsi- followed by 9 to 63 lower-case letters or digits, e.g. wsi-0a1b2c3d4; it is {shown(value)}"


def as_account_id(value: Any) -> Any:
    """Return a whole number of 12 digits as an account id, and anything else unchanged.

    `pulumi config set --path` stores an account id as a number, unless it begins with 0.
    """
    if isinstance(value, (int, float)) and 10**11 <= value < 10**12 and value == int(value):
        return str(int(value))
    return value


def account_id_problem(value: object) -> str | None:
    """Return why `value` is not an account id; None if it is one."""
    if value is None or value == "":
        return "is required: the AWS account to share with, 12 digits, e.g. '222222222222'"
    if isinstance(value, str) and _ACCOUNT_ID.fullmatch(value):
        return None
    what = f"must be a string of 12 digits, e.g. '222222222222'; it is {shown(value)}"
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 1 <= value < 10**11:
        return f"{what}, a number with fewer digits: an account id that begins with 0 needs quotes"
    if isinstance(value, str) and _ACCOUNT_ID.fullmatch(re.sub(r"[-\s'\"]", "", value)):
        return f"{what}: remove dashes, spaces and quotes"
    return what


def shown(value: object) -> str:
    """Return `value` as the user wrote it, cut to 80 characters."""
    # Integers reach a dynamic provider as floats.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
