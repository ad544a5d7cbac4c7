"""Tables of AWS's answers: those that users sent in are compared with the assumptions of the local cloud."""

import dataclasses
from pathlib import Path

import pytest

from local.acceptance.table import Table, asked_of, differences, read
from local.cloud.assumptions import ASSUMPTIONS
from local.environment import ROOT

SENT_IN = sorted((ROOT / "local" / "acceptance" / "answers").glob("*.json"))
MADE_UP = ROOT / "local" / "acceptance" / "answers" / "made-up.json"


@pytest.mark.parametrize("path", SENT_IN, ids=lambda path: path.name)
def test_local_cloud_answers_like_aws(path: Path) -> None:
    """If a table differs, correct `ASSUMPTIONS`, and see which tests of the package fail."""
    table = read(path)
    if table.made_up:
        return
    assert table.endpoint == "AWS", "a local cloud gave these answers"
    assert differences(table.answers) == {}


def test_comparison_finds_all_differences() -> None:
    """The table of this test is made up, and its Markdown says so."""
    table = read(MADE_UP)
    assert differences(table.answers) == {
        "revoke_ungranted": (
            "Revoke a share that was never granted: InvalidParameterValuesException; the local cloud assumes "
            "OperationNotSupportedException"
        ),
        "page_size": "Shares on a full page of the listing, with MaxResults 25: 20; the local cloud assumes 25",
        "others_image": (
            "List the shares of another account's image: AccessDeniedException; the local cloud assumes "
            "ResourceNotFoundException"
        ),
        "revoke_lag": "Seconds until the listing shows a revoke: 12.5; the local cloud assumes at most 10",
    }
    text = table.markdown()
    assert "**Made up: nobody has asked AWS" in text
    assert (
        "| Seconds until the listing shows a revoke | 12.5 (not yet after 10.0 s) | at most 10 | **differs** |\n"
        in text
    )
    assert "| Does a last page that is full have a NextToken? | not known (no page held all shares) | no |  |\n" in text
    assert text.count("**differs**") == 4


def test_written_table_can_be_read_again(tmp_path: Path) -> None:
    table = dataclasses.replace(read(MADE_UP), made_up="")
    markdown, data = table.write(tmp_path / "new")
    assert read(data) == table
    assert markdown.name == "aws-answers-2000-01-01T000000Z-us-east-1.md"
    assert markdown.read_text() == table.markdown()
    assert "Made up" not in table.markdown()


@pytest.mark.parametrize(
    "text", ['{"region": "us-east-1"}', "[]", "{", MADE_UP.read_text().replace("grant_lag", "lag")]
)
def test_file_that_is_not_a_table_is_refused(tmp_path: Path, text: str) -> None:
    """An answer to an unknown question is refused too, because it would not be compared."""
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"table.json|Expecting"):
        read(path)


@pytest.mark.parametrize(
    ("answer", "agrees"), [(0.0, True), (10, True), (10.1, False), ("AccessDeniedException", False), (None, True)]
)
def test_assumed_number_of_seconds_is_an_upper_limit(answer: float | str | None, agrees: bool) -> None:
    assert (differences({"grant_lag": answer}) == {}) == agrees


@pytest.mark.parametrize(
    ("endpoint", "shown"),
    [
        ("https://workspaces.us-east-1.amazonaws.com", "AWS"),
        ("https://workspaces.cn-northwest-1.amazonaws.com.cn", "AWS"),
        ("https://workspaces.us-east-1.api.aws", "AWS"),
        ("http://127.0.0.1:5005", "http://127.0.0.1:5005"),
        ("https://workspaces.amazonaws.com.example.org", "https://workspaces.amazonaws.com.example.org"),
    ],
)
def test_only_an_endpoint_of_aws_is_shown_as_aws(endpoint: str, shown: str) -> None:
    assert asked_of(endpoint) == shown


def test_every_assumption_is_on_the_page() -> None:
    """The page shows the assumed answer, and whether `make acceptance` asks AWS."""
    page = (ROOT / "docs" / "aws-behaviour.md").read_text()
    for assumed in ASSUMPTIONS.values():
        answer = f"at most {assumed.answer:g}" if isinstance(assumed.answer, float) else assumed.answer
        assert f"| {assumed.question} | {answer} | {'yes' if assumed.asked else 'no'} |" in page


def test_table_of_a_run_that_fails_early(tmp_path: Path) -> None:
    """It has no answers, and says that the run did not pass."""
    table = Table("2000-01-01T00:00:00Z", "us-east-1", "AWS", "0", "0", "v0")
    assert "The run did not pass, with 0 WorkSpaces calls" in table.markdown()
    assert table.markdown().count("not known") == sum(assumed.asked for assumed in ASSUMPTIONS.values())
