"""Finds a Pulumi engine, or makes one, and remembers where it is.

In this order: the `pulumi` on PATH; the official installer; one built from the Go module that go.mod pins.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).resolve().parent
MINIMUM = (3, 216, 0)
SIGN_OF_LIFE = 30.0  # seconds
OFFICIAL_SITE = "https://get.pulumi.com/install.sh"
HOST = "pulumi-language-python"

Version = tuple[int, ...]


class EngineError(Exception):
    """No engine, or not in this way; the message is one line that says why."""


def say(text: str) -> None:
    """Tell the user what is going on; standard output belongs to `make -s env`."""
    print(f"engine: {text}", file=sys.stderr, flush=True)


def parse_version(text: str) -> Version:
    """Return the first version in a string: (3, 250, 0) in `v3.250.0`, (1, 26, 8) in `go version go1.26.8`.

    Args:
        text: What a program said about itself.

    Returns:
        Three numbers; zeros where the text has no version.
    """
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else (0, 0, 0)


def show(version: Version) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))


def ask_version(command: list[str], cwd: Path | None = None) -> Version:
    """Ask a program for its version; return zeros if it cannot be run or does not say.

    Args:
        command: What to run.
        cwd: Where to run it.

    Returns:
        The version.
    """
    quiet = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"}
    try:
        answer = subprocess.run(
            command, cwd=cwd, env=quiet, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired):
        return parse_version("")
    return parse_version(answer.stdout if answer.returncode == 0 else "")


def pinned(module: str) -> Version:
    """Return the version that go.mod requires of a module, or of `go` itself."""
    line = re.search(rf"^\s*{re.escape(module)} (\S+)", (HERE / "go.mod").read_text(), re.MULTILINE)
    return parse_version(line[1] if line else "")


def cache() -> Path:
    """Return the folder of the engines, outside the checkout: a fresh clone finds what an earlier one made."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "pulumi-workspaces-images"


def environment_folder() -> Path:
    """Return the virtual environment that this runs in, which also keeps what was found."""
    if sys.prefix == sys.base_prefix:
        raise EngineError("this Python is not the project's; run `make setup` and use .venv/bin/python")
    return Path(sys.prefix)


def is_made(folder: Path) -> bool:
    """Tell whether an engine's folder exists, with its `pulumi`."""
    return os.access(folder / "bin" / "pulumi", os.X_OK)


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Make a folder with `bin/pulumi` in it, unless it exists.

    A folder of that name is always a finished one: it is made under another name, tried and then renamed.
    Of several processes at once one makes it and the others wait.

    Args:
        folder: The folder.
        make: Fills a folder, with nothing but an empty `bin` in it.

    Returns:
        Its `bin`.

    Raises:
        EngineError: What was made does not run.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_made(folder):
            partial = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            (partial / "bin").mkdir(parents=True)
            make(partial)
            if ask_version([str(partial / "bin" / "pulumi"), "version"]) < MINIMUM:
                raise EngineError(f"the new engine in {partial} does not run here")
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
    return folder / "bin"


def run(command: list[str], cwd: Path, minutes: int, **variables: str) -> None:
    """Run a command that may take minutes, and show that it is alive; show its output if it fails.

    Args:
        command: What to run.
        cwd: Where.
        minutes: When to give up.
        **variables: Added to its environment.

    Raises:
        EngineError: It failed, or took too long.
    """
    start = time.monotonic()
    name = " ".join(command[:2])
    with tempfile.TemporaryFile("w+") as output:
        # Apart from this one, so that its children end with it.
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                if time.monotonic() - start > minutes * 60:
                    raise EngineError(f"`{name}` took more than {minutes} minutes")
                try:
                    process.wait(timeout=SIGN_OF_LIFE)
                except subprocess.TimeoutExpired:
                    say(f"still at it after {time.monotonic() - start:.0f} s")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
        if process.returncode:
            output.seek(0)
            for line in output.readlines()[-20:]:
                say(line.rstrip())
            raise EngineError(f"`{name}` failed, see above")


def from_path() -> list[Path]:
    """Return the user's own engine.

    Returns:
        The folders to put on PATH.

    Raises:
        EngineError: There is none that will do.
    """
    pulumi = shutil.which("pulumi")
    if not pulumi:
        raise EngineError("no `pulumi` on PATH")
    version = ask_version([pulumi, "version"])
    if version < MINIMUM:
        raise EngineError(f"`pulumi` on PATH is {show(version)}")
    # This project's own, after `make env` here or in another checkout, which may go away.
    if (Path(pulumi).parent / HOST).resolve().with_name("install.py").exists():
        raise EngineError("no `pulumi` on PATH but this project's own")
    folders = [Path(pulumi).absolute().parent]
    # The engine looks for its hosts on PATH and then beside itself, where links lead.
    if not (Path(pulumi).resolve().parent / HOST).exists():
        host = shutil.which(HOST)
        if not host:
            raise EngineError(f"`pulumi` on PATH comes without {HOST}")
        folders.append(Path(host).absolute().parent)
    return list(dict.fromkeys(folders))


