"""A preview reports everything it can know: one line per problem, and all problems of a resource together."""

import pytest

from tests.engine.harness import SALES, Stack


@pytest.mark.nightly
def test_accounts_as_the_command_line_stores_them(stack: Stack, image: str) -> None:
    """Numbers are accepted. If a leading zero was lost, the message asks for quotes (cases 14 and 16)."""
    zero = "012345678905"
    stack.program(f"ImageShares('golden', {image!r}, pulumi.Config().require_object('accounts'), exclusive=True)")
    stack.preview(ok=False)  # it writes the configuration file
    stack.keep_configuration_file = True
    for n, (label, account) in enumerate({"sales": SALES, "legal": zero}.items()):
        stack.run("config", "set", "--path", f"accounts.{label}", account)
        stack.run("config", "set", "--path", f"workspaces-images:allowedAccountIds[{n}]", account)
    stack.up()
    assert stack.declared() == {"golden-sales": SALES, "golden-legal": zero}
    assert stack.preview().clean
    file = stack.folder / "Pulumi.test.yaml"
    written = file.read_text()
    assert f"sales: {SALES}\n" in written
    file.write_text(written.replace(f'legal: "{zero}"', f"legal: {zero}"))
    assert stack.preview(ok=False).line("a number with fewer digits: an account id that begins with 0 needs quotes")
    file.write_text(written.replace(f'- "{zero}"', f"- {zero}"))
    assert stack.preview(ok=False).line(f'must be a list of account ids of 12 digits in quotes, e.g. ["{zero}"]')


def test_all_problems_of_a_resource_together(stack: Stack) -> None:
    """The preview names the property of each problem."""
    stack.program("ImageShare('sales', image_id='x', shared_account_id='y', region='z')")
    run = stack.preview(ok=False)
    assert "Traceback" not in run.output
    for name in ("image_id", "shared_account_id", "region"):
        assert run.line("sales", name)
