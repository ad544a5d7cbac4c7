"""The record of one update, which the provider processes of an engine share. Each ledger stands for a process."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_workspaces_images.errors import ExpectedError
from pulumi_workspaces_images.lifecycle import processes, record
from pulumi_workspaces_images.lifecycle.ledger import Ledger
from pulumi_workspaces_images.lifecycle.processes import Process, find, this_process
from pulumi_workspaces_images.lifecycle.record import Record, open_record
from tests.unit.helpers import IMAGE, LEGAL, REGION, SHARE

ADDRESS = "127.0.0.1:5000"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "records" / "one"


@pytest.fixture
def join(folder: Path) -> Callable[[], Ledger]:
    """Return a function that creates the ledger of another process of the same update."""
    return lambda: Ledger(Record(folder))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def dead() -> Process:
    """Return a process that has ended."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as running:
        process = find(running.pid)
        assert process
        running.communicate()
    assert not process.runs()
    return process


def test_all_processes_see_what_one_process_records(join: Callable[[], Ledger]) -> None:
    one, two = join(), join()
    one.declare(SHARE)
    one.granted(SHARE)
    assert two.is_declared(SHARE)
    assert two.keeps(SHARE)
    assert one.was_kept(SHARE)
    with two.revoking(SHARE):
        assert one.was_revoked(SHARE)
        assert not one.is_gone(SHARE)
    assert one.is_gone(SHARE)
    assert "another such" not in str(two.declare_exclusive(IMAGE, REGION, frozenset({LEGAL})))
    contradiction = join().declare(SHARE)
    assert contradiction
    assert "is not on the list of its ImageSharesExclusive" in contradiction


def test_process_that_joins_late_sees_all_records(join: Callable[[], Ledger]) -> None:
    """It may be started only for a delete, after the process that declared the share has died."""
    join().declare(SHARE)
    assert join().is_declared(SHARE)


def test_share_that_is_held_is_kept_even_if_its_process_is_dead(join: Callable[[], Ledger], dead: Process) -> None:
    one = join()
    one._me = dead
    one.declare(SHARE)
    with pytest.raises(ExpectedError, match="could not take it over; run `pulumi up` again"):
        join().keeps(SHARE)
    one.found(SHARE)
    assert join().keeps(SHARE)


def test_share_that_is_being_granted_is_not_held_yet(join: Callable[[], Ledger], dead: Process) -> None:
    """Before a replacement the diff may find the share of another resource, which does not hold it."""
    one = join()
    one._me = dead
    one.declare(SHARE)
    one.found(SHARE)
    one.granting(SHARE)
    with pytest.raises(ExpectedError, match="could not take it over; run `pulumi up` again"):
        join().keeps(SHARE)
    one.granted(SHARE)
    assert join().keeps(SHARE)


def test_diff_of_an_undeclared_share_does_not_hold_it(join: Callable[[], Ledger]) -> None:
    """A refresh compares all resources before any check, even those that are no longer declared."""
    one, two = join(), join()
    one.found(SHARE)
    two._me = Process(1, "other")
    two.declare(SHARE)
    assert not one._entry(SHARE).held


def test_one_process_at_a_time_works_on_a_share(join: Callable[[], Ledger]) -> None:
    one, two = join(), join()
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait(5)
        with two.serialized(SHARE):
            order.append("second")

    waiting = threading.Thread(target=second)
    waiting.start()
    with one.serialized(SHARE):
        inside.set()
        waiting.join(0.1)
        order.append("first")
    waiting.join(5)
    assert order == ["first", "second"]


def test_incomplete_line_of_a_killed_process_is_ignored(join: Callable[[], Ledger], folder: Path) -> None:
    one, two = join(), join()
    one.declare(SHARE)
    with (folder / "events").open("a") as file:
        file.write('["revoked", "wsi-')
    assert one.is_declared(SHARE)
    one.granted(SHARE)
    with (folder / "events").open("a") as file:
        file.write('{"not": "an event"}\n["unheard of", 1]\n')
    assert two.keeps(SHARE)
    assert not two.was_revoked(SHARE)


def test_full_disk_is_an_error_in_one_line(join: Callable[[], Ledger], monkeypatch: pytest.MonkeyPatch) -> None:
    """The operation fails, because the other processes would not see it."""
    ledger = join()
    monkeypatch.setattr("os.write", lambda _file, lines: len(lines) - 1)
    with pytest.raises(ExpectedError, match=r"can no longer be written \(the disk is full\); free some disk space"):
        ledger.declare(SHARE)


