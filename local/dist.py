"""`make dist`: build the wheel and the sdist, check them, and try the wheel as a new user would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local import packages
from local.accounts import REGION, SALES
from local.cloud import LocalCloud
from local.environment import ROOT
from local.stack import CommandError, Stack, environment_in

DIST = ROOT / "dist"

_EXAMPLE = "one-share-py"
_IMAGE = "wsi-0a1b2c3d4"


def build() -> Path:
    """Build the wheel and the sdist into dist/, check them as a package index would, and return the wheel."""
    shutil.rmtree(DIST, ignore_errors=True)
    # Without isolation, because the lock file pins the build backend too.
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(DIST), str(ROOT))
    _run(sys.executable, "-m", "twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))
    (wheel,) = DIST.glob("*.whl")
    return wheel


def try_out(wheel: Path) -> None:
    """Install the wheel and its locked dependencies into an empty environment, and run an example there."""
    with tempfile.TemporaryDirectory() as folder, LocalCloud() as cloud:
        home = Path(folder)
        stack = Stack(home / _EXAMPLE, environment_in(home, "PYTHON"))
        stack.copy_example(_EXAMPLE)
        virtualenv = stack.folder / ".venv"
        python = virtualenv / "bin" / "python"
        uv, pinned = packages.uv(), home / "requirements.txt"
        wanted = home / "wheel.txt"
        wanted.write_text(f"pulumi-workspaces-images @ {wheel.as_uri()}\n")
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(virtualenv))
        options = ["--quiet", "--python", str(python), "--constraint", str(packages.LOCK), "--generate-hashes"]
        _run(uv, "pip", "compile", *options, "--output-file", str(pinned), str(wanted))
        _run(uv, "pip", "sync", "--quiet", "--require-hashes", "--no-build", "--python", str(python), str(pinned))
        _run(uv, "pip", "check", "--python", str(python))
        package = "from importlib import resources; print(resources.files('pulumi_workspaces_images') / 'py.typed')"
        typed = subprocess.run([python, "-c", package], cwd=home, stdout=subprocess.PIPE, text=True, check=True).stdout
        if not (Path(typed.strip()).is_file() and Path(typed.strip()).is_relative_to(virtualenv)):
            raise SystemExit("error: the wheel has no py.typed, or another copy of the package was imported")

        stack.environment |= {
            **cloud.credentials(),
            "AWS_ENDPOINT_URL": cloud.url,
            "PATH": f"{python.parent}{os.pathsep}{stack.environment['PATH']}",
            "VIRTUAL_ENV": str(virtualenv),
        }
        cloud.create_image(image_id=_IMAGE)
        stack.pulumi("stack", "init", "prod")
        for key, value in {"aws:region": REGION, "imageId": _IMAGE, "salesAccountId": SALES}.items():
            stack.pulumi("config", "set", key, value)
        stack.pulumi("preview")
        stack.pulumi("up", "--yes", "--skip-preview")
        if cloud.shared_with(_IMAGE) != {SALES}:
            raise SystemExit("error: the example has not shared the image")
        stack.pulumi("destroy", "--yes", "--skip-preview")
        if cloud.shared_with(_IMAGE):
            raise SystemExit("error: the example has not revoked its share")


def main() -> None:
    """Build and try the wheel, and stop at the first command that fails."""
    try:
        try_out(build())
    except CommandError as error:
        raise SystemExit(f"error: {error}") from None
    print("\nready:", *(str(path.relative_to(ROOT)) for path in sorted(DIST.iterdir())))


def _run(*command: str) -> None:
    try:
        subprocess.run(command, cwd=ROOT, check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"error: {Path(command[0]).name} {' '.join(command[1:])} exited {error.returncode}") from None


if __name__ == "__main__":
    main()
