"""What AWS has answered, as a table that can be sent in, and laid beside what the local cloud assumes.

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
        date: when it was, in UTC.
        region: where.
        endpoint: `AWS`, or the URL of what was asked instead: such answers are no facts about AWS.
        botocore: the version of botocore.
        package: the version of this package.
        engine: the version of Pulumi.
        passed: whether every step of the run was as it should be.
        calls: how many calls WorkSpaces has got.
        throttled: how many of them it throttled.
        answers: by the names of `ASSUMPTIONS`, what was answered; None where there was no way to find out.
        details: by the same names, what there is to say about an answer.
        made_up: why the table is no real one; empty if it is.
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
        """Note an answer."""
        self.answers[name] = answer
        self.details[name] = detail

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the table into a folder, which is made; return the paths of the Markdown and the JSON file."""
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"aws-answers-{self.date.replace(':', '')}-{self.region}"
        markdown, data = folder / f"{stem}.md", folder / f"{stem}.json"
        markdown.write_text(self.markdown(), encoding="utf-8")
        data.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")
        return markdown, data

    def markdown(self) -> str:
        """Return the table for people."""
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
        ValueError: it is none.
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
    """Return, by the name of the question, where answers are not what the local cloud assumes."""
    found = {}
    for name, answer in answers.items():
        assumed = ASSUMPTIONS[name]
        if answer is not None and not _agrees(answer, assumed.answer):
            found[name] = f"{assumed.question}: {answer}; the local cloud assumes {_shown(assumed.answer)}"
    return found


def asked_of(endpoint: str) -> str:
    """Return `AWS` for a URL of AWS's own, else the URL."""
    return "AWS" if (urlsplit(endpoint).hostname or "").endswith(_AWS_DOMAINS) else endpoint


def _agrees(answer: Answer, assumed: Answer) -> bool:
    if isinstance(assumed, float):
        return isinstance(answer, int | float) and answer <= assumed
    return answer == assumed


def _shown(assumed: Answer) -> Any:
    return f"at most {assumed:g}" if isinstance(assumed, float) else assumed
