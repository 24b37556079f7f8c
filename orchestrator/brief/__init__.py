"""The re-entry pack a fresh session reads: always within its budget, however long the project has run. Pure.

Tokens are estimated without a tokenizer: UTF-8 bytes / 3, rounded up. As no text has more characters than
bytes, the default budget of 2,400 tokens is also at most 7,200 characters.

What does not fit is dropped in the fixed order of `fitting`, one line at a time from a part's end: first the
file list and what is long of the conventions, then most of the open TODO and the older decisions; last of all
the next action, the pointers and the phase. A part that lost lines says how many, and where they are.
"""

from orchestrator.brief.fitting import Brief, clipped, fit
from orchestrator.brief.parts import Documents, parts, short

__all__ = ["DEFAULT_BUDGET", "LEAST_BUDGET", "MOST_BUDGET", "Brief", "Documents", "brief", "short"]

DEFAULT_BUDGET, LEAST_BUDGET, MOST_BUDGET = 2_400, 200, 4_000
_LEADS = {
    "startup": "A fresh session: read this, then go on with the first next action.",
    "resume": "A resumed session: the project may have moved on without you; this is where it stands now.",
    "compact": "The conversation was compacted: this is what git knows; trust it over what you remember.",
}


def brief(documents: Documents, budget: int = DEFAULT_BUDGET, source: str = "startup") -> Brief:
    """Return the pack for a session that starts because of `source`, in at most `budget` tokens."""
    budget = max(LEAST_BUDGET, min(budget, MOST_BUDGET))
    head = f"# {clipped(documents.workflow, 80)}\n\n{_LEADS.get(source, _LEADS['startup'])}\n\n"
    return fit(head, parts(documents), budget)
