"""What came out of a scenario, in figures and in sentences."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Verdict:
    """Good until something is blamed."""

    scenario: str
    seed: int
    lines: list[tuple[str, object]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether the promise was kept."""
        return not self.wrong

    def say(self, what: str, value: object) -> None:
        """Add a line to the table."""
        self.lines.append((what, value))

    def demand(self, holds: bool, sentence: str) -> None:  # noqa: FBT001 - reads as it should
        """Blame unless it holds."""
        if not holds:
            self.wrong.append(sentence)

    def table(self) -> str:
        """The whole of it as text."""
        width = max((len(what) for what, _ in self.lines), default=0)
        head = f"{self.scenario}, seed {self.seed}: {'kept' if self.good else 'BROKEN'}"
        body = [f"  {what:<{width}}  {value}" for what, value in self.lines]
        return "\n".join([head, *body, *(f"  ! {sentence}" for sentence in self.wrong[:20])])