def from_official_site() -> list[Path]:
    """Install the engine of the SDK's version with the SDK's own installer.

    Returns:
        The folders to put on PATH.

    Raises:
        EngineError: The site does not answer, or what it gave does not run.
    """
    version = installed_version("pulumi")
    folder = cache() / f"official-v{version}"
    if not is_made(folder):
        say("asking the official download site")
        try:
            urllib.request.urlopen(OFFICIAL_SITE, timeout=5).close()
        except OSError as error:
            raise EngineError(f"the official download site does not answer ({error})") from None
        say(f"installing Pulumi {version} from the official download site into {folder}")

    def install(root: Path) -> None:
        # The SDK's installer has no time limit of its own, so it runs in a process that can be ended.
        script = "import sys, pulumi.automation as a; a.PulumiCommand.install(root=sys.argv[1])"
        run([sys.executable, "-c", script, str(root)], cwd=root, minutes=15)

    return [made_once(folder, install)]


def from_source() -> list[Path]:
    """Build the pinned engine with Go, and put this folder's Python language host beside it.

    Returns:
        The folders to put on PATH.

    Raises:
        EngineError: Go is missing or too old, or the build failed.
    """
    version = pinned("github.com/pulumi/pulumi/pkg/v3")
    built = cache() / f"engine-v{show(version)}"
    if not is_made(built):
        # Asked in the module's folder, where Go answers for the toolchain that it would build with.
        if ask_version(["go", "version"], cwd=HERE) < pinned("go"):
            raise EngineError(f"no Go {show(pinned('go'))} or newer on PATH")
        say(f"building Pulumi {show(version)} with Go into {built}: some minutes, once on this machine")

    def build(root: Path) -> None:
        set_version = f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{show(version)}"
        options = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", f"-s -w {set_version}"]
        options += ["-gcflags=all=-dwarf=false"]  # -w drops it anyway; not making it saves a twelfth of the time
        run(["go", "build", *options, "-o", f"{root}/bin/", "tool"], HERE, 60, CGO_ENABLED="0", GOWORK="off")

    def link(root: Path) -> None:
        try:
            os.link(source, root / "bin" / "pulumi")
        except OSError:  # the cache is on another file system
            shutil.copy2(source, root / "bin" / "pulumi")
        for host in HERE.glob("pulumi-*"):
            (root / "bin" / host.name).symlink_to(host)

    source = made_once(built, build) / "pulumi"
    # The engine warns of hosts that are not beside it. They are this checkout's: so it gets a place here too.
    return [made_once(environment_folder() / built.name, link)]


WAYS: tuple[Callable[[], list[Path]], ...] = (from_path, from_official_site, from_source)


def find() -> list[Path]:
    """Try the ways in their order.

    Returns:
        The folders to put on PATH.

    Raises:
        EngineError: None led to an engine; the line says why and what to install.
    """
    reasons = []
    for way in WAYS:
        try:
            return way()
        except EngineError as error:
            say(str(error))
            reasons.append(str(error))
    raise EngineError(
        f"no Pulumi engine: {'; '.join(reasons)}. Install Pulumi {show(MINIMUM)} or newer "
        f"(https://www.pulumi.com/docs/install), or Go {show(pinned('go'))} or newer, and run this again"
    )


def folders() -> list[Path]:
    """Return the folders of the engine, found once and then remembered.

    Returns:
        The folders to put on PATH, the one with `pulumi` first.

    Raises:
        EngineError: There is no engine.
    """
    record = environment_folder() / "engine.json"
    on_path = shutil.which("pulumi")
    try:
        known = json.loads(record.read_text())
        found = [Path(folder) for folder in known["folders"]]
        pulumi = str(found[0] / "pulumi")
        # Another `pulumi` on PATH than last time may be the user's new one, which comes first.
        if os.access(pulumi, os.X_OK) and on_path in (known["on_path"], pulumi):
            return found
    except (OSError, ValueError, LookupError, TypeError):
        pass
    found = find()
    say(f"using {found[0] / 'pulumi'}")
    record.write_text(json.dumps({"folders": [str(folder) for folder in found], "on_path": on_path}))
    return found


def main() -> None:
    """Print the folders to put on PATH, one a line."""
    try:
        print("\n".join(map(str, folders())))
    except EngineError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; nothing half-made is kept, run it again")


if __name__ == "__main__":
    main()
