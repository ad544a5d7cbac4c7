"""`workspaces-images:recheck`, and the other keys of its namespace."""

import re

import pytest

from pulumi_workspaces_images.configuration.own import Recheck, read_own, unread_keys
from pulumi_workspaces_images.errors import ConfigurationError


@pytest.mark.parametrize("said", ["OFF", "no", "true", True, 0])
def test_other_values_of_recheck_are_refused(said: object) -> None:
    """The message lists the valid ones."""
    with pytest.raises(ConfigurationError, match=r"^workspaces-images:recheck must be strict, warn or off$"):
        read_own({"workspaces-images:recheck": said})


@pytest.mark.parametrize("key", ["rechek", "reCheck", "re-check", "rechecks", "rech"])
def test_misspelt_recheck_is_refused(key: str) -> None:
    """Otherwise the default would stay in force unnoticed."""
    with pytest.raises(
        ConfigurationError, match=rf"^workspaces-images:{key} is .*did you mean workspaces-images:recheck"
    ):
        read_own({f"workspaces-images:{key}": "off"})


@pytest.mark.parametrize("namespace", ["workspaces-images", "workspace_images"])
@pytest.mark.parametrize(
    "key", ["ALLOWED_ACCOUNT_IDS", "allowed-account-ids", "AllowedAccountIDs", "ALLOWEDACCOUNTIDS"]
)
def test_guard_in_another_spelling_is_refused(namespace: str, key: str) -> None:
    """Otherwise a guard would be off unnoticed."""
    with pytest.raises(ConfigurationError, match=r"did you mean workspaces-images:allowedAccountIds\?$"):
        read_own({f"{namespace}:{key}": "[]"})


@pytest.mark.parametrize("key", ["shares.golden.imageId", "allowedAccountIds[0]", "recheck.strict"])
def test_path_that_was_set_as_one_flat_key_is_refused(key: str) -> None:
    """Without --path `pulumi config set` creates one flat key, which would have no effect."""
    with pytest.raises(
        ConfigurationError, match=rf"^workspaces-images:{re.escape(key)} was set without --path, so it is"
    ):
        read_own({f"workspaces-images:{key}": "222222222222"})


def test_other_keys_of_the_namespace_are_ignored() -> None:
    """The stack program uses the same namespace for its own keys."""
    keys = {"workspaces-images:shares": "{}", "workspaces-images:owner": "x", "workspaces-images:recheck": ""}
    assert read_own(keys) == read_own({})
    assert read_own({}).recheck is Recheck.STRICT


def test_unread_keys_of_the_stack_program_are_reported_together() -> None:
    """Every key in the stack program's own namespace must have an effect."""
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
def test_misspelt_namespace_is_refused(namespace: str, name: str) -> None:
    """Otherwise a guard would be off unnoticed."""
    meant = f"{namespace}:{name} is not a configuration key; did you mean workspaces-images:{name.partition('[')[0]}?"
    with pytest.raises(ConfigurationError, match=rf"^{re.escape(meant)}$"):
        read_own({f"{namespace}:{name}": "true"})
    assert unread_keys({f"{namespace}:{name}": "true"}) == [meant]


def test_other_namespaces_are_ignored() -> None:
    """A project may have a similar name, and keys with the same names."""
    keys = [
        "aws:allowedAccountIds",
        "images:recheck",
        "golden-images:recheck",
        "workspace-images:shares",
        "workspace-images:check",
    ]
    assert read_own(dict.fromkeys(keys, "x")) == read_own({})
    assert unread_keys({"workspace-images:shares": "{}"}) == [
        "workspace-images:shares is not a configuration key; did you mean workspaces-images:shares?"
    ]
