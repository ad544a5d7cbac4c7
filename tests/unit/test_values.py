"""Single values of the stack configuration, and the messages for invalid ones."""

import pytest

from pulumi_workspaces_images.configuration.values import flag, string, strings, whole_number
from pulumi_workspaces_images.errors import ConfigurationError


def test_string() -> None:
    """A string is read unchanged. An empty string is treated as not set."""
    assert string({"k": "a b"}, "k", "") == "a b"
    assert string({"k": ""}, "k", "") is None
    assert string({}, "k", "") is None
    with pytest.raises(ConfigurationError, match=r"^aws:k must be a string$"):
        string({"k": ["a"]}, "k", "aws:")


@pytest.mark.parametrize("value", [5, 1.5, True, 0])
def test_number_instead_of_a_string(value: object) -> None:
    """`pulumi config set --path` turns an external id or a tag of digits into a number."""
    with pytest.raises(ConfigurationError, match=r"^aws:k must be a string: put it in quotes$"):
        string({"k": value}, "k", "aws:")


@pytest.mark.parametrize(("value", "read"), [("true", True), ("False", False), (True, True), ("", None), (None, None)])
def test_flag(value: object, read: bool | None) -> None:
    """It is the string `true` or `false`, or a boolean."""
    assert flag({"k": value}, "k", "") is read


@pytest.mark.parametrize("value", ["yes", "1", 1, 0, [], {}, "tru"])
def test_other_flags_are_refused(value: object) -> None:
    """The message names the key."""
    with pytest.raises(ConfigurationError, match=r"^aws:k must be true or false$"):
        flag({"k": value}, "k", "aws:")


@pytest.mark.parametrize(("value", "read"), [("5", 5), (5, 5), (5.0, 5), ("0", 0), ("", None), (None, None)])
def test_whole_number(value: object, read: int | None) -> None:
    """It is a string of digits, or a number."""
    assert whole_number({"k": value}, "k", "") == read


@pytest.mark.parametrize("value", ["-1", "1.5", 1.5, -1, True, "five", "²", [1], float("inf"), float("nan")])
def test_other_numbers_are_refused(value: object) -> None:
    """The message names the key."""
    with pytest.raises(ConfigurationError, match=r"^aws:k must be a whole number, 0 or more$"):
        whole_number({"k": value}, "k", "aws:")


@pytest.mark.parametrize("value", ["a", "[1]", '{"a":"b"}', "5", 5, ["a", 1], [""], "[nonsense"])
def test_other_lists_are_refused(value: object) -> None:
    """The message names the key."""
    with pytest.raises(ConfigurationError, match=r"^aws:k must be a list of strings \(as JSON\)$"):
        strings({"k": value}, "k", "aws:")
