"""Single values of the stack configuration, and what a wrong one is told."""

import pytest

from pulumi_workspaces_images.configuration.values import (
    an_object,
    choice,
    flag,
    objects,
    string,
    strings,
    whole_number,
)
from pulumi_workspaces_images.errors import ConfigurationError


def test_text() -> None:
    """A string is taken as it is; empty and missing are not set."""
    assert string({"k": "a b"}, "k", "") == "a b"
    assert string({"k": ""}, "k", "") is None
    assert string({}, "k", "") is None
    with pytest.raises(ConfigurationError, match=r"^aws:k must be a string$"):
        string({"k": ["a"]}, "k", "aws:")


@pytest.mark.parametrize("value", [5, 1.5, True, 0])
def test_number_in_place_of_a_text(value: object) -> None:
    """What `pulumi config set --path` makes of the digits of an external id, or of a tag."""
    with pytest.raises(ConfigurationError, match=r"^aws:k must be a string: put it in quotes$"):
        string({"k": value}, "k", "aws:")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("true", True),
        ("false", False),
        ("True", True),
        (True, True),
        (False, False),
        ("", None),
        (None, None),
    ],
)
def test_flag(value: object, read: bool | None) -> None:
    """A boolean is the text `true` or `false`, or a boolean."""
    assert flag({"k": value}, "k", "") is read


@pytest.mark.parametrize("value", ["yes", "1", 1, 0, [], {}, "tru"])
def test_flag_refuses(value: object) -> None:
    """Anything else is refused by the key's name."""
    with pytest.raises(ConfigurationError, match=r"^aws:k must be true or false$"):
        flag({"k": value}, "k", "aws:")


@pytest.mark.parametrize(("value", "read"), [("5", 5), (5, 5), (5.0, 5), ("0", 0), ("", None), (None, None)])
def test_whole_number(value: object, read: int | None) -> None:
    """A whole number is its digits, or a number."""
    assert whole_number({"k": value}, "k", "") == read


@pytest.mark.parametrize("value", ["-1", "1.5", 1.5, -1, True, "five", "²", [1], float("inf"), float("nan")])
def test_whole_number_refuses(value: object) -> None:
    """Anything else is refused by the key's name."""
    with pytest.raises(ConfigurationError, match=r"^aws:k must be a whole number, 0 or more$"):
        whole_number({"k": value}, "k", "aws:")


def test_lists_and_objects() -> None:
    """Lists and objects are JSON text, or already lists and objects."""
    assert strings({"k": '["a","b"]'}, "k", "") == ("a", "b")
    assert strings({"k": ["a"]}, "k", "") == ("a",)
    assert strings({"k": "[]"}, "k", "") is None
    assert objects({"k": '[{"a":1}]'}, "k", "") == ({"a": 1},)
    assert objects({"k": ({"a": 1},)}, "k", "") == ({"a": 1},)
    assert an_object({"k": '{"a":1}'}, "k", "") == {"a": 1}
    assert an_object({}, "k", "") is None


@pytest.mark.parametrize("value", ["a", "[1]", '{"a":"b"}', "5", 5, ["a", 1], [""], "[nonsense"])
def test_texts_refuses(value: object) -> None:
    """What is no list of texts is refused by the key's name."""
    with pytest.raises(ConfigurationError, match=r"^aws:k must be a list of strings \(as JSON\)$"):
        strings({"k": value}, "k", "aws:")


def test_choice() -> None:
    """One of some texts; the message lists them."""
    assert choice(["a", "b"])({"k": "b"}, "k", "") == "b"
    with pytest.raises(ConfigurationError, match=r"^k must be a, b or c$"):
        choice(["a", "b", "c"])({"k": "d"}, "k", "")
