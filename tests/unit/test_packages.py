"""`make setup` installs exactly what requirements.lock names, whatever tools the machine has."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local import packages
from local.environment import ROOT

FAKE_UV = """\
uv==9.9.9 ; python_version > "3" \\
    --hash=sha256:bb \\
    --hash=sha256:cc
"""
FAKE_LOCK = f"""\
six==1.0 \\
    --hash=sha256:aa
    # via x
{FAKE_UV}"""


class Machine:
    """A machine on which every command succeeds at once. It records the commands and their additional variables."""

    def __init__(self, folder: Path) -> None:
        self.venv = folder / ".venv"
        self.commands: list[str] = []
        self.variables: dict[str, str] = {}

    def run(self, *command: object, **variables: str) -> None:
        words = [str(word) for word in command]
        words[0] = Path(words[0]).name
        self.commands.append(" ".join(words))
        self.variables |= variables
        if "--clear" in words:
            shutil.rmtree(self.venv, ignore_errors=True)
        if "venv" in words:
            for name in ("python", "pip"):
                self.executable(name)
        if "-r" in words:
            self.executable("uv")

    def executable(self, name: str, folder: Path | None = None) -> None:
        path = (folder or self.venv / "bin") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\nexit 0\n")
        path.chmod(0o755)

    def installs(self) -> list[str]:
        """Return the steps since the last call: `venv`, `pip`, `sync`, `project`."""
        words = {"venv": " venv ", "pip": " -r ", "sync": " sync ", "project": "--no-build-isolation"}
        ran = [next(word for word, part in words.items() if part in command) for command in self.commands]
        self.commands.clear()
        return ran


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    (tmp_path / "requirements.lock").write_text(FAKE_LOCK)
    (tmp_path / "pyproject.toml").write_text("")
    for name, path in {"ROOT": "", "VENV": ".venv", "OWN_UV": ".venv/bin/uv", "LOCK": "requirements.lock"}.items():
        monkeypatch.setattr(packages, name, tmp_path / path)
    monkeypatch.setattr(packages, "run", machine.run)
    monkeypatch.setattr(packages, "settings_of_pip", dict)
    monkeypatch.setattr(sys, "argv", ["packages.py"])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return machine


def test_installed_packages_are_exactly_those_of_the_lock_file() -> None:
    """This is a test of the environment that the tests run in."""
    locked = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if re.match(r"\w", line):
            wanted = Requirement(line.rstrip("\\ "))
            if not wanted.marker or wanted.marker.evaluate():
                locked[canonicalize_name(wanted.name)] = str(wanted.specifier)
    installed = {
        canonicalize_name(d.name): f"=={d.version}"
        for d in distributions(path=[p for p in sys.path if sys.prefix in p])
    }
    assert installed.pop(canonicalize_name(packages.PROJECT))
    if sys.version_info < (3, 12):
        installed.pop(canonicalize_name("setuptools"), None)  # `venv` installs it
    assert installed == locked


def test_first_setup_creates_an_environment_and_the_second_does_nothing(machine: Machine) -> None:
    packages.main()
    assert machine.installs() == ["venv", "pip", "sync", "project"]
    packages.main()
    assert machine.installs() == []


def test_only_packages_of_the_lock_file_are_installed(machine: Machine) -> None:
    """Only uv is installed with pip. uv installs only wheels, because building one would install build tools."""
    packages.main()
    _, pip, sync, project = machine.commands
    assert pip.endswith(f"install --no-deps --require-hashes -r {machine.venv}/uv.txt")
    assert (machine.venv / "uv.txt").read_text() == FAKE_UV
    assert "pip sync --quiet --require-hashes --no-build --python" in sync
    assert "--no-deps --no-build-isolation --python" in project
    assert project.endswith("--editable .")


def test_uv_on_path_is_preferred(machine: Machine, tmp_path: Path) -> None:
    machine.executable("uv", tmp_path / "bin")
    packages.main()
    assert "--without-pip" in machine.commands[0]
    assert machine.installs() == ["venv", "sync", "project"]


def test_uv_on_path_that_does_not_run_is_ignored(machine: Machine, tmp_path: Path) -> None:
    machine.executable("uv", tmp_path / "bin")
    (tmp_path / "bin" / "uv").write_text("#!/bin/sh\nexit 127\n")
    packages.main()
    assert machine.installs() == ["venv", "pip", "sync", "project"]


def test_uv_of_the_environment_itself_does_not_create_it_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.executable("uv")
    monkeypatch.setenv("PATH", f"{machine.venv}/bin")
    packages.main()
    assert "--without-pip" not in machine.commands[0]


def test_changed_lock_file_is_installed_into_the_same_environment(machine: Machine, tmp_path: Path) -> None:
    packages.main()
    machine.installs()
    (tmp_path / "requirements.lock").write_text(FAKE_LOCK.replace("1.0", "1.1"))
    packages.main()
    assert machine.installs() == ["sync", "project"]


def test_environment_is_created_again_for_another_python(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    packages.main()
    machine.installs()
    monkeypatch.setattr(sys, "version", "3.99.0 (somewhere else)")
    packages.main()
    assert machine.installs() == ["venv", "pip", "sync", "project"]


def test_incomplete_environment_is_created_again(machine: Machine) -> None:
    packages.main()
    machine.installs()
    (machine.venv / "packages.json").write_text("")
    packages.main()
    assert machine.installs() == ["venv", "pip", "sync", "project"]


def test_failed_setup_ends_with_one_line_and_the_next_one_starts_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*command: object, **variables: str) -> None:
        raise packages.SetupError("`uv pip sync` failed, see above")

    monkeypatch.setattr(packages, "run", fail)
    with pytest.raises(SystemExit, match=r"^error: `uv pip sync` failed, see above$"):
        packages.main()
    monkeypatch.setattr(packages, "run", machine.run)
    packages.main()
    assert machine.installs() == ["venv", "pip", "sync", "project"]


def test_wheel_is_built_and_installed_each_time(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["packages.py", "--wheel"])
    packages.main()
    assert machine.commands[-1].endswith("--reinstall-package pulumi-workspaces-images .")
    machine.installs()
    packages.main()
    assert machine.installs() == ["sync", "project"]
    monkeypatch.setattr(sys, "argv", ["packages.py"])
    packages.main()
    assert machine.commands[-1].endswith("--editable .")


def test_without_venv_and_uv_one_line_says_what_to_install(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """This happens with Debian's python3 without python3-venv."""
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as end:
        packages.main()
    assert str(end.value).startswith("error: this Python has no `venv`, and there is no uv: install one of them")
    assert "apt-get install python3-venv" in str(end.value)
    assert "\n" not in str(end.value)


