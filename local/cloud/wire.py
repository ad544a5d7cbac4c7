"""HTTP requests and answers, and the AWS calls and errors in them.

Two protocols matter here. In JSON (WorkSpaces, Organizations) the operation is in the X-Amz-Target header. In query
(STS, IAM) the operation is the form field Action, and the answer is XML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

# Codes that the query services spell differently, and the HTTP status they send with them.
_QUERY_ERRORS = {
    "AccessDeniedException": ("AccessDenied", 403),
    "ExpiredTokenException": ("ExpiredToken", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "ThrottlingException": ("Throttling", 400),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
}
_ERROR_CODE = re.compile(rb'"__type":\s*"(?:[^"]*#)?([^"]*)"|<Code>([^<]*)</Code>')


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> str | None:
        """The AWS error code of the answer, or None for a success."""
        if self.status < 400:
            return None
        found = _ERROR_CODE.search(self.body)
        return (found[1] or found[2]).decode() if found else str(self.status)


@dataclass(frozen=True)
class Call:
    """One call to AWS, as the call log keeps it.

    Attributes:
        service: The name under which the request was signed: workspaces, sts, organizations, ...
        operation: The operation's name in AWS's API.
        account: The account of the caller; empty if the access key is unknown.
        region: The Region for which the request was signed.
        parameters: The operation's input.
        access_key_id: The caller's access key.
        json: Whether the service uses JSON. Otherwise it uses the query protocol.
        status: The HTTP status of the answer, 0 if it was never answered.
        error: The error code of the answer.
    """

    service: str
    operation: str
    account: str
    region: str
    parameters: Mapping[str, Any]
    access_key_id: str = ""
    json: bool = True
    status: int = 0
    error: str | None = None

    @property
    def action(self) -> str:
        """The IAM action that the call needs."""
        return f"{self.service}:{self.operation}"


class AwsError(Exception):
    """An error that AWS returns. Its code is spelled as in the JSON services."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status

    def response(self, call: Call) -> Response:
        """Return the error in the protocol of the call."""
        if call.json:
            body = json.dumps({"__type": self.code, "message": self.message})
            return json_response(body, self.status)
        code, status = _QUERY_ERRORS.get(self.code, (self.code, self.status))
        xml = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code>"
            f"<Message>{escape(self.message)}</Message></Error><RequestId>{uuid4()}</RequestId></ErrorResponse>"
        )
        return Response(status, {"Content-Type": "text/xml"}, xml.encode())


class ConnectionLostError(Exception):
    """Raised by an interceptor to reset the connection, so that the caller gets no answer."""


def access_key_id(account: str) -> str:
    """Return the plain access key of an account."""
    return f"AKIA{account}TEST"


def json_response(body: str, status: int = 200) -> Response:
    """Return an answer in the JSON protocol."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid4())}
    return Response(status, headers, body.encode())