def test_failed_write_keeps_the_records_of_other_processes(
    join: Callable[[], Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the disk has space again, a delete still knows that another process holds the share."""
    one, two = join(), join()
    one.declare(SHARE)
    one.granted(SHARE)
    with monkeypatch.context() as full:
        full.setattr("os.write", lambda *_: 0)
        with pytest.raises(ExpectedError):
            two.failed(SHARE._replace(shared_account_id=LEGAL))
    assert two.keeps(SHARE)


def test_lock_that_cannot_be_opened_is_an_error_in_one_line(join: Callable[[], Ledger], folder: Path) -> None:
    ledger = join()
    for number in range(256):
        (folder / f"lock-{number}").mkdir()
    with pytest.raises(ExpectedError, match="can no longer be written"), ledger.serialized(SHARE):
        pytest.fail("the operation continued without a lock")


def test_unknown_engine_has_no_record(home: Path) -> None:
    """Otherwise each of its processes would write its own record."""
    with pytest.raises(OSError, match="was not found"):
        open_record(ADDRESS, None)


def test_process_that_cannot_be_checked_is_treated_as_running(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With too many open files, for example, no record is removed and no provider ends."""
    living = open_record(ADDRESS, this_process())
    assert living

    def fail(_: int) -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(processes, "_look_up", fail)
    assert Process(1, "x").runs()
    assert this_process().pid == os.getpid()
    assert processes.starter() is None
    open_record("127.0.0.1:5001", Process(1, "x"))
    assert living._folder.exists()


def test_without_a_record_nothing_is_revoked() -> None:
    ledger = Ledger(unwritable="the record cannot be written; set PULUMI_HOME")
    said = r"^unsharing image .*: kept because the record cannot be written; set PULUMI_HOME$"
    with pytest.raises(ExpectedError, match=said), ledger.revoking(SHARE):
        pytest.fail("the share was revoked")
    ledger.declare(SHARE)
    assert ledger.keeps(SHARE)


def test_each_engine_has_its_own_record(home: Path) -> None:
    """Address, process id and start time identify it, because ports and process ids are used again."""
    me = this_process()
    engines = [(ADDRESS, me), ("127.0.0.1:5001", me), (ADDRESS, find(os.getppid()))]
    records = [open_record(*engine) for engine in engines]
    assert len({r._folder for r in records if r}) == 3
    again = open_record(ADDRESS, me)
    assert again
    assert records[0]
    assert again._folder == records[0]._folder
    for path in (again._folder, again._folder.parent):
        assert path.stat().st_mode & 0o777 == 0o700


def test_records_of_engines_that_no_longer_run_are_removed(home: Path, dead: Process) -> None:
    """Records of other containers or machines in the same home are kept."""
    old = open_record(ADDRESS, dead)
    reused = open_record(ADDRESS, this_process()._replace(start="1"))
    living = open_record(ADDRESS, this_process())
    assert old
    assert reused
    assert living
    elsewhere = living._folder.with_name(f"othermachine-{old._folder.name.partition('-')[2]}")
    elsewhere.mkdir()
    open_record("127.0.0.1:5001", this_process())
    assert not old._folder.exists()
    assert not reused._folder.exists()
    assert living._folder.exists()
    assert elsewhere.exists()


def test_folder_with_another_name_is_kept(home: Path) -> None:
    """A later version may use other names."""
    living = open_record(ADDRESS, this_process())
    assert living
    other = living._folder.with_name(f"{living._folder.name.partition('-')[0]}-v2")
    other.mkdir()
    assert open_record(ADDRESS, this_process())
    assert other.exists()


def test_home_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    with pytest.raises(OSError, match="home"):
        open_record(ADDRESS, this_process())


def test_windows_has_no_shared_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "SHARED", False)
    assert open_record(ADDRESS, this_process()) is None


def test_package_imports_without_fcntl() -> None:
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "from pulumi_workspaces_images.lifecycle import record\nprint(record.SHARED)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("launcher", [[], ["/bin/sh", "-c", '"$@"; :', "launcher"]], ids=["direct", "shell"])
def test_engine_is_found_even_behind_a_shell(launcher: list[str]) -> None:
    """The official launcher is a shell. The engine makes it, or the provider, the leader of a process group."""
    code = "from pulumi_workspaces_images.lifecycle.processes import starter; print(starter().pid)"
    command = [*launcher, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True)
    assert int(done.stdout) == os.getpid()


def test_process_is_the_same_in_every_time_zone_and_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS `ps` prints times in the caller's time zone and language. Another shell keeps the record."""
    monkeypatch.setattr(processes, "_PROC", False)
    monkeypatch.setenv("TZ", "UTC0")
    me = this_process()
    monkeypatch.setenv("TZ", "ELSE-9")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert this_process() == me
    assert me.runs()


def test_processes_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS, which has no /proc, `ps` is used."""
    monkeypatch.setattr(processes, "_PROC", False)
    me = this_process()
    assert me.runs()
    assert not me._replace(start="1").runs()
    assert find(2**22 + 1) is None
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OSError, match="ps"):
        find(os.getpid())
