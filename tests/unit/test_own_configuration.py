"""`workspaces-images:recheck`, and what stands beside it in its namespace."""

import re

import pytest

from pulumi_workspaces_images.configuration.own import Recheck, read_own, unread_keys
from pulumi_workspaces_images.errors import ConfigurationError


@pytest.mark.parametrize(
    ("said", "recheck"),
    [
        (None, Recheck.STRICT),
        ("", Recheck.STRICT),
        ("strict", Recheck.STRICT),
        ("warn", Recheck.WARN),
        ("off", Recheck.OFF),
    ],
)
def test_recheck(said: str | None, recheck: Recheck) -> None:
    """`workspaces-images:recheck` is strict, warn or off; strict where it is not set."""
    assert read_own({} if said is None else {"workspaces-images:recheck": said}).recheck is recheck


@pytest.mark.parametrize("said", ["OFF", "no", "true", True, 0])
def test_recheck_refuses(said: object) -> None:
    """Anything else is refused, with what it may be."""
    with pytest.raises(ConfigurationError, match=r"^workspaces-images:recheck must be strict, warn or off$"):
        read_own({"workspaces-images:recheck": said})


@pytest.mark.parametrize("key", ["rechek", "reCheck", "re-check", "rechecks", "rech"])
def test_recheck_misspelt(key: str) -> None:
    """A misspelt key is refused: it would leave the default in force, unnoticed."""
    with pytest.raises(
        ConfigurationError, match=rf"^workspaces-images:{key} is .*did you mean workspaces-images:recheck"
    ):
        read_own({f"workspaces-images:{key}": "off"})


@pytest.mark.parametrize(
    "key",
    [
        "shares.golden.imageId",
        "shares[0]",
        "accountGroups.emea",
        "allowedAccountIds[0]",
        "recheck.strict",
        "requireOrganization.x",
    ],
)
def test_path_that_was_taken_for_a_name(key: str) -> None:
    """Without --path `pulumi config set` makes one key of it, which nothing would read."""
    with pytest.raises(
        ConfigurationError, match=rf"^workspaces-images:{re.escape(key)} was set without --path, so it is"
    ):
        read_own({f"workspaces-images:{key}": "222222222222"})


def test_recheck_leaves_other_keys_alone() -> None:
    """The namespace is also the stack program's own: its other keys are none of the provider's business."""
    keys = {"workspaces-images:shares": "{}", "workspaces-images:owner": "x", "other:rechek": "off"}
    assert read_own(keys).recheck is Recheck.STRICT


def test_keys_that_nobody_reads() -> None:
    """Of the stack program, whose own namespace it is: all of them at once."""
    read = {"aws:region": "a", "workspaces-images:shares": "{}", "workspaces-images:recheck": "off", "mine:shares": "a"}
    assert unread_keys(read) == []
    lost = {"workspaces-images:share": "{}", "workspaces-images:shares.golden.imageId": "a", "workspaces-images:x": "a"}
    assert unread_keys({**read, **lost}) == [
        "workspaces-images:share is not a configuration key; did you mean workspaces-images:shares?",
        "workspaces-images:shares.golden.imageId was set without --path, so it is one flat key: "
        "remove it with `pulumi config rm`, and set it again with --path",
        "workspaces-images:x is not a configuration key; "
        "the keys are recheck, allowedAccountIds, requireOrganization, accountGroups, shares",
    ]


@pytest.mark.parametrize(
    "namespace",
    ["workspace-images", "workspaces-image", "workspaces_images", "Workspaces-Images", "pulumi-workspaces-images"],
)
@pytest.mark.parametrize("name", ["recheck", "allowedAccountIds", "requireOrganization", "allowedAccountIds[0]"])
def test_misspelt_namespace(namespace: str, name: str) -> None:
    """A guard that nothing reads would be off, unnoticed."""
    meant = f"{namespace}:{name} is not a configuration key; did you mean workspaces-images:{name.partition('[')[0]}?"
    with pytest.raises(ConfigurationError, match=rf"^{re.escape(meant)}$"):
        read_own({f"{namespace}:{name}": "true"})
    assert unread_keys({f"{namespace}:{name}": "true"}) == [meant]


def test_other_namespaces_are_left_alone() -> None:
    """A project may have a similar name, and keys with the names of the stack program's."""
    keys = ["aws:allowedAccountIds", "images:recheck", "golden-images:recheck", "workspace-images:shares"]
    assert read_own(dict.fromkeys(keys, "x")) == read_own({})
    assert unread_keys({"workspace-images:shares": "{}"}) == [
        "workspace-images:shares is not a configuration key; did you mean workspaces-images:shares?"
    ]
