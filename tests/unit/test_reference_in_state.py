"""The state of every version refers to a provider class by its module and name only."""

import base64
import pickle

import pytest
from pulumi.dynamic.dynamic import serialize_provider

from pulumi_workspaces_images.exclusive_provider import ImageSharesExclusiveProvider
from pulumi_workspaces_images.lifecycle.base import Provider
from pulumi_workspaces_images.provider import ImageShareProvider

REFERENCES = [
    (
        ImageShareProvider,
        "gASVPwAAAAAAAACMIXB1bHVtaV93b3Jrc3BhY2VzX2ltYWdlcy5wcm92aWRlcpSMEkltYWdlU2hhcmVQcm92aWRlcpSTlCmBlC4=",
    ),
    (
        ImageSharesExclusiveProvider,
        "gASVUwAAAAAAAACMK3B1bHVtaV93b3Jrc3BhY2VzX2ltYWdlcy5leGNsdXNpdmVfcHJvdmlkZXKUjBxJbWFnZVNoYXJlc0V4Y2x1c2l2ZVByb3Zp"
        "ZGVylJOUKYGULg==",
    ),
]


@pytest.mark.parametrize(("provider", "reference"), REFERENCES)
def test_reference_is_that_of_every_version_and_loads_the_provider(provider: type[Provider], reference: str) -> None:
    """It is not a secret, because that would hide the whole resource in every diff."""
    assert serialize_provider(provider()) == reference
    assert type(pickle.loads(base64.b64decode(reference))) is provider
    assert provider.serialize_as_secret_always is False
