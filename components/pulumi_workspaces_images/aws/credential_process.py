"""The `credential_process` of an AWS profile: run once, and stopped at the call's deadline or when this process ends.

botocore itself waits for it without a limit, runs it again after a failure, and does not say which program failed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from botocore.compat import compat_shell_split
from botocore.credentials import CredentialProvider, Credentials, RefreshableCredentials
from botocore.utils import parse_timestamp

from ..errors import without_passwords
from .failures import CredentialProcessFailed

# The process runs again this many seconds before the credentials expire. Some processes return credentials that are
# valid for only a few minutes: with botocore's 15 minutes, the process would run before every request.
_RENEWAL = 60

_SECONDS_BETWEEN_CHECKS = 0.1
_LONGEST_QUOTE = 200  # characters
_SEE_WHY = "run it by hand to see why"

# Runs a program, and kills it with all its children when the standard input closes. This process holds the other end of
# that pipe, so the input closes when this process ends for any reason, even if it is killed.
_LAUNCHER = """
import os, subprocess, sys, threading

def watch():
    sys.stdin.read()
    program.kill()
    if hasattr(os, "killpg"):
        os.killpg(0, 9)

try:
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
except OSError as error:
    sys.exit(error)
threading.Thread(target=watch, daemon=True).start()
code = program.wait()
os._exit(code if code >= 0 else 128 - code)
"""


class CredentialProcesses:
    """The credential processes of one session. A process that has failed is not run again."""

    def __init__(self, why_end: Callable[[], str]) -> None:
        """Run nothing yet.

        Args:
            why_end: called while a process runs: returns why it must stop now; empty if it may continue.
        """
        self._why_end = why_end
        self._failures: dict[str, str] = {}
        self._ended: dict[str, str] = {}

    def retrieve(self, profile: str, command: str) -> dict[str, Any]:
        """Return the credentials that the process of a profile prints, as botocore's refreshable credentials take them.

        Raises:
            CredentialProcessFailed: the process failed, now or before.
        """
        if profile not in self._failures:
            if profile in self._ended and self._why_end():
                raise CredentialProcessFailed(problem=self._ended[profile])
            try:
                return self._run(profile, command)
            except _Ended as ended:  # by no fault of its own: a later call may have the time
                self._ended[profile] = str(ended)
                raise CredentialProcessFailed(problem=str(ended)) from None
            except _Failure as failure:
                self._failures[profile] = str(failure)
        raise CredentialProcessFailed(problem=self._failures[profile])

    def _run(self, profile: str, command: str) -> dict[str, Any]:
        try:
            words = compat_shell_split(command)
        except ValueError as error:
            raise _Failure(
                f"the credential_process of the AWS profile {profile} cannot be read ({error}); correct the profile"
            ) from None
        try:
            return _credentials_in(self._output_of(words))
        except _Failure as failure:
            # The arguments are left out because they may hold secrets.
            problem = f"the credential_process of the AWS profile {profile} ({words[0]}) {failure}"
            raise type(failure)(problem) from None

    def _output_of(self, command: list[str]) -> bytes:
        if not shutil.which(command[0]):
            raise _Failure("cannot be started (it does not exist or is not executable); correct the profile")
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command]
        pipe = subprocess.PIPE
        reading, writing = os.pipe()
        with (
            open(reading),
            subprocess.Popen(launcher, stdin=reading, stdout=pipe, stderr=pipe, start_new_session=True) as process,
            open(writing, "w"),  # closed before the end of the process is waited for: that ends it
        ):
            output, errors = self._wait_for(process)
        if process.returncode:
            lines = errors.decode(errors="replace").strip().splitlines()
            said = f" ({without_passwords(lines[0])[:_LONGEST_QUOTE]})" if lines else ""
            raise _Failure(f"ended with exit code {process.returncode}{said}; {_SEE_WHY}")
        return output

    def _wait_for(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        while True:
            try:
                return process.communicate(timeout=_SECONDS_BETWEEN_CHECKS)
            except subprocess.TimeoutExpired:
                why = self._why_end()
                if why:
                    raise _Ended(why) from None


class ProcessProvider(CredentialProvider):
    """Replaces botocore's provider of the same name in the chain of credentials."""

    METHOD = "custom-process"

    def __init__(
        self, profile: str, load_config: Callable[[], Mapping[str, Any]], processes: CredentialProcesses
    ) -> None:
        self._profile = profile
        self._load_config = load_config
        self._processes = processes

    def load(self) -> Credentials | None:
        """Return the credentials; None if the profile has no process."""
        command = self._load_config().get("profiles", {}).get(self._profile, {}).get("credential_process")
        if not command:
            return None

        def retrieve() -> dict[str, Any]:
            return self._processes.retrieve(self._profile, command)

        keys = retrieve()
        if keys["expiry_time"]:
            return RefreshableCredentials.create_from_metadata(keys, retrieve, self.METHOD, advisory_timeout=_RENEWAL)
        return Credentials(keys["access_key"], keys["secret_key"], keys["token"], self.METHOD)


class _Failure(Exception):
    """A process failed; the message says how."""


class _Ended(_Failure):
    """It was ended."""


def _credentials_in(output: bytes) -> dict[str, Any]:
    """Read the output of a process. It is never quoted in messages, because it may contain secrets even if invalid."""
    try:
        printed = json.loads(output)
    except ValueError:
        raise _Failure(f"did not print JSON; {_SEE_WHY}") from None
    if not isinstance(printed, dict) or printed.get("Version") != 1:
        raise _Failure(f'printed JSON without "Version": 1; {_SEE_WHY}')
    keys = ("AccessKeyId", "SecretAccessKey")
    missing = [name for name in keys if not (printed.get(name) and isinstance(printed[name], str))]
    if missing:
        raise _Failure(f"printed JSON without {' and '.join(missing)}; {_SEE_WHY}")
    expiration = printed.get("Expiration")
    if expiration:
        try:
            end = parse_timestamp(expiration)
            expired = end <= datetime.now(timezone.utc)
        except (TypeError, ValueError, RuntimeError):  # TypeError: it has no time zone
            raise _Failure(f"printed an Expiration that is not a time, e.g. 2030-01-31T12:00:00Z; {_SEE_WHY}") from None
        expiration = end.isoformat()  # as botocore reads it, which takes no number
        if expired:
            raise _Failure(f"printed credentials that have expired; {_SEE_WHY}")
    return {
        "access_key": printed["AccessKeyId"],
        "secret_key": printed["SecretAccessKey"],
        "token": printed.get("SessionToken"),
        "expiry_time": expiration,
    }
