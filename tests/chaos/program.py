"""The Python text of a random program of the model."""

from tests.model.steps import PROVIDERS, Program

# Each explicit provider is a process of its own.
_HEAD = """import json
aws = pulumi.Config("aws")
def provider(name):
    return Provider(
        name,
        region=aws.require("region"),
        endpoints=json.loads(aws.require("endpoints")),
        max_retries=int(aws.require("maxRetries")),
        retry_mode=aws.require("retryMode"),
    )"""


def text(program: Program) -> str:
    """Return the text of a program."""
    resources = program.resources()
    # Only the providers that are used: each further process costs a second in each command.
    explicit = sorted({resource.process for resource in resources} - {PROVIDERS[0]})
    lines = [_HEAD, *(f"{name} = provider({name!r})" for name in explicit)]
    for resource in resources:
        options = [f"provider={resource.process}"] if resource.process in explicit else []
        options += ["delete_before_replace=True"] if resource.delete_before_replace else []
        arguments = [f"{name}={value!r}" for name, value in resource.arguments.items()]
        lines.append(
            f"{resource.provider.__name__.removesuffix('Provider')}({resource.name!r}, {', '.join(arguments)}, "
            f"opts=ResourceOptions({', '.join(options)}))"
        )
    return "\n".join(lines)


def shown(program: Program) -> str:
    """Return the declarations of a program in one line, for the log."""
    shares = [f"{name} ({short(share)}, {provider})" for name, share, provider in program.shares]
    lists = [
        f"only {image[4:]} ({', '.join(sorted(program.listed(image))) or 'no account'}, {exclusive.provider}"
        f"{', report' if exclusive.report_only else ''})"
        for image, exclusive in program.exclusives
    ]
    return ", ".join(shares + lists) or "nothing"


def short(share: tuple[str, str]) -> str:
    """Return a share in a few characters."""
    image, account = share
    return f"{account[0]}{account[-1]} of {image[4:]}"
