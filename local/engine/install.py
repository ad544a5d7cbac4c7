"""Find, install or build a Pulumi engine, and remember where it is.

The order is: the `pulumi` on PATH, the official installer, then a build of the Go module that go.mod pins.
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
    """There is no engine, or not in this way. The message is one line that says why."""


def say(text: str) -> None:
    """Print a progress message to stderr. Standard output belongs to `make -s env`."""
    print(f"engine: {text}", file=sys.stderr, flush=True)


def parse_version(text: str) -> Version:
    """Return the first version in a program's output, `go version go1.26.8`, as (1, 26, 8); zeros if there is none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else (0, 0, 0)


def show(version: Version) -> str:
    """Return a version in its usual form, such as 3.250.0."""
    return ".".join(map(str, version))


def ask_version(command: list[str], cwd: Path | None = None) -> Version:
    """Ask a program for its version; return zeros if it cannot be run or prints no version."""
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
    """Return the folder of the engines. It is outside the checkout, so a fresh clone finds existing engines."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "pulumi-workspaces-images"


def environment_folder() -> Path:
    """Return the current virtual environment, which also holds the record of the engine."""
    if sys.prefix == sys.base_prefix:
        raise EngineError("this Python is not the project's; run `make setup` and use .venv/bin/python")
    return Path(sys.prefix)


def is_made(folder: Path) -> bool:
    """Tell whether an engine's folder exists and holds `pulumi`."""
    return os.access(folder / "bin" / "pulumi", os.X_OK)


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Create a folder with `bin/pulumi` in it, unless it exists.

    A folder of that name is always complete: it is filled under another name, tried, and then renamed. If several
    processes need it at once, one creates it and the others wait.

    Args:
        folder: The folder.
        make: Fills a folder that holds only an empty `bin`.

    Returns:
        Its `bin`.
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
    """Run a command that may take minutes, with `variables` in its environment.

    Show from time to time that it is running, and its output if it fails.
    """
    start = time.monotonic()
    name = " ".join(command[:2])
    with tempfile.TemporaryFile("w+") as output:
        # In a session of its own, so that its children can be ended together with it.
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
                    say(f"still running after {time.monotonic() - start:.0f} s")
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
    """Return the folders of the user's own engine, to put on PATH."""
    pulumi = shutil.which("pulumi")
    if not pulumi:
        raise EngineError("no `pulumi` on PATH")
    version = ask_version([pulumi, "version"])
    if version < MINIMUM:
        raise EngineError(f"`pulumi` on PATH is {show(version)}")
    # Refuse this project's own engine, on PATH after `make env` here or in another checkout, which may be removed.
    if (Path(pulumi).parent / HOST).resolve().with_name("install.py").exists():
        raise EngineError("no `pulumi` on PATH but this project's own")
    folders = [Path(pulumi).absolute().parent]
    # The engine looks for its language hosts on PATH, and then next to itself after following links.
    if not (Path(pulumi).resolve().parent / HOST).exists():
        host = shutil.which(HOST)
        if not host:
            raise EngineError(f"`pulumi` on PATH comes without {HOST}")
        folders.append(Path(host).absolute().parent)
    return list(dict.fromkeys(folders))


def from_official_site() -> list[Path]:
    """Install the engine of the SDK's version with the SDK's own installer."""
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
    """Build the pinned engine with Go, and put this folder's Python language host next to it."""
    version = pinned("github.com/pulumi/pulumi/pkg/v3")
    built = cache() / f"engine-v{show(version)}"
    if not is_made(built):
        # In the module's folder, Go prints the version of the toolchain that it would build with.
        if ask_version(["go", "version"], cwd=HERE) < pinned("go"):
            raise EngineError(f"no Go {show(pinned('go'))} or newer on PATH")
        say(f"building Pulumi {show(version)} with Go into {built}: some minutes, once on this machine")

    def build(root: Path) -> None:
        set_version = f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{show(version)}"
        options = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", f"-s -w {set_version}"]
        options += ["-gcflags=all=-dwarf=false"]  # -w drops it anyway, and this saves 8 % of the time
        run(["go", "build", *options, "-o", f"{root}/bin/", "tool"], HERE, 60, CGO_ENABLED="0", GOWORK="off")

    def link(root: Path) -> None:
        try:
            os.link(source, root / "bin" / "pulumi")
        except OSError:  # the cache is on another file system
            shutil.copy2(source, root / "bin" / "pulumi")
        for host in HERE.glob("pulumi-*"):
            (root / "bin" / host.name).symlink_to(host)

    source = made_once(built, build) / "pulumi"
    # The engine warns about language hosts that are not next to it. They are in this checkout, so it is linked here.
    return [made_once(environment_folder() / built.name, link)]


# Each returns the folders to put on PATH, or raises an EngineError that says why it leads to no engine.
WAYS: tuple[Callable[[], list[Path]], ...] = (from_path, from_official_site, from_source)


def find() -> list[Path]:
    """Try the ways in their order. If none leads to an engine, the error says why, and what to install."""
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
    """Return the folders of the engine, the one with `pulumi` first. It is found once and then remembered."""
    record = environment_folder() / "engine.json"
    on_path = shutil.which("pulumi")
    try:
        known = json.loads(record.read_text())
        found = [Path(folder) for folder in known["folders"]]
        pulumi = str(found[0] / "pulumi")
        # If PATH has another `pulumi` than last time, it may be the user's new one, which takes precedence.
        if os.access(pulumi, os.X_OK) and on_path in (known["on_path"], pulumi):
            return found
    except (OSError, ValueError, LookupError, TypeError):
        pass
    found = find()
    say(f"using {found[0] / 'pulumi'}")
    record.write_text(json.dumps({"folders": [str(folder) for folder in found], "on_path": on_path}))
    return found


def main() -> None:
    """Print the folders to put on PATH, one per line."""
    try:
        print("\n".join(map(str, folders())))
    except EngineError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; nothing incomplete was kept, so run this again")


if __name__ == "__main__":
    main()
