"""`make acceptance` without the engine: when it refuses to start, and how it cleans up after a killed run."""

import dataclasses
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.acceptance.__main__ import main
from local.acceptance.aws import Aws
from local.acceptance.journal import Entry, Journal
from local.cloud import LocalCloud
from pulumi_workspaces_images.errors import ExpectedError
from tests.unit.helpers import GRANT, LEGAL, LIST, OWNER, REGION, SALES

UNANSWERED = "Go on? [y/N] "
REVOKE = (
    f"aws workspaces update-workspace-image-permission --region {REGION} --image-id {{}} --shared-account-id {SALES}"
)

Acceptance = Callable[..., tuple[int, str, str]]


@pytest.fixture
def image(cloud: LocalCloud) -> str:
    """Return an image of the owner that is already shared with another account."""
    image = cloud.create_image()
    cloud.share(image, LEGAL)
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "pulumi-workspaces-images" / "acceptance"


@pytest.fixture
def acceptance(
    cloud: LocalCloud,
    image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Acceptance:
    """Return a function that runs the command as the owner, and returns the exit code, stdout and stderr."""
    for name, value in {
        **cloud.credentials(),
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "XDG_CACHE_HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("local.engine.install.folders", lambda: [])
    monkeypatch.setattr("local.acceptance.life.LOOKS", (0.0, 0.01))

    def run(
        *arguments: str, image: str = image, account: str = SALES, answer: str | None = None
    ) -> tuple[int, str, str]:
        yes = ["--yes"] if answer is None else []
        monkeypatch.setattr("sys.stdin", io.StringIO(answer or ""))
        code = main([image, account, *yes, *arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def left(cloud: LocalCloud, image: str, folder: Path) -> Entry:
    """Create what a killed run leaves behind, a share and its journal, and return the journal's entry."""
    cloud.share(image, SALES)
    entry = Entry(image, SALES, REGION, OWNER, cloud.url, "2026-11-26T10:00:00Z")
    Journal(folder).write(entry)
    return entry


# It refuses to start.


def test_image_that_is_already_shared_with_the_recipient(cloud: LocalCloud, image: str, acceptance: Acceptance) -> None:
    """It refuses to start, because the share may be in use, and prints the command that revokes it."""
    cloud.share(image, SALES)
    code, _, error = acceptance()
    assert code == 1
    assert f"image {image} in {REGION} is shared with {SALES} already, and no journal" in error
    assert f"{REVOKE.format(image)} --no-allow-copy-image" in error
    assert cloud.writes() == []


def test_image_of_another_account(cloud: LocalCloud, acceptance: Acceptance) -> None:
    """It refuses to start, also if the image is shared with the caller or does not exist."""
    theirs = cloud.create_image(LEGAL)
    cloud.share(theirs, OWNER)
    for image in (theirs, "wsi-000000000"):
        code, _, error = acceptance(image=image)
        assert (code, error) == (
            1,
            f"error: the caller's account {OWNER} does not own image {image} in {REGION}: check IMAGE and the Region\n",
        )


def test_image_that_is_not_available(cloud: LocalCloud, image: str, acceptance: Acceptance) -> None:
    cloud.set_image(image, state="PENDING")
    code, _, error = acceptance()
    assert (code, error) == (1, f"error: image {image} in {REGION} is PENDING, and must be AVAILABLE\n")


def test_caller_as_the_recipient(acceptance: Acceptance) -> None:
    code, _, error = acceptance(account=OWNER)
    assert (code, error) == (1, f"error: ACCOUNT is {OWNER}, which is the caller's own: name another account\n")


def test_run_that_would_need_more_than_sixty_calls(cloud: LocalCloud, image: str, acceptance: Acceptance) -> None:
    """It refuses to start. A run lists each page of shares about fifteen times, so at most two pages are accepted."""
    for number in range(48):
        cloud.share(image, f"{700000000000 + number}")
    assert acceptance(answer="n")[2] == ""
    cloud.share(image, "799999999999")  # the share of the run would be the 51st
    code, _, error = acceptance()
    assert code == 1
    assert "error: the run would need 72 WorkSpaces calls, more than 60, because image" in error
    assert "is shared with 50 accounts" in error
    assert cloud.writes() == []


def test_profile_that_does_not_belong_to_the_recipient(
    cloud: LocalCloud, acceptance: Acceptance, tmp_path: Path
) -> None:
    keys = "\n".join(f"{name.lower()} = {value}" for name, value in cloud.credentials(LEGAL).items())
    (tmp_path / "config").write_text(f"[profile other]\n{keys}")
    code, _, error = acceptance("--recipient-profile", "other")
    assert (code, error) == (
        1,
        f"error: RECIPIENT_PROFILE other belongs to account {LEGAL}, and not to ACCOUNT {SALES}\n",
    )


@pytest.mark.parametrize("answer", ["", "yes, but\n"])
def test_answer_that_is_not_yes(
    cloud: LocalCloud, image: str, acceptance: Acceptance, answer: str, folder: Path
) -> None:
    """It announces what it will do, asks, and does nothing. The end of the input also means no."""
    code, output, error = acceptance(answer=answer)
    assert (code, error) == (1, "")
    assert f"As arn:aws:iam::{OWNER}:user/TEST, at {cloud.url}, this run is going to\n" in output
    assert f"the share of image {image} in {REGION} with account {SALES}" in output
    assert output.index("this run is going to") < output.index(UNANSWERED)
    assert "Nothing was done." in output
    assert cloud.writes() == []
    assert not (folder / "journal.json").exists()


def test_share_that_is_granted_while_it_waits_for_an_answer(
    cloud: LocalCloud, image: str, acceptance: Acceptance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses to start, because the share is not its own."""

    def answer(_: str) -> str:
        cloud.share(image, SALES)
        return "y"

    monkeypatch.setattr("builtins.input", answer)
    code, _, error = acceptance(answer="")
    assert code == 1
    assert f"is shared with {SALES} already" in error
    assert cloud.writes() == []


def test_second_run_at_the_same_time(acceptance: Acceptance, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses to start."""
    monkeypatch.setattr(Journal.lock, "__defaults__", (0.0, print))
    other = Journal(folder)
    other.lock()
    code, _, error = acceptance()
    other.unlock()
    assert code == 1
    assert error.startswith("error: another run is at work, or what a killed run has started")


# It cleans up after a killed run.


@pytest.mark.parametrize("shared", [True, False])
def test_next_run_revokes_the_share_of_a_killed_run(
    cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path, shared: bool
) -> None:
    """It does so for any IMAGE of the next run, and also cleans up if the killed run had not granted the share yet."""
    if not shared:
        cloud.unshare(left.image_id, SALES)
    code, output, error = acceptance(image="wsi-000000000", account=LEGAL)
    assert (code, error) == (3, "")
    assert f"A run of {left.begun} was killed" in output
    assert cloud.shared_with(left.image_id) == {LEGAL}
    assert not (folder / "journal.json").exists()


def test_it_asks_before_it_cleans_up(cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path) -> None:
    code, output, _ = acceptance(answer="n")
    assert code == 1
    assert output.index("is going to be revoked") < output.index(UNANSWERED)
    assert cloud.writes() == []
    assert (folder / "journal.json").exists()


@pytest.mark.parametrize("field", ["owner", "region", "endpoint"])
def test_journal_of_another_account_region_or_endpoint(
    cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path, field: str
) -> None:
    """It refuses to start, because it would need other credentials to clean up."""
    Journal(folder).write(dataclasses.replace(left, **{field: "another"}))
    code, _, error = acceptance()
    assert code == 1
    assert f"error: a run of {left.begun} may have left a share" in error
    assert f"or remove {folder / 'journal.json'} if that is settled" in error
    assert cloud.writes() == []


def test_journal_that_cannot_be_read(cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path) -> None:
    (folder / "journal.json").write_text("{")
    code, _, error = acceptance()
    assert code == 1
    assert "error: the journal of an earlier run cannot be read" in error
    assert cloud.writes() == []


def test_revoke_that_is_denied(cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path) -> None:
    """It fails, and keeps the journal for the next run."""
    cloud.deny(f"workspaces:{GRANT}")
    code, _, error = acceptance()
    assert code == 1
    assert f"error: image {left.image_id} is still shared with {SALES} (" in error
    assert "AccessDeniedException" in error
    assert REVOKE.format(left.image_id) in error
    assert (folder / "journal.json").exists()


def test_listing_that_still_shows_the_share_after_the_revoke(
    cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path
) -> None:
    cloud._changes.clear()  # the share is older than the lag
    cloud.lag(60)
    code, _, error = acceptance()
    assert code == 1
    assert "AWS said that it has revoked it" in error
    assert (folder / "journal.json").exists()


def test_refused_revoke_of_a_share_that_the_listing_does_not_show_yet(
    cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails and keeps the journal. The share may exist until the listing has had time to show it."""
    monkeypatch.setattr("local.acceptance.life.LOOKS", (0.0, 1.0))
    cloud.lag(1)
    cloud.fail(GRANT, "OperationNotSupportedException", message="Not now.")
    assert acceptance()[0] == 1
    assert (folder / "journal.json").exists()


# The journal and the calls.


def test_child_process_that_inherited_the_lock_holds_it(folder: Path) -> None:
    """An engine can outlive the run that started it. The next run waits until it ends."""
    journal, told = Journal(folder), list[str]()
    journal.lock()
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[journal.descriptor]
    ) as child:
        journal.unlock()
        with pytest.raises(ExpectedError, match="another run is at work"):
            Journal(folder).lock(0.0, told.append)
        assert len(told) == 0
        with pytest.raises(ExpectedError, match="another run is at work"):
            Journal(folder).lock(0.15, told.append)
        assert len(told) == 1
        child.communicate(b"\n")
    journal.lock()
    journal.outlive()
    journal.unlock()


def test_journal_is_private_and_reads_back_unchanged(folder: Path, left: Entry) -> None:
    journal = Journal(folder)
    assert journal.read() == left
    assert folder.stat().st_mode & 0o777 == 0o700
    journal.remove()
    journal.remove()
    assert journal.read() is None


def test_throttled_call_is_repeated_and_counted(cloud: LocalCloud, acceptance: Acceptance) -> None:
    waits: list[float] = []
    aws = Aws(REGION, wait=waits.append)
    cloud.throttle(LIST, times=2)
    assert aws.ask(LIST, ImageId="wsi-000000000").code == "ResourceNotFoundException"
    assert aws.calls == ["ThrottlingException", "ThrottlingException", "ResourceNotFoundException"]
    assert waits == [1, 2]
    cloud.throttle(LIST)
    with pytest.raises(ExpectedError, match=f"^calling {LIST} in {REGION}: AWS is throttling"):
        aws.ask(LIST, ImageId="wsi-000000000")


def test_password_in_the_endpoint_is_hidden(acceptance: Acceptance, monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint is printed and written to the journal without it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:secret@127.0.0.1:1")
    assert Aws(REGION).endpoint == "http://***@127.0.0.1:1"
    assert "secret" not in "".join(map(str, acceptance()))
    assert "secret" not in "".join(os.listdir())
