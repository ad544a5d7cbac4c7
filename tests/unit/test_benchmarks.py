"""What the benchmark makes of its figures, on figures made up for it."""

from pathlib import Path

import pytest

from benchmarks import plan, report
from benchmarks.plan import CONTESTANTS, SIZES, WORKS, PlanError
from benchmarks.results import Command, Growth, Import, Results, aws_calls, load, save
from benchmarks.targets import TARGETS, Verdict, verdicts

IDENTITY, LIST = "sts:GetCallerIdentity", "workspaces:DescribeWorkspaceImagePermissions"

MIB = 2**20


def command(contestant: str, size: str, work: str, seconds: float, round_: int = 0, calls: int = 0) -> Command:
    peak = {"this": 75 * MIB, "null": 50 * MIB}.get(contestant)
    return Command(
        round=round_,
        contestant=contestant,
        size=size,
        work=work,
        seconds=seconds,
        cpu_seconds=1.0,
        cloud_cpu_seconds=0.1,
        calls={IDENTITY: 1, LIST: calls} if calls else {},
        changes=0,
        shared=100,
        provider_cpu_seconds=0.5 if peak else None,
        provider_peak_bytes=peak,
    )


def growth(shares: int, seconds: float, warm: bool = True, round_: int = 0) -> Growth:
    return Growth(round_, "this", "re-check", shares, warm, 2 * seconds, seconds, {LIST: shares // 25, IDENTITY: 1})


ABOUT = {
    "date": "2024-02-29T12:00:00+00:00",
    "cores": 2,
    "cpu": "A Processor",
    "system": "Linux x86_64",
    "load_before": 0.1,
    "python": "3.11.7",
    "pulumi_sdk": "3.272.0",
    "engine": "v3.250.0",
    "boto3": "1.42.0",
    "terraform": "Terraform v1.11.4",
    "aws_cli": "aws-cli/2.1.0 Python/3.11.7",
    "aws_cli_start_seconds": 0.5,
    "latency": 0.1,
    "rounds": 3,
    "quick": False,
}


@pytest.fixture
def results() -> Results:
    """Three rounds, the second of which met with noise."""
    found = Results(ABOUT, {"listing_ms": 0.5, "write_ms": 0.6, "cpu_ms": 0.4, "beyond_latency_ms": 1.0})
    for round_, noise in enumerate((1.0, 3.0, 1.2)):
        found.commands += [
            command("this", "100-on-1", "preview", 2.0 * noise, round_, calls=5),
            command("null", "100-on-1", "preview", 1.0 * noise, round_),
            command("naive", "100-on-1", "preview", 25.0 * noise, round_, calls=250),
            command("this", "500-on-1", "preview", 5.0 * noise, round_, calls=22 if round_ == 1 else 21),
            command("null", "500-on-1", "preview", 3.0 * noise, round_),
        ]
        found.growth += [growth(500, 0.5, round_=round_), growth(5000, 5.0 * noise, round_=round_)]
        found.growth += [growth(500, 0.9, False, round_), growth(5000, 5.4 * noise, False, round_)]
    found.imports = [Import(0, "pulumi", 0.5, 0.4), Import(0, "pulumi_workspaces_images", 0.52, 0.45)]
    return found


def verdict(results: Results, work: str) -> Verdict:
    [found] = [v for v in verdicts(results) if v.target.work == work]
    return found


def test_ratios_are_taken_round_by_round(results: Results) -> None:
    """So that noise that hits a whole round hits both sides of the ratio."""
    found = verdict(results, "no-op preview, 100 on one image, against naive")
    assert found.figures == pytest.approx([0.08, 0.08, 0.08])
    assert found.figure == pytest.approx(0.08)
    assert found.met is False


def test_latencies_are_added_to_the_floor(results: Results) -> None:
    """Which is the null provider's time and what the calls cannot but take."""
    found = verdict(results, "no-op preview, 500 on one image")
    assert found.figures == pytest.approx([5 / 5, 15 / 11, 6 / 5.6])
    assert found.figure == pytest.approx(6 / 5.6)  # the median of 1.00, 1.36 and 1.07
    assert found.met is False


def test_the_worst_round_counts_for_calls(results: Results) -> None:
    """They do not depend on noise; and who is asked for the caller is not counted."""
    found = verdict(results, "API calls of a no-op preview, 500 shares on one image")
    assert (found.figure, found.met) == (22, False)
    found = verdict(results, "API calls of a no-op preview, 100 shares on one image")
    assert (found.figure, found.met) == (5, True)
    assert aws_calls({IDENTITY: 3, LIST: 2}) == 2


def test_the_stricter_of_two_measurements_counts(results: Results) -> None:
    """Of growth the one without what is done once, of imports the one without Python's start."""
    found = verdict(results, "provider-side time of a no-op re-check without latency, N = 5,000 against 500")
    assert found.figure == pytest.approx(12)
    assert found.met is False
    found = verdict(results, "`import pulumi_workspaces_images`, against `import pulumi` alone")
    assert found.figure == pytest.approx(1.125)
    assert found.met is False


def test_memory_is_compared_at_500(results: Results) -> None:
    """The limit itself is met."""
    found = verdict(results, "peak memory of the provider process, N = 500, against null")
    assert (found.figure, found.met) == (1.5, True)


def test_what_was_not_measured_is_neither_met_nor_missed(results: Results) -> None:
    """The table says so."""
    found = verdict(results, "first up, 100 on one image, against terraform_data + AWS CLI")
    assert (found.figure, found.figures, found.met) == (None, [], None)
    assert "AWS CLI | at most 0.15x | \u2013 |  | not measured |" in report.target_table([found])
    assert {v.met for v in verdicts(Results(ABOUT))} == {None}


def test_figures_survive_their_file(results: Results, tmp_path: Path) -> None:
    """The document can be written again without measuring again."""
    save(results, tmp_path / "figures.json")
    assert load(tmp_path / "figures.json") == results


def test_the_document_has_every_target_and_median(results: Results, tmp_path: Path) -> None:
    """And no placeholder is left in it."""
    results.left_out = ["terraform is not here."]
    report.write(results, tmp_path)
    document = (tmp_path / "performance.md").read_text()
    assert all(target.work in document for target in TARGETS)
    assert "| no-op preview, 100 on one image | 2.40 s, 5 calls | 1.20 s, 0 calls | 30.0 s, 250 calls |" in document
    assert "| no-op preview, 500 on one image | 6.00 s, 21 to 22 calls | 3.60 s, 0 calls | \u2013 |" in document
    assert "75 MiB, 0.50 s" in document
    assert "terraform is not here." in document
    assert "$" not in document
    assert "Measured on 2024-02-29, 3 rounds, on 2 cores" in document


def test_the_chart_is_legible_anywhere(results: Results) -> None:
    """It brings its own background, runs no script, and is the same whenever it is drawn."""
    chart = report.chart(results)
    assert "#ffffff" in chart
    assert "<script" not in chart
    assert chart == report.chart(results)
    assert "naive provider" in chart


def test_shares_are_declared_in_another_order_than_they_are_listed() -> None:
    """Always the same one; every image has as many."""
    for size in SIZES:
        shares = plan.shares_of("this", size)
        accounts = [share.account for share in shares]
        assert shares == plan.shares_of("this", size)
        assert len(set(accounts)) == size.shares
        assert accounts != sorted(accounts)
        images = [share.image_id for share in shares]
        assert {images.count(image) for image in images} == {size.shares // size.images}
        assert len(plan.drifted(shares, size)) == size.shares // 100


def test_slow_contestants_are_measured_where_targets_need_them() -> None:
    """With 100 shares, in the first round in everything, later in what is compared."""
    chosen = plan.make([], rounds=3, latency=0.1, quick=False)
    naive = next(c for c in CONTESTANTS if c.slow)
    assert [naive in chosen.contestants_of(size) for size in SIZES] == [True, False, False]
    assert [w for w in WORKS if chosen.measures(naive, SIZES[0], w, 1)] == ["up", "preview"]
    assert [w for w in WORKS if not chosen.measures(naive, SIZES[0], w, 0)] == ["preview-parallel"]


def test_only_takes_names_of_every_kind() -> None:
    """Of a kind of which none is named, all; but parts only if one is named or nothing is."""
    chosen = plan.make(["this", "null", "preview"], rounds=1, latency=0.1, quick=False)
    assert [c.name for c in chosen.contestants] == ["this", "null"]
    assert (chosen.works, chosen.parts, chosen.sizes) == (("preview",), ("commands",), SIZES)
    assert plan.make(["growth"], 1, 0.1, False).parts == ("growth",)
    assert plan.make([], 1, 0.1, False).parts == plan.PARTS
    with pytest.raises(PlanError, match=r"--only everything: there are this, null, naive, terraform, 100-on-1"):
        plan.make(["everything"], 1, 0.1, False)