def test_uv_creates_the_environment_if_python_has_no_venv(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    machine.executable("uv", tmp_path / "bin")
    packages.main()
    assert machine.commands[0].startswith("uv venv ")
    assert machine.installs() == ["venv", "sync", "project"]


def test_uv_uses_the_package_index_of_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A company's mirror is often set only in pip's configuration, which uv does not read."""
    settings = {"index-url": "https://pypi.example.com/simple", "cert": "/etc/company.pem"}
    (tmp_path / "pip.conf").write_text("[global]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))
    for name in ("PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_DEFAULT_INDEX", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    wanted = {"UV_DEFAULT_INDEX": settings["index-url"], "SSL_CERT_FILE": settings["cert"]}
    assert wanted.items() <= packages.settings_of_pip().items()
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example.com/simple")
    assert "UV_DEFAULT_INDEX" not in packages.settings_of_pip()


def test_too_old_python_ends_setup_with_one_line() -> None:
    """That Python must be able to read the file, so the file must not use newer syntax before the check."""
    pretend = "import sys; sys.version_info = (3, 9, 18); exec(open(sys.argv[1]).read())"
    run = subprocess.run([sys.executable, "-c", pretend, packages.__file__], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 1
    assert run.stderr.startswith("error: this is Python ")
    assert run.stderr.endswith("name one, as in `make setup PYTHON=python3.13`\n")


# Commands that install packages or download programs. `pulumi install` is not one: it is for a user's own project.
_INSTALLS = re.compile(
    r"\b(?:pip3?|pipx|uv|npm|apt|apt-get|brew|conda|gem|cargo|go)\b.* (?:install|sync|add|get)\b"
    r"|\b(?:uvx|npx)\b|\buv (?:run|tool)\b|\b(?:curl|wget)\b.*\| *(?:ba)?sh\b"
)


def test_no_command_installs_packages_that_are_not_pinned() -> None:
    """Make, the pipelines and the pages use local/packages.py, which is tested above."""
    files = ["Makefile", ".pre-commit-config.yaml", ".ci/run", "README.md", "CONTRIBUTING.md"]
    patterns = [".github/**/*.yml", "docs/**/*.yml", "docs/**/*.md", "examples/**/*.md", "local/**/*"]
    paths = [ROOT / name for name in files] + [path for pattern in patterns for path in ROOT.glob(pattern)]
    found = {
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in paths
        if path.is_file() and path.suffix not in (".pyc", ".sum", ".mod")
        for line in path.read_text().splitlines()
        if "--require-hashes" not in line and _INSTALLS.search(re.sub(r"[\"',()\[\]*]+", " ", line).replace("  ", " "))
    }
    # The commands of the first file are tested above. The second one runs `pulumi install` of a user's own project.
    allowed = {"local/packages.py", "local/engine/pulumi-language-python"}
    # Users run this in their own environment.
    users = "pip install 'botocore[crt]'"
    assert {line for line in found if line.partition(":")[0] not in allowed and users not in line} == set()
