"""The engine as `make env` sets it up, with a small program and provider and without AWS."""

import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from local.engine import install
from local.environment import ROOT
from local.stack import Stack, environment_in, finish, processes_of
from tests.engine.test_engine_killed import wait_for

HOST = ROOT / "local" / "engine" / "pulumi-language-python"

own_host = pytest.mark.skipif(
    not (install.folders()[0] / install.HOST).samefile(HOST),
    reason="it tests this project's own language host, and the installed Pulumi uses another one",
)

HELPER = """
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult("id", props)

    def diff(self, id, olds, news):
        return DiffResult(changes=olds["size"] != news["size"])


class Thing(Resource):
    def __init__(self, name, size):
        super().__init__(Provider(), name, {"size": size})
"""

PROGRAM = """
import pulumi
from helper import Thing

Thing("thing", 3)
pulumi.export("stack", pulumi.get_stack())
"""


class Project(Stack):
    """A project in a folder of its own, with its program in a subfolder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, environment_in(folder))
        (folder / "program").mkdir()
        (folder / "Pulumi.yaml").write_text("name: tiny\nruntime: python\nmain: program\n")
        (folder / "program" / "helper.py").write_text(HELPER)
        self.program(PROGRAM)
        self.pulumi("stack", "init", "test")

    def program(self, text: str) -> None:
        (self.folder / "program" / "__main__.py").write_text(text)

    def options(self, **options: str) -> None:
        """Write these options of the runtime into Pulumi.yaml."""
        lines = "".join(f"    {name}: {value}\n" for name, value in options.items())
        text = f"name: tiny\nmain: program\nruntime:\n  name: python\n  options:\n{lines}"
        (self.folder / "Pulumi.yaml").write_text(text)

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        command = self.start(*arguments)
        code, output = finish(command)
        wait_for(lambda: not processes_of(command), f"the end of what pulumi {arguments[0]} has started")
        assert (code != 0) == fails, output
        return output


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "a project")


def test_expected_error_is_one_line(project: Project) -> None:
    project.program('import pulumi\nraise pulumi.RunError("this program needs a size")\n')
    preview = project.pulumi("preview", fails=True)
    assert "    error: this program needs a size\n" in preview
    assert "Traceback" not in preview


@pytest.fixture
def environment(project: Project) -> Path:
    """Create the project's virtual environment: all packages of this one, and the helper as `only_here`."""
    folder = project.folder / "venv"
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "tests.pth").write_text(sysconfig.get_path("purelib"))
    (project.folder / "program" / "helper.py").rename(packages / "only_here.py")
    project.options(virtualenv="venv")
    return folder


@own_host
def test_program_and_provider_run_in_the_projects_environment(project: Project, environment: Path) -> None:
    program = PROGRAM.replace("helper", "only_here") + "import sys\npulumi.export('python', sys.prefix)\n"
    project.program(program)
    assert "2 created" in project.pulumi("up", "--yes", "--skip-preview")
    assert project.pulumi("stack", "output", "python").strip() == str(environment)
    project.program(program + 'raise ValueError("no such size")\n')
    preview = project.pulumi("preview", fails=True)
    assert preview.count("ValueError: no such size") == 1
    assert "2 deleted" in project.pulumi("destroy", "--yes", "--skip-preview")


@own_host
@pytest.mark.nightly
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_program_in_the_projects_environment_ends_with_the_command(
    project: Project, environment: Path, how: signal.Signals
) -> None:
    project.program("import only_here, time\nprint('started', flush=True)\ntime.sleep(600)\n")
    with project.start("preview") as command:
        assert command.stdout
        assert any("started" in line for line in command.stdout)
        command.send_signal(how)
        command.communicate(timeout=20)
        wait_for(lambda: not processes_of(command), "the end of the program")


@own_host
@pytest.mark.nightly
def test_install_makes_the_projects_environment(project: Project) -> None:
    project.options(toolchain="pip", virtualenv="venv")
    environment = project.folder / "venv"
    preview = project.pulumi("preview", fails=True)
    assert f"    error: the virtual environment {environment} does not exist: run `pulumi install`\n" in preview

    (project.folder / "program" / "requirements.txt").write_text("--no-index\n./tiny-1.0-py3-none-any.whl\n")
    with zipfile.ZipFile(project.folder / "program" / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    assert "Successfully installed tiny-1.0" in project.pulumi("install")
    subprocess.run([environment / "bin" / "python", "-c", "import tiny"], check=True)
    assert f"there is no pulumi in {environment}: put it into requirements.txt" in project.pulumi("preview", fails=True)

    (project.folder / "program" / "requirements.txt").write_text("--no-index\nlarge\n")
    failed = project.pulumi("install", fails=True)
    assert "No matching distribution found for large" in failed
    assert "install -r requirements.txt` failed, see above" in failed


def test_language_host_ends_quietly_when_interrupted() -> None:
    with subprocess.Popen(
        [sys.executable, str(HOST), "127.0.0.1:1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as host:
        assert host.stdout
        assert host.stdout.readline().strip().isdigit()
        host.send_signal(signal.SIGINT)
        assert host.communicate(timeout=4) == ("", "")
        assert host.returncode == 0


def test_language_host_ends_with_its_engine() -> None:
    engine = 'import subprocess, sys; subprocess.run([*sys.argv[1:], "127.0.0.1:1"])'
    with subprocess.Popen(
        [sys.executable, "-c", engine, sys.executable, str(HOST)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline().strip().isdigit()
        process.kill()
        # The output ends when the host, which shares it, has ended too.
        process.communicate(timeout=4)
