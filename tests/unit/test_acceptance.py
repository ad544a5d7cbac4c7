"""`make acceptance` without the engine: when it refuses to start, and how it cleans up after a run that was killed."""

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
    """Return an image of the owner that another account has already."""
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
    """Return a function that runs the command, as the owner; it returns the exit code and what was printed."""
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
    """Leave what a killed run leaves: a share and its journal."""
    cloud.share(image, SALES)
    entry = Entry(image, SALES, REGION, OWNER, cloud.url, "2026-11-26T10:00:00Z")
    Journal(folder).write(entry)
    return entry


# It refuses to start.


def test_account_that_has_the_image_already(cloud: LocalCloud, image: str, acceptance: Acceptance) -> None:
    """It may be somebody's share; the one command that revokes it is printed."""
    cloud.share(image, SALES)
    code, _, error = acceptance()
    assert code == 1
    assert f"image {image} in {REGION} is shared with {SALES} already, and no journal" in error
    assert f"{REVOKE.format(image)} --no-allow-copy-image" in error
    assert cloud.writes() == []


def test_image_of_another_account(cloud: LocalCloud, acceptance: Acceptance) -> None:
    """Also if it is shared with the caller, or does not exist."""
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


def test_more_calls_than_sixty(cloud: LocalCloud, image: str, acceptance: Acceptance) -> None:
    """Each page of the shares is listed some fifteen times; two pages are few enough."""
    for number in range(48):
        cloud.share(image, f"{700000000000 + number}")
    assert acceptance(answer="n")[2] == ""
    cloud.share(image, "799999999999")  # the share of the run would be the 51st
    code, _, error = acceptance()
    assert code == 1
    assert "error: the run would need 72 WorkSpaces calls, more than 60, because image" in error
    assert "is shared with 50 accounts" in error
    assert cloud.writes() == []


def test_profile_of_another_account_than_the_recipient(
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
    """What it is going to do is said first. An end of the input is a no as well."""
    code, output, error = acceptance(answer=answer)
    assert (code, error) == (1, "")
    assert f"As arn:aws:iam::{OWNER}:user/TEST, at {cloud.url}, this run is going to\n" in output
    assert f"the share of image {image} in {REGION} with account {SALES}" in output
    assert output.index("this run is going to") < output.index(UNANSWERED)
    assert "Nothing was done." in output
    assert cloud.writes() == []
    assert not (folder / "journal.json").exists()


def test_share_that_somebody_grants_while_the_question_waits(
    cloud: LocalCloud, image: str, acceptance: Acceptance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is theirs: nothing is begun."""

    def answer(_: str) -> str:
        cloud.share(image, SALES)
        return "y"

    monkeypatch.setattr("builtins.input", answer)
    code, _, error = acceptance(answer="")
    assert code == 1
    assert f"is shared with {SALES} already" in error
    assert cloud.writes() == []


def test_run_that_is_at_work(acceptance: Acceptance, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal.lock, "__defaults__", (0.0, print))
    other = Journal(folder)
    other.lock()
    code, _, error = acceptance()
    other.unlock()
    assert code == 1
    assert error.startswith("error: another run is at work, or what a killed run has started")


# It cleans up after a run that was killed.


@pytest.mark.parametrize("shared", [True, False])
def test_next_run_revokes_what_a_killed_one_has_left(
    cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path, shared: bool
) -> None:
    """Whether the killed run had granted the share or not; whatever image the next one names."""
    if not shared:
        cloud.unshare(left.image_id, SALES)
    code, output, error = acceptance(image="wsi-000000000", account=LEGAL)
    assert (code, error) == (3, "")
    assert f"A run of {left.begun} was killed" in output
    assert cloud.shared_with(left.image_id) == {LEGAL}
    assert not (folder / "journal.json").exists()


def test_question_before_it_cleans_up(cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path) -> None:
    code, output, _ = acceptance(answer="n")
    assert code == 1
    assert output.index("is going to be revoked") < output.index(UNANSWERED)
    assert cloud.writes() == []
    assert (folder / "journal.json").exists()


@pytest.mark.parametrize("field", ["owner", "region", "endpoint"])
def test_journal_of_another_account_region_or_endpoint(
    cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path, field: str
) -> None:
    """Cleaning up would need its credentials; nothing else is done before."""
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
    """The journal stays for the next try."""
    cloud.deny(f"workspaces:{GRANT}")
    code, _, error = acceptance()
    assert code == 1
    assert f"error: image {left.image_id} is still shared with {SALES} (" in error
    assert "AccessDeniedException" in error
    assert REVOKE.format(left.image_id) in error
    assert (folder / "journal.json").exists()


def test_listing_that_goes_on_showing_the_share(
    cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path
) -> None:
    cloud._changes.clear()  # the share is older than that
    cloud.lag(60)
    code, _, error = acceptance()
    assert code == 1
    assert "AWS said that it has revoked it" in error
    assert (folder / "journal.json").exists()


def test_refused_revoke_of_a_share_that_the_listing_does_not_show_yet(
    cloud: LocalCloud, acceptance: Acceptance, left: Entry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal is not taken for "there is no such share" before the listing has had time."""
    monkeypatch.setattr("local.acceptance.life.LOOKS", (0.0, 1.0))
    cloud.lag(1)
    cloud.fail(GRANT, "OperationNotSupportedException", message="Not now.")
    assert acceptance()[0] == 1
    assert (folder / "journal.json").exists()


# The journal, and calls.


def test_lock_is_held_by_what_has_inherited_it(folder: Path) -> None:
    """An engine outlives the run that has started it; the next run waits for its end."""
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


def test_journal_is_read_as_it_was_written(folder: Path, left: Entry) -> None:
    """It is the user's alone, and on the disk before the first write to AWS."""
    journal = Journal(folder)
    assert journal.read() == left
    assert folder.stat().st_mode & 0o777 == 0o700
    journal.remove()
    journal.remove()
    assert journal.read() is None


def test_throttled_call_is_made_again_and_counted(cloud: LocalCloud, acceptance: Acceptance) -> None:
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
    """The endpoint is shown, and kept in the journal."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:secret@127.0.0.1:1")
    assert Aws(REGION).endpoint == "http://***@127.0.0.1:1"
    assert "secret" not in "".join(map(str, acceptance()))
    assert "secret" not in "".join(os.listdir())
