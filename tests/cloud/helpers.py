"""Helpers of the tests of the local cloud."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest
from botocore.exceptions import ClientError

from local.cloud.__main__ import READY


def printed_until_ready(stdout: IO[str] | None) -> list[str]:
    """Return what `make cloud` prints before it serves, line by line."""
    assert stdout
    return list(itertools.takewhile(lambda line: line != READY, (line.rstrip() for line in stdout)))


@contextmanager
def refused(code: str, *parts: str, status: int = 400) -> Iterator[None]:
    """Assert that the block ends with an AWS error of this code, whose message has these parts."""
    with pytest.raises(ClientError) as caught:
        yield
    response = caught.value.response
    assert response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    for part in parts:
        assert part in response["Error"]["Message"]
