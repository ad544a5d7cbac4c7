"""The `credential_process` of an AWS profile: run once, and ended at the deadline of the call or with this process.

botocore waits for it without a limit, runs it again after a failure, and does not say which program failed.
"""

import contextlib
import json
import os
import signal
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

# Seconds before the end of the credentials at which the process is run again. Some hand out what has a few minutes
# left: with botocore's 15 minutes it would run before every request.
_RENEWAL = 60

_SECONDS_BETWEEN_LOOKS = 0.1
_LONGEST_QUOTE = 200  # characters
_SEE_WHY = "run it by hand to see why"

# Kills a process, with its process group, as soon as this one has ended, however that came about: what it reads from
# its standard input then ends.
_WATCHER = "import os, sys; sys.stdin.read(); getattr(os, 'killpg', os.kill)(int(sys.argv[1]), 9)"


class CredentialProcesses:
    """The credential processes of one session. One that has failed is not run again."""

    def __init__(self, why_end: Callable[[], str]) -> None:
        """Nothing is run yet.

        Args:
            why_end: asked while a process runs: why it has to end now, empty if it may go on.
        """
        self._why_end = why_end
        self._failures: dict[str, str] = {}

    def retrieve(self, profile: str, command: str) -> dict[str, Any]:
        """Return what the process of a profile prints, as botocore's refreshable credentials take it.

        Raises:
            CredentialProcessFailed: it has failed, now or before.
        """
        if profile not in self._failures:
            try:
                return self._run(profile, command)
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
            # Without the arguments, which may hold secrets.
            raise _Failure(f"the credential_process of the AWS profile {profile} ({words[0]}) {failure}") from None

    def _output_of(self, command: list[str]) -> bytes:
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
            )
        except OSError as error:
            raise _Failure(f"cannot be started ({error.strerror}); correct the profile") from None
        with process:
            try:
                with _ended_with_this_process(process.pid):
                    output, errors = self._wait_for(process)
            except BaseException:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    getattr(os, "killpg", os.kill)(process.pid, signal.SIGKILL)
                raise
        if process.returncode:
            lines = errors.decode(errors="replace").strip().splitlines()
            said = f" ({without_passwords(lines[0])[:_LONGEST_QUOTE]})" if lines else ""
            raise _Failure(f"ended with exit code {process.returncode}{said}; {_SEE_WHY}")
        return output

    def _wait_for(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        while True:
            try:
                return process.communicate(timeout=_SECONDS_BETWEEN_LOOKS)
            except subprocess.TimeoutExpired:
                why = self._why_end()
                if why:
                    raise _Failure(why) from None


class ProcessProvider(CredentialProvider):
    """Takes the place of botocore's provider of the same name in the chain of credentials."""

    METHOD = "custom-process"

    def __init__(
        self, profile: str, load_config: Callable[[], Mapping[str, Any]], processes: CredentialProcesses
    ) -> None:
        self._profile = profile
        self._load_config = load_config
        self._processes = processes

    def load(self) -> Credentials | None:
        """Return the credentials; None where the profile has no process."""
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
    """What is wrong with a process."""


def _credentials_in(output: bytes) -> dict[str, Any]:
    """Read what a process has printed, which is never quoted: it may be a secret all the same."""
    try:
        printed = json.loads(output)
    except ValueError:
        raise _Failure(f"did not print JSON; {_SEE_WHY}") from None
    if not isinstance(printed, dict) or printed.get("Version") != 1:
        raise _Failure(f'printed JSON without "Version": 1; {_SEE_WHY}')
    missing = [name for name in ("AccessKeyId", "SecretAccessKey") if not printed.get(name)]
    if missing:
        raise _Failure(f"printed JSON without {' and '.join(missing)}; {_SEE_WHY}")
    expiration = printed.get("Expiration")
    if expiration:
        try:
            expired = parse_timestamp(expiration) <= datetime.now(timezone.utc)
        except (TypeError, ValueError, RuntimeError):  # the first one without a time zone
            raise _Failure(f"printed an Expiration that is not a time, e.g. 2030-01-31T12:00:00Z; {_SEE_WHY}") from None
        if expired:
            raise _Failure(f"printed credentials that have expired; {_SEE_WHY}")
    return {
        "access_key": printed["AccessKeyId"],
        "secret_key": printed["SecretAccessKey"],
        "token": printed.get("SessionToken"),
        "expiry_time": expiration,
    }


@contextlib.contextmanager
def _ended_with_this_process(pid: int) -> Any:
    """Let another process kill `pid` and its group if this process ends within the block, even by SIGKILL."""
    command = [sys.executable, "-I", "-S", "-c", _WATCHER, str(pid)]
    null = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=null, stderr=null, start_new_session=True) as watcher:
        try:
            yield
        finally:
            watcher.kill()
