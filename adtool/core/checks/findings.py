"""What was found, as a person and as a program read it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from adtool.core.words import counted as counted  # with what is counted

Severity = Literal["error", "warning"]
ERROR: Severity = "error"
WARNING: Severity = "warning"
SHOWN = 3  # examples named in a sentence


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong.

    Attributes:
        code: its name, for programs.
        severity: error or warning.
        noun: what is counted, in the singular.
        what: the rest of the sentence after the number and the noun.
        do: what to do.
    """

    code: str
    severity: Severity
    noun: str
    what: str
    do: str


@dataclass(frozen=True)
class Finding:
    """One rule that something breaks.

    Attributes:
        rule: which.
        where: the category or folder.
        cases: each thing that breaks it, sorted.
        more: how many more do, that are not named.
    """

    rule: Rule
    where: str
    cases: tuple[str, ...]
    more: int = 0

    @property
    def count(self) -> int:
        """How many break it."""
        return len(self.cases) + self.more

    @property
    def title(self) -> str:
        """How many of what are wrong."""
        return f"{counted(self.count, self.rule.noun)} {self.rule.what}"

    def sentence(self) -> str:
        """All of it in one line, with the first examples, as steps say it that do something else."""
        place = f"{self.where}: " if self.where else ""
        more = f" and {self.count - SHOWN:,} more" if self.count > SHOWN else ""
        return f"{place}{self.title}: {', '.join(self.cases[:SHOWN])}{more}. {self.rule.do}"

    def text(self, examples: int) -> str:
        """What and where, the first examples, and what to do; a line each."""
        shown = list(self.cases[:examples])
        more = [f"and {self.count - len(shown)} more"] if self.count > len(shown) else []
        title = f"{self.rule.severity}: {self.where}: {self.title}"
        return "\n".join((title, *(f"    {line}" for line in (*shown, *more)), f"    -> {self.rule.do}"))

    def as_json(self, examples: int) -> dict[str, object]:
        """The same for a program."""
        return {
            "severity": self.rule.severity,
            "code": self.rule.code,
            "where": self.where,
            "count": self.count,
            "what": self.title,
            "examples": list(self.cases[:examples]),
            "do": self.rule.do,
        }


@dataclass
class Findings:
    """All that was found, how much was looked at, and what could be done better, though nothing is wrong."""

    found: list[Finding] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)

    def add(self, rule: Rule, where: str, cases: Iterable[object]) -> None:
        """Note what breaks a rule, if anything does."""
        named = tuple(sorted(str(case) for case in cases))
        if named:
            self.found.append(Finding(rule, where, named))

    def add_row(self, folder: str, category: str, checked: str, since: int) -> None:
        """Note that a category was looked at; `since` is how many findings there were before."""
        of_it = [finding.rule.severity for finding in self.found[since:]]
        row: dict[str, object] = {"folder": folder, "category": category, "checked": checked}
        self.rows.append({**row, "errors": of_it.count(ERROR), "warnings": of_it.count(WARNING)})

    @property
    def errors(self) -> list[Finding]:
        """What must be mended."""
        return [finding for finding in self.found if finding.rule.severity == ERROR]

    @property
    def in_order(self) -> list[Finding]:
        """Errors before warnings, otherwise as they were found."""
        return sorted(self.found, key=lambda finding: finding.rule.severity != ERROR)
