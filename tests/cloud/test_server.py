"""The server: connections, ports, and the command that `make cloud` runs."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

from local.accounts import OWNER
from local.environment import ROOT
from tests.cloud.helpers import printed_until_ready

SIGNED = {"Authorization": f"AWS4-HMAC-SHA256 Credential=AKIA{OWNER}TEST/20200101/us-east-1/workspaces/aws4_request"}
LIST = {**SIGNED, "X-Amz-Target": "WorkspacesService.DescribeWorkspaceImages"}


def serve(port: int, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.cloud", "--port", str(port)]
    environment = os.environ | variables
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_command_serves_a_golden_image() -> None:
    """It prints what a user needs, ends without an error, and ignores the user's AWS variables."""
    process = serve(
        0, AWS_PROFILE="gone", AWS_DEFAULT_REGION="mars", AWS_CONFIG_FILE="/nowhere", AWS_MAX_ATTEMPTS="many"
    )
    printed = "\n".join(printed_until_ready(process.stdout))
    url = re.search(r"http://127\.0\.0\.1:\d+", printed)
    assert url
    connection = http.client.HTTPConnection(urlsplit(url[0]).netloc, timeout=10)
    connection.request("POST", "/", b"{}", LIST)
    assert b"wsi-golden001" in connection.getresponse().read()
    process.send_signal(signal.SIGINT)  # with the connection still open
    rest = process.communicate(timeout=10)
    connection.close()
    assert (process.returncode, *rest) == (0, "", "")


def test_a_taken_port_is_one_line() -> None:
    """The error names the port, without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = serve(port)
        out, error = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert error.count("\n") == 1
    assert str(port) in error
