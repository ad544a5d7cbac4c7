"""Which engine `make setup` uses, and the error if it finds none. These tests do not use the network."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from local import environment
from local.engine import install
from local.engine.install import EngineError


def executable(path: Path, script: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def way(result: Path | str, tried: list[str]) -> Callable[[], list[Path]]:
    def find() -> list[Path]:
        tried.append(str(result))
        if isinstance(result, str):
            raise EngineError(result)
        return [result]

    return find


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a machine without tools on PATH, with an empty cache and an empty environment."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    (tmp_path / "venv").mkdir()
    return tmp_path


def test_go_mod_pins_an_engine_that_is_new_enough() -> None:
    assert install.pinned("github.com/pulumi/pulumi/pkg/v3") >= install.MINIMUM
    assert install.pinned("go") > (1, 0, 0)


def test_engine_on_path_is_used_if_its_host_is_beside_it(machine: Path) -> None:
    executable(machine / "bin" / "pulumi", "echo v3.300.1")
    executable(machine / "bin" / "pulumi-language-python")
    assert install.from_path() == [machine / "bin"]


def test_engine_on_path_is_used_if_its_host_is_elsewhere_on_path(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(machine / "bin" / "pulumi", "echo v3.216.0")
    executable(machine / "hosts" / "pulumi-language-python")
    monkeypatch.setenv("PATH", f"{machine}/bin:{machine}/hosts")
    assert install.from_path() == [machine / "bin", machine / "hosts"]


def test_engine_that_another_checkout_of_this_project_made_is_not_used(machine: Path) -> None:
    executable(machine / "bin" / "pulumi", "echo v3.250.0")
    (machine / "bin" / install.HOST).symlink_to(install.HERE / install.HOST)
    with pytest.raises(EngineError, match="this project's own"):
        install.from_path()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo v3.215.9", "`pulumi` on PATH is 3.215.9"),
        ("exit 3", "`pulumi` on PATH is 0.0.0"),
        ("echo v3.250.0", "`pulumi` on PATH comes without pulumi-language-python"),
    ],
)
def test_engine_on_path_is_not_used_if_it_is_old_broken_or_without_its_host(
    machine: Path, script: str, reason: str
) -> None:
    executable(machine / "bin" / "pulumi", script)
    with pytest.raises(EngineError, match=reason):
        install.from_path()


def test_official_engine_is_not_downloaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("urllib.request.urlopen")
    folder = install.cache() / f"official-v{version('pulumi')}"
    executable(folder / "bin" / "pulumi")
    assert install.from_official_site() == [folder / "bin"]


@pytest.mark.parametrize("script", [None, "echo go version go1.20.1 linux/amd64", "exit 1"])
def test_engine_is_not_built_if_go_is_missing_or_too_old(machine: Path, script: str | None) -> None:
    if script:
        executable(machine / "bin" / "go", script)
    with pytest.raises(EngineError, match=r"no Go \d+\.\d+\.\d+ or newer on PATH"):
        install.from_source()


def test_engine_is_built_only_once(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[list[str]] = []

    def build(command: list[str], cwd: Path, minutes: int, **variables: str) -> None:
        built.append(command)
        executable(Path(command[command.index("-o") + 1]) / "pulumi", "echo v3.250.0")

    monkeypatch.setattr(install, "run", build)
    executable(machine / "bin" / "go", "echo go version go99.0 linux/amd64")
    folders = install.from_source()
    assert install.from_source() == folders
    assert len(built) == 1
    assert "-mod=readonly" in built[0]
    names = {path.name for path in folders[0].iterdir()}
    assert names == {"pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python"}


def test_broken_build_is_not_kept(machine: Path) -> None:
    folder = machine / "cache" / "engine"

    def broken(root: Path) -> None:
        executable(root / "bin" / "pulumi", "exit 1")

    def killed(root: Path) -> None:
        executable(root / "bin" / "pulumi", "echo v3.250.0")
        raise KeyboardInterrupt

    def whole(root: Path) -> None:
        assert not (root / "bin" / "pulumi").exists()
        executable(root / "bin" / "pulumi", "echo v3.250.0")

    with pytest.raises(EngineError, match="does not run here"):
        install.made_once(folder, broken)
    with pytest.raises(KeyboardInterrupt):
        install.made_once(folder, killed)
    assert not folder.exists()
    assert install.made_once(folder, whole) == folder / "bin"


def test_command_that_fails_or_takes_too_long_is_an_error(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="`/bin/sh -c` failed"):
        install.run(["/bin/sh", "-c", "exit 1"], machine, minutes=1)
    monkeypatch.setattr(install, "SIGN_OF_LIFE", 0.05)
    with pytest.raises(EngineError, match="`/bin/sh -c` took more than 0 minutes"):
        install.run(["/bin/sh", "-c", "PATH=/bin:/usr/bin; sleep 60 & wait"], machine, minutes=0)


def test_ways_to_get_an_engine_are_tried_in_order_until_one_succeeds(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(install, "WAYS", (way("no", tried), way(machine, tried), way("never tried", tried)))
    assert install.find() == [machine]
    assert tried == ["no", str(machine)]


def test_one_line_says_what_to_install_if_there_is_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "WAYS", (way("first reason", []), way("second reason", [])))
    with pytest.raises(SystemExit) as end:
        install.main()
    line = str(end.value)
    assert line.startswith("error: no Pulumi engine: first reason; second reason. Install Pulumi 3.216.0 or newer")
    assert "or Go 1." in line
    assert "\n" not in line


def test_found_engine_is_remembered(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    pulumi = executable(machine / "some engine" / "pulumi")
    monkeypatch.setattr(install, "WAYS", (way(pulumi.parent, tried),))
    assert install.folders() == install.folders() == [pulumi.parent]
    assert len(tried) == 1

    # `make env` puts that engine on PATH, which changes nothing. Another engine on PATH is the user's, and comes first.
    monkeypatch.setenv("PATH", str(pulumi.parent))
    install.folders()
    assert len(tried) == 1
    monkeypatch.setenv("PATH", str(executable(machine / "bin" / "pulumi").parent))
    install.folders()
    assert len(tried) == 2

    pulumi.unlink()
    install.folders()
    assert len(tried) == 3


def test_shell_exports_are_correct_if_the_path_contains_special_characters(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = machine / 'it\'s a "$(false)" place; %20'
    monkeypatch.setattr(environment, "ROOT", odd)
    monkeypatch.setattr(install, "folders", lambda: [odd / "engine"])
    environment.main()
    exports = capsys.readouterr().out
    script = 'eval "$1"; printf "%s\\n" "$PATH" "$PULUMI_HOME" "$PULUMI_BACKEND_URL"'
    shell = subprocess.run(["/bin/sh", "-c", script, "sh", exports], capture_output=True, text=True, check=True)
    assert shell.stdout.splitlines() == [
        f"{machine}/venv/bin:{odd}/engine:{machine}/bin",
        f"{odd}/.pulumi-state/home",
        (odd / ".pulumi-state").as_uri(),
    ]
