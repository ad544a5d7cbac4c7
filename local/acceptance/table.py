"""A table of AWS's answers, to be sent in and to be compared with the assumptions of the local cloud.

A table holds no account, no image and no message of AWS.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.cloud.assumptions import ASSUMPTIONS, Answer

_AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


@dataclasses.dataclass
class Table:
    """The answers of one run.

    Attributes:
        date: when the run began, in UTC.
        region: the Region.
        endpoint: `AWS`, or the URL of another endpoint, whose answers say nothing about AWS.
        botocore: the version of botocore.
        package: the version of this package.
        engine: the version of Pulumi.
        passed: whether every step of the run passed.
        calls: how many calls to WorkSpaces were made.
        throttled: how many of them were throttled.
        answers: the answers, by their names in `ASSUMPTIONS`; None where the question could not be asked.
        details: remarks about the answers, by the same names.
        made_up: why the answers are made up; empty if they are real.
    """

    date: str
    region: str
    endpoint: str
    botocore: str
    package: str
    engine: str
    passed: bool = False
    calls: int = 0
    throttled: int = 0
    answers: dict[str, Answer | None] = dataclasses.field(default_factory=dict)
    details: dict[str, str] = dataclasses.field(default_factory=dict)
    made_up: str = ""

    def note(self, name: str, answer: Answer | None, detail: str = "") -> None:
        """Record an answer."""
        self.answers[name] = answer
        self.details[name] = detail

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the table into a folder, which is created; return the paths of the Markdown and the JSON file."""
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"aws-answers-{self.date.replace(':', '')}-{self.region}"
        markdown, data = folder / f"{stem}.md", folder / f"{stem}.json"
        markdown.write_text(self.markdown(), encoding="utf-8")
        data.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")
        return markdown, data

    def markdown(self) -> str:
        """Return the table as Markdown."""
        different = differences(self.answers)
        lines = [
            f"# What {'AWS' if self.endpoint == 'AWS' else self.endpoint} answered in {self.region}, {self.date}",
            "",
            *([f"**Made up: {self.made_up}**", ""] if self.made_up else []),
            f"The run {'passed' if self.passed else 'did not pass'}, with {self.calls} WorkSpaces calls, of which "
            f"{self.throttled} were throttled. botocore {self.botocore}, pulumi-workspaces-images {self.package}, "
            f"Pulumi {self.engine}.",
            "",
            "| question | answer | the local cloud assumes | |",
            "| --- | --- | --- | --- |",
        ]
        for name, assumed in ASSUMPTIONS.items():
            if assumed.asked:
                answer, detail = self.answers.get(name), self.details.get(name, "")
                said = f"{'not known' if answer is None else answer}{f' ({detail})' if detail else ''}"
                mark = "**differs**" if name in different else ""
                lines.append(f"| {assumed.question} | {said} | {_shown(assumed.answer)} | {mark} |")
        return "\n".join(lines) + "\n"


def read(path: Path) -> Table:
    """Read the JSON file of a table.

    Raises:
        ValueError: the file does not hold a table.
    """
    try:
        table = Table(**json.loads(path.read_text(encoding="utf-8")))
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from None
    unknown = table.answers.keys() - ASSUMPTIONS.keys()
    if unknown:
        raise ValueError(f"{path}: there is no question named {', '.join(sorted(unknown))}")
    return table


def differences(answers: Mapping[str, Answer | None]) -> dict[str, str]:
    """Return the answers that differ from what the local cloud assumes, by the name of the question."""
    found = {}
    for name, answer in answers.items():
        assumed = ASSUMPTIONS[name]
        if answer is not None and not _agrees(answer, assumed.answer):
            found[name] = f"{assumed.question}: {answer}; the local cloud assumes {_shown(assumed.answer)}"
    return found


def asked_of(endpoint: str) -> str:
    """Return `AWS` for a URL of AWS, or else the URL."""
    return "AWS" if (urlsplit(endpoint).hostname or "").endswith(_AWS_DOMAINS) else endpoint


def _agrees(answer: Answer, assumed: Answer) -> bool:
    if isinstance(assumed, float):
        return isinstance(answer, int | float) and answer <= assumed
    return answer == assumed


def _shown(assumed: Answer) -> Any:
    return f"at most {assumed:g}" if isinstance(assumed, float) else assumed
