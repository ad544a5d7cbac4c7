"""docs/troubleshooting.md has an entry for every message, and none for a message that no longer exists."""

import ast
import re
from collections.abc import Iterator

from local.environment import ROOT
from pulumi_workspaces_images.aws.credential_process import _LAUNCHER
from pulumi_workspaces_images.commands.adopt import _DESCRIPTION, _EXAMPLE

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
SOURCES = [*(ROOT / "components" / "pulumi_workspaces_images").rglob("*.py"), ROOT / "__main__.py"]

# The command line's help.
HELP = {
    " ".join(_DESCRIPTION.split()),
    " ".join(_EXAMPLE.split()),
    "python -m pulumi_workspaces_images",
    "Amazon WorkSpaces image shares as Pulumi resources.",
    "print the shares that exist as configuration of the stack program",
    "the id of an image, e.g. wsi-0a1b2c3d4; default: all images that the account owns in the Regions",
    "a Region of the images; may be repeated; default: AWS_REGION, AWS_DEFAULT_REGION, the profile's",
    "a profile of the AWS configuration files; default: the environment",
}
# How a message begins: what was being done.
DOING = {
    "describing … … in …",
    "listing the images in …",
    "listing the shares of image … in …",
    "asking AWS who the caller is",
    "updating the exclusive list of image … in …",
    "deleting the exclusive list of image … in …",
    "reading the exclusive shares of image … in …",
    "…: assuming the configured role",
    "asking the organization about account …",
    "reading the AWS profile",
    "connecting to … in …",
}
# Parts that other messages contain.
PARTS = {
    "… image … … … in …",  # "sharing image … with … in …"
    "image label -> {imageId, accounts, ...}",
    "group name -> accounts",
    "; it is …",
    "pulumi plugin install resource aws v…",
    "an Output",
    "a value of type …",
    "AWS_PROFILE or AWS_DEFAULT_PROFILE",
    "a list of strings",
    "a list of objects",
    "did you mean aws:…?",
    "put settings of your own program in another namespace",
    "(it comes from aws:region, AWS_REGION, AWS_DEFAULT_REGION or the AWS profile)",
    "(… comes from AWS_REGION, AWS_DEFAULT_REGION or the AWS profile…)",
    "; the state has other shares in …",
    "(… is the Region in the state; to move the share, give the resource a region)",
    "for account … (…)",
    "account … (…)",
    "the caller",
    "; … is …",
    "the caller's account",
    "the configured Region",
    "the Region of the provider …",
    "cannot be started (it does not exist or is not executable); correct the profile",
    "ended with exit code ……; …",
    "run it by hand to see why",
    "did not print JSON; …",
    'printed JSON without "Version": 1; …',
    "printed JSON without …; …",
    "printed an Expiration that is not a time, e.g. 2030-01-31T12:00:00Z; …",
    "printed credentials that have expired; …",
    "did not end in … s and was stopped; run it by hand to see what it waits for",
    "was stopped because the command was interrupted",
    "the AWS environment or profile",
    "the configured role",
    "the AWS profile …:",
    "the signature does not match the request, or this machine's clock is wrong",
    "not accepted",
    "reading image share … in …: not shared",
    "unsharing image … from … in …: not shared",
    "the update grants it again",
    "unsharing image … from … in …: kept",
    "the disk is full",
    "the engine's process was not found",
    "`pulumi up` grants it again",
}
# Never shown: an exception's text that is replaced, a thread's name, a program.
INTERNAL = {"no answer to …", "engine watch", " ".join(_LAUNCHER.split())}
LEFT_OUT = HELP | DOING | PARTS | INTERNAL


def texts(node: ast.AST) -> Iterator[str]:
    """Yield a source's strings without docstrings and types, each on one line, with `…` for inserted values."""
    if isinstance(node, (ast.Constant, ast.JoinedStr)):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
        yield " ".join(text.split())
        return
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and not docstring and name not in ("annotation", "returns", "slice"):
                yield from texts(child)


SHOWN = {text for path in SOURCES for text in texts(ast.parse(path.read_text()))}
ITEMS = [" ".join(item.split()) for item in re.findall(r"^- (.*\n(?: {2}.*\n)*)", PAGE, re.MULTILINE)]
ENTRIES = [re.sub(r"^(`+) ?(.+?) ?\1$", r"\2", item) for item in ITEMS]


def test_every_message_has_an_entry() -> None:
    messages = {text for text in SHOWN if len(re.findall(r"\S*[^\W\d_]\S*", text)) >= 2}
    assert messages - LEFT_OUT - set(ENTRIES) == set()


def test_no_entry_is_about_a_message_that_no_longer_exists() -> None:
    assert set(ENTRIES) - SHOWN == set()


def test_entry_is_one_code_span_and_appears_once() -> None:
    assert [item for item in ITEMS if not re.fullmatch(r"`[^`]+`|``.+``", item)] == []
    assert len(ENTRIES) == len(set(ENTRIES))


def test_strings_without_an_entry_are_in_the_source() -> None:
    assert not LEFT_OUT - SHOWN


def test_every_beginning_of_a_message_is_explained() -> None:
    assert {part for part in DOING if f"`{part}`" not in PAGE} == set()
