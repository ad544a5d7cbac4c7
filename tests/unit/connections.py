"""Helpers of the tests of connections: a fake AWS on this machine, and the requests that a connection sends."""

import datetime
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.client import BaseClient

from pulumi_workspaces_images.aws.connection import Connection
from tests.unit.helpers import CANARY

REGION = "eu-west-1"
ROLE = "arn:aws:iam::222222222222:role/first"
ROLE_2 = "arn:aws:iam::333333333333:role/second"


def connect(project: str = "", /, **aws: object) -> Connection:
    return Connection({f"aws:{key}": value for key, value in aws.items()}, project=project)


def write(home: Path, name: str, text: str) -> Path:
    path = home / ".aws" / name
    path.write_text(text, encoding="utf-8")
    return path


def config_of(client: BaseClient) -> Any:
    return client.meta.config


def _texts(headers: Any) -> dict[str, str]:
    return {k: v.decode() if isinstance(v, bytes) else str(v) for k, v in headers.items()}


class CapturedError(Exception):
    def __init__(self, request: AWSPreparedRequest) -> None:
        self.url: str = request.url
        self.headers = _texts(request.headers)


def request_of(connection: Connection, service: Any = "workspaces", region: str = REGION) -> CapturedError:
    """Return the request that a client would send."""
    client: Any = connection.client(service, region)

    def capture(request: AWSPreparedRequest, **_: Any) -> None:
        raise CapturedError(request)

    client.meta.events.register("before-send", capture)
    operation = {
        "workspaces": "describe_workspace_images",
        "sts": "get_caller_identity",
        "organizations": "describe_organization",
    }
    with pytest.raises(CapturedError) as caught:
        getattr(client, operation[service])()
    return caught.value


def signer(connection: Connection) -> tuple[str, str | None]:
    headers = request_of(connection).headers
    key = headers["Authorization"].partition("Credential=")[2].partition("/")[0]
    return key, headers.get("X-Amz-Security-Token")


class Aws:
    """A fake STS on this machine, which also answers for other services. It records all requests."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.answer: Callable[[dict[str, str]], tuple[int, str]] = self.identify
        self.lifetime = 3600
        aws = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                asked = dict(parse_qsl(body))
                aws.asked.append(asked)
                aws.headers.append(dict(self.headers))
                aws.paths.append(self.path)
                status, text = aws.answer(asked) if self.command == "POST" else aws.metadata(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = _any  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def endpoints(self) -> str:
        return json.dumps([{"sts": self.url}, {"workspaces": self.url}])

    @property
    def actions(self) -> list[str]:
        return [asked.get("Action", "") for asked in self.asked]

    @property
    def signed_by(self) -> list[str]:
        """The access key that signed each request, or an empty string for an unsigned one."""
        signatures = [headers.get("Authorization", "") for headers in self.headers]
        return [s.partition("Credential=")[2].partition("/")[0] for s in signatures]

    def identify(self, asked: dict[str, str]) -> tuple[int, str]:
        action = asked.get("Action", "")
        if action == "GetCallerIdentity":
            return 200, xml(action, "<Account>111111111111</Account><Arn>arn:aws:iam::111111111111:user/me</Arn>")
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.lifetime)
        name = asked["RoleArn"].rpartition("/")[2]
        return 200, xml(
            action,
            f"<Credentials><AccessKeyId>AKID{name}</AccessKeyId><SecretAccessKey>{CANARY}</SecretAccessKey>"
            f"<SessionToken>token-{name}</SessionToken><Expiration>{end:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>",
        )

    def metadata(self, path: str) -> tuple[int, str]:
        """Answer like the instance metadata service."""
        if path.endswith("/security-credentials/"):
            return 200, "instance-role"
        if path.endswith("/instance-role"):
            keys = {"AccessKeyId": "AKIDINSTANCE", "SecretAccessKey": CANARY, "Token": "t"}
            return 200, json.dumps({"Code": "Success", **keys, "Expiration": "2999-01-01T00:00:00Z"})
        return 200, "token"


def xml(action: str, result: str) -> str:
    return (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<{action}Result>{result}</{action}Result></{action}Response>"
    )


def refuse(code: str, message: str, status: int = 403) -> Callable[[dict[str, str]], tuple[int, str]]:
    return lambda _: (
        status,
        f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>",
    )
