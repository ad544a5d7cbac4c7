"""What the README shows is what a user sees."""

from local.environment import ROOT
from tests.engine.harness import Stack
from tests.engine.test_many_accounts import TEAMS, changed_teams, fan_out


def test_preview_of_one_account_added_and_one_removed(stack: Stack, image: str) -> None:
    """Of thirty accounts just the two that change are shown: the README's very text."""
    fan_out(stack, image, TEAMS)
    stack.up()
    fan_out(stack, image, changed_teams())
    lines = stack.preview("--suppress-progress").output.split("\n\n", 1)[1].rstrip().splitlines()
    shown = "\n".join(line.rstrip() for line in lines)
    assert f"```\n{shown}\n```" in (ROOT / "README.md").read_text(), shown
