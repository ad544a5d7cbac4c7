"""`make dist`: build the wheel and the sdist, check them, and try the wheel as a stranger's first program would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local import packages
from local.accounts import OWNER, REGION, SALES
from local.cloud import LocalCloud
from local.environment import ROOT, engine_environment

DIST = ROOT / "dist"

_EXAMPLE = "one-share-py"
_IMAGE = "wsi-0a1b2c3d4"


def build() -> Path:
    """Build both into dist/, check what an index would, and return the wheel."""
    shutil.rmtree(DIST, ignore_errors=True)
    # Without isolation: the build backend is locked like everything else.
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(DIST), str(ROOT))
    _run(sys.executable, "-m", "twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))
    (wheel,) = DIST.glob("*.whl")
    return wheel


def try_out(wheel: Path) -> None:
    """Install the wheel and its locked dependencies into an empty environment, and run an example there."""
    with tempfile.TemporaryDirectory() as folder, LocalCloud() as cloud:
        home = Path(folder)
        program = home / _EXAMPLE
        shutil.copytree(
            ROOT / "examples" / _EXAMPLE,
            program,
            ignore=shutil.ignore_patterns(".venv", "Pulumi.*.yaml", "__pycache__"),
        )
        python = program / ".venv" / "bin" / "python"
        uv, pinned = packages.uv(), home / "requirements.txt"
        wanted = home / "wheel.txt"
        wanted.write_text(f"pulumi-workspaces-images @ {wheel.as_uri()}\n")
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(program / ".venv"))
        _run(
            uv,
            "pip",
            "compile",
            "--quiet",
            "--python",
            str(python),
            "--constraint",
            str(packages.LOCK),
            "--generate-hashes",
            "--output-file",
            str(pinned),
            str(wanted),
        )
        _run(uv, "pip", "sync", "--quiet", "--require-hashes", "--no-build", "--python", str(python), str(pinned))
        _run(uv, "pip", "check", "--python", str(python))
        package = "from importlib import resources; print(resources.files('pulumi_workspaces_images') / 'py.typed')"
        typed = subprocess.run([python, "-c", package], cwd=home, stdout=subprocess.PIPE, text=True, check=True).stdout
        if not (Path(typed.strip()).is_file() and Path(typed.strip()).is_relative_to(program)):
            raise SystemExit("error: the wheel has no py.typed, or is not what was imported")

        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_", "PYTHON"))}
        environment |= {**engine_environment(home / "state"), **cloud.credentials(OWNER), "HOME": folder}
        environment |= {
            "VIRTUAL_ENV": str(program / ".venv"),
            "PATH": f"{python.parent}{os.pathsep}{environment['PATH']}",
            "AWS_ENDPOINT_URL": cloud.url,
        }

        def pulumi(*arguments: str) -> None:
            _run("pulumi", *arguments, "--non-interactive", cwd=program, env=environment)

        cloud.create_image(OWNER, REGION, image_id=_IMAGE)
        pulumi("stack", "init", "prod")
        for key, value in {"aws:region": REGION, "imageId": _IMAGE, "salesAccountId": SALES}.items():
            pulumi("config", "set", key, value)
        pulumi("preview")
        pulumi("up", "--yes", "--skip-preview")
        if cloud.shared_with(_IMAGE) != {SALES}:
            raise SystemExit("error: the example has not shared the image")
        pulumi("destroy", "--yes", "--skip-preview")
        if cloud.shared_with(_IMAGE):
            raise SystemExit("error: the example has not unshared the image")


def main() -> None:
    """Do both; the first command that fails ends it, and says why."""
    wheel = build()
    try_out(wheel)
    print("\nready:", *(str(path.relative_to(ROOT)) for path in sorted(DIST.iterdir())))


def _run(*command: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    try:
        subprocess.run(command, cwd=cwd, env=env, check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"error: {Path(command[0]).name} {' '.join(command[1:])} exited {error.returncode}") from None


if __name__ == "__main__":
    main()
