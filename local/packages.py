"""Install exactly what requirements.lock names, and this project, into `.venv`: `python3 local/packages.py`.

The Makefile and the pipelines install this way. It runs on a bare Python, so it uses the standard library only.

It installs only packages that the lock file names with their hash. uv installs the packages. If there is no uv, pip
first installs the uv that the lock file names.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

if sys.version_info < (3, 10):  # noqa: UP036 - an older Python must be able to read this file
    sys.exit(
        f"error: this is Python {sys.version.split()[0]}, and 3.10 or newer is needed: "
        "name one, as in `make setup PYTHON=python3.13`"
    )

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OWN_UV = VENV / "bin" / "uv"
LOCK = ROOT / "requirements.lock"
PROJECT = "pulumi-workspaces-images"


class SetupError(Exception):
    """The packages cannot be installed. The message is one line that says what to do."""


def say(text: str) -> None:
    """Print a progress message to stderr. Standard output belongs to `make -s env`."""
    print(f"packages: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, **variables: str) -> None:
    """Run a command and show its output to the user.

    Args:
        *command: The command.
        **variables: Added to its environment.

    Raises:
        SetupError: It failed.
    """
    words = [str(word) for word in command]
    if subprocess.run(words, cwd=ROOT, env={**os.environ, **variables}, stdout=sys.stderr).returncode:
        raise SetupError(f"`{Path(words[0]).name} {' '.join(words[1:])}` failed, see above")


def uv_on_path() -> str | None:
    """Return the user's own uv if it runs. A pyenv shim may belong to the uv of another Python, and fail."""
    # The uv of `.venv` is skipped: it is on PATH while `.venv` is active, and `.venv` may be about to be removed.
    folders = [
        folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(folder) != OWN_UV.parent
    ]
    uv = shutil.which("uv", path=os.pathsep.join(folders))
    works = uv and subprocess.run([uv, "--version"], capture_output=True).returncode == 0
    return uv if works else None


def uv() -> str:
    """Return the uv that installs packages: the user's own, or else the one in `.venv`.

    Raises:
        SetupError: There is neither.
    """
    if not (found := uv_on_path()) and os.access(OWN_UV, os.X_OK):
        found = str(OWN_UV)
    if not found:
        raise SetupError("there is no uv: run `make setup`")
    return found


def make_environment() -> None:
    """Create an empty `.venv` with this Python, and with pip if only pip can install uv.

    Raises:
        SetupError: Neither `venv` nor uv is installed.
    """
    python = Path(sys.executable).resolve()  # the system's, even if `.venv` is active and about to be removed
    uv = uv_on_path()
    if find_spec("ensurepip"):
        run(python, "-m", "venv", "--clear", *(["--without-pip"] if uv else []), VENV)
    elif uv:
        shutil.rmtree(VENV, ignore_errors=True)
        run(uv, "venv", "--quiet", "--python", python, VENV)
    else:
        raise SetupError(
            "this Python has no `venv`, and there is no uv: install one of them, on Debian and Ubuntu with "
            f"`sudo apt-get install python{sys.version_info.major}-venv`, and run this again"
        )


def get_uv() -> None:
    """Install only the locked uv into `.venv`, with its pip."""
    entry = []
    for line in LOCK.read_text().splitlines():
        if line.startswith("uv=="):
            entry = [line]
        elif entry and line.startswith("    --hash="):
            entry.append(line)
        elif entry:
            break
    one = VENV / "uv.txt"
    one.write_text("\n".join(entry).rstrip("\\ ") + "\n")
    python = VENV / "bin" / "python"
    run(
        python,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "install",
        "--no-deps",
        "--require-hashes",
        "-r",
        one,
    )


def settings_of_pip() -> dict[str, str]:
    """Return the variables with which uv uses the same package index as pip, whose configuration uv does not read."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True).stdout
    names = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
    found = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        name = names.get(key.rpartition(".")[2])
        if name and name not in os.environ:
            found[name] = value.strip("'\"").replace("\\n", " ").strip()  # several values are on lines of their own
    return found


def install(wheel: bool) -> None:
    """Install what the lock file names, and this project, into `.venv`.

    Args:
        wheel: Whether to build the project and install it as users do, instead of in place.
    """
    python = VENV / "bin" / "python"
    variables: dict[str, str] = {}
    if not uv_on_path():
        if not os.access(OWN_UV, os.X_OK):
            get_uv()
        variables = settings_of_pip()
    pip = (uv(), "pip")
    # No package is built: that would need build tools that the lock file does not name.
    run(*pip, "sync", "--quiet", "--require-hashes", "--no-build", "--python", python, LOCK, **variables)
    project = ["--reinstall-package", PROJECT, "."] if wheel else ["--editable", "."]
    run(*pip, "install", "--quiet", "--no-deps", "--no-build-isolation", "--python", python, *project)


def digest(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Bring `.venv` up to date, if it is not."""
    parser = argparse.ArgumentParser(description="Fill .venv with what requirements.lock names, and this project.")
    parser.add_argument("--wheel", action="store_true", help="install the project as a wheel instead of in place")
    wheel = parser.parse_args().wheel
    record = VENV / "packages.json"
    python = f"{sys.version} in {sys.base_prefix}, for {ROOT}"
    wanted = {"python": python, "lock": digest(LOCK), "project": digest(ROOT / "pyproject.toml"), "wheel": wheel}
    try:
        known = json.loads(record.read_text())
        usable = known["python"] == python and os.access(VENV / "bin" / "python", os.X_OK)
    except (OSError, ValueError, LookupError, TypeError):
        known, usable = None, False
    if usable and known == wanted and not wheel:
        return
    say(f"installing what requirements.lock names into .venv, for Python {sys.version.split()[0]}")
    try:
        if not usable:
            make_environment()
        record.unlink(missing_ok=True)
        install(wheel)
    except SetupError as error:
        sys.exit(f"error: {error}")
    record.write_text(json.dumps(wanted))


if __name__ == "__main__":
    main()
