"""`make acceptance` on the local cloud: its steps pass, and it leaves the image as it was however it ends."""

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from local.acceptance.table import differences, read
from local.cloud import Call, ConnectionLostError, LocalCloud, Response
from local.cloud.assumptions import ASSUMPTIONS, Answer
from local.environment import ROOT
from local.stack import environment_in
from tests.engine.harness import LEGAL, REGION, SALES
from tests.engine.test_engine_killed import wait_for

SECRET = "canary/secret"
UPDATE = "UpdateWorkspaceImagePermission"
ENDED = 240  # seconds

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(cloud: LocalCloud, image: str, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts the command for the image, as its owner. `look_again` is as in the harness."""
    cloud.share(image, LEGAL)
    profile = cloud.credentials(SALES)
    lines = ["[profile recipient]", *(f"{name.lower()} = {value}" for name, value in profile.items())]
    (tmp_path / "aws").write_text("\n".join(lines))
    environment = {
        **environment_in(tmp_path),
        **cloud.credentials(),
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_CONFIG_FILE": str(tmp_path / "aws"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PULUMI_STACK": "of-the-user",
    }
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, look_again: str = "0.2,0.4") -> subprocess.Popen[str]:
        patience = {"PYTHONPATH": str(ROOT / "tests" / "patience"), "LOOK_AGAIN": look_again}
        command = [
            sys.executable,
            "-m",
            "local.acceptance",
            image,
            SALES,
            "--yes",
            "--output",
            str(tmp_path / "tables"),
        ]
        running = subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env=environment | patience,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(running)
        return running

    yield start
    for running in started:
        with running:
            running.terminate()


def assert_as_before(cloud: LocalCloud, image: str, folder: Path) -> None:
    """Assert that the image has its one share, that no other share was changed, and that no file is left."""
    assert cloud.shared_with(image) == {LEGAL}
    assert {(write.parameters["ImageId"], write.parameters["SharedAccountId"]) for write in cloud.writes()} <= {
        (image, SALES)
    }
    assert [path.name for path in (folder / "cache" / "pulumi-workspaces-images" / "acceptance").iterdir()] == ["lock"]


def test_all_steps_pass_and_the_answers_are_those_that_the_local_cloud_assumes(
    start: Start, cloud: LocalCloud, image: str, tmp_path: Path
) -> None:
    """The policies of the security page are enough, and it makes exactly as many calls as it announces."""
    running = start("--recipient-profile", "recipient")
    output, _ = running.communicate(timeout=ENDED)
    assert running.returncode == 0, output
    assert_as_before(cloud, image, tmp_path)
    assert SECRET not in output
    (path,) = (tmp_path / "tables").glob("*.json")
    table = read(path)
    assert table.passed
    assert table.endpoint == cloud.url
    assert set(table.answers) == {name for name, assumed in ASSUMPTIONS.items() if assumed.asked}
    assert [name for name, answer in table.answers.items() if answer is None] == ["page_size"]
    assert differences(table.answers) == {}
    assert table.calls == cloud.count("workspaces:*")
    assert f"at most\n{table.calls} WorkSpaces calls" in output
    sent = path.read_text() + path.with_suffix(".md").read_text()
    assert not re.search(rf"{image}|[0-9]{{12}}|{SECRET}", sent)


@pytest.mark.nightly
def test_all_steps_pass_if_every_open_question_is_answered_the_other_way(
    start: Start, cloud: LocalCloud, image: str, tmp_path: Path
) -> None:
    """The table shows the other answers. The listing lags by 8 seconds, so the waits are real."""
    others: dict[str, Answer] = {
        "revoke_ungranted": "InvalidParameterValuesException",
        "grant_granted": "OperationNotSupportedException",
        "unknown_image": "AccessDeniedException",
        "others_image": "AccessDeniedException",
        "page_size": 10,
        "smallest_page": 2,
        "token_after_full_page": "yes",
        "unknown_token": "ValidationException",
    }
    cloud.answers |= others
    cloud.lag(8)
    cloud._changes.clear()  # the other share is older than the lag
    running = start("--recipient-profile", "recipient", look_again="5,10")
    output, _ = running.communicate(timeout=ENDED)
    assert running.returncode == 0, output
    assert_as_before(cloud, image, tmp_path)
    (path,) = (tmp_path / "tables").glob("*.json")
    table = read(path)
    assert {name: table.answers[name] for name in others} == {**others, "page_size": None}
    assert differences(table.answers).keys() == others.keys() - {"page_size"}
    for name in ("grant_lag", "revoke_lag"):
        assert table.answers[name] == pytest.approx(10, abs=0.9)
        assert re.fullmatch(r"not yet after [56]\.\d s", table.details[name])
    assert table.calls == cloud.count("workspaces:*") <= 60


@pytest.mark.nightly
def test_all_steps_pass_with_small_pages_and_throttling(
    start: Start, cloud: LocalCloud, image: str, tmp_path: Path
) -> None:
    """The table shows the page size and counts the throttled calls, including those of the provider processes."""
    cloud.answers["page_size"] = 1
    cloud.throttle("workspaces:*", rate=1)
    running = start()
    output, _ = running.communicate(timeout=ENDED)
    assert running.returncode == 0, output
    assert_as_before(cloud, image, tmp_path)
    (path,) = (tmp_path / "tables").glob("*.json")
    table = read(path)
    assert differences(table.answers).keys() == {"page_size"}
    assert table.calls == cloud.count("workspaces:*")
    assert table.throttled == sum(call.error == "ThrottlingException" for call in cloud.calls) > 5


class Killer:
    """Kills a run, or also its child processes, after a time or at a write, which takes effect or is lost."""

    def __init__(self, rng: random.Random, cloud: LocalCloud) -> None:
        self.everything, self.lands = rng.random() < 0.5, rng.random() < 0.5
        self.write = rng.choice((0, rng.randint(1, 10)))
        self.seconds = ENDED if self.write else rng.uniform(1, 30)
        self._cloud = cloud
        self._pid = 0

    def __str__(self) -> str:
        when = f"{self.write}th write, {self.lands = }" if self.write else f"{self.seconds:.1f} s"
        return f"killed at {when}, {self.everything = }"

    def kill(self, running: subprocess.Popen[str]) -> None:
        self._pid = running.pid
        self._cloud.forget_calls()
        self._cloud.interceptors.append(self)
        with suppress(subprocess.TimeoutExpired):
            running.communicate(timeout=self.seconds)
        self._strike()
        running.communicate(timeout=ENDED)
        self._cloud.interceptors.remove(self)

    def __call__(self, call: Call, proceed: Callable[[], Response]) -> Response:
        """Intercept a call, and strike at the chosen write."""
        if call.operation != UPDATE or len(self._cloud.writes()) + 1 != self.write:
            return proceed()
        answer = proceed() if self.lands else None
        self._strike()
        if not answer:
            raise ConnectionLostError
        return answer

    def _strike(self) -> None:
        victims = [self._pid]
        with suppress(psutil.Error):
            victims += [child.pid for child in psutil.Process(self._pid).children(recursive=True) if self.everything]
        for victim in victims:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_a_random_moment(start: Start, cloud: LocalCloud, image: str, tmp_path: Path, seed: int) -> None:
    """The next run leaves the image as it was before."""
    rng = random.Random(seed)
    for _ in range(5):
        killer = Killer(rng, cloud)
        killer.kill(start())
        left = (tmp_path / "cache" / "pulumi-workspaces-images" / "acceptance" / "journal.json").exists()
        print(killer, "with a journal" if left else "without a journal", cloud.shared_with(image))
        then = start()
        output, _ = then.communicate(timeout=ENDED)
        assert then.returncode == (3 if left else 0), output
        assert_as_before(cloud, image, tmp_path)


@pytest.mark.nightly
def test_run_cleans_up_after_its_engine_was_killed(start: Start, cloud: LocalCloud, image: str, tmp_path: Path) -> None:
    """It waits for the provider process, which also holds the lock, before it revokes the share."""
    running = start()
    holders: list[str] = []

    def kill(call: Call, proceed: Callable[[], Response]) -> Response:
        if call.operation == UPDATE and len(cloud.writes()) == 3:  # the first write of `up`
            for child in psutil.Process(running.pid).children():
                for process in (child, *child.children(recursive=True)):
                    if any(file.path.endswith("/acceptance/lock") for file in process.open_files()):
                        holders.append(" ".join(process.cmdline()))
                child.kill()
        return proceed()

    cloud.interceptors.append(kill)
    output, _ = running.communicate(timeout=ENDED)
    assert running.returncode == 1
    assert "The run did not pass. `pulumi up --yes --skip-preview` exited -9" in output
    assert "The run's share is revoked." in output
    assert any("pulumi.dynamic" in holder for holder in holders)
    assert_as_before(cloud, image, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_cleans_up(
    start: Start, cloud: LocalCloud, image: str, tmp_path: Path, ending: signal.Signals
) -> None:
    """It cleans up at once, and writes the answers that it has."""
    running = start(look_again="1000")
    assert running.stdout
    while " 8 of 17: pulumi preview: name the drift" not in running.stdout.readline():
        assert running.poll() is None
    cloud.forget_calls()
    wait_for(lambda: cloud.count("DescribeWorkspaceImagePermissions") > 0, "the first listing")
    cloud.share(image, SALES)  # as if a grant had taken effect in the meantime
    running.send_signal(ending)
    output, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Interrupted." in output
    assert "The run's share is revoked." in output
    assert_as_before(cloud, image, tmp_path)
    (path,) = (tmp_path / "tables").glob("*.json")
    assert json.loads(path.read_text())["passed"] is False


@pytest.mark.nightly
def test_run_fails_if_the_cloud_ignores_a_grant(start: Start, cloud: LocalCloud, image: str, tmp_path: Path) -> None:
    """It shows the output of the command that failed."""

    def ignore(call: Call, proceed: Callable[[], Response]) -> Response:
        is_healing = call.operation == UPDATE and len(cloud.writes()) == 5
        return Response(200, {}, b"{}") if is_healing else proceed()

    cloud.interceptors.append(ignore)
    running = start()
    output, _ = running.communicate(timeout=ENDED)
    assert running.returncode == 1
    assert "`pulumi refresh --yes --skip-preview --expect-no-changes` exited" in output
    assert "Resources:" in output
    assert_as_before(cloud, image, tmp_path)
