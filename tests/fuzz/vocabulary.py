"""What outside text is made of: for each format the lines, words and bytes that mean something to its parser."""

ODD = (
    "\u2028", "\x0b", "\x0c", "\x85", "\x1c", "\x1f", "\xa0", "\u200b", "\ufeff", "\u202e", "\u0130", "\u00df", "\u0661",
    "\U0001f986", "e\u0301", "\ufdfa", "\u0000", "\x1b[31m", "\r", "\r\n", "\t", "\\", "  \n", "\n\n\n", "`", "|", "**",
)  # fmt: skip

MARKDOWN = (
    "# T\n", "## S\n", "### s ###\n", "#\n", "text\n", "  text\n", "    code\n", "\tcode\n", "- item\n", "* x\n", "+ y\n",
    "1. one\n", "2) two\n", "999999999. n\n", "  - nested\n", "-\n", "- - -\n", "---\n", "***\n", "===\n", "```\n",
    "````\n", "~~~ x\n", "- ```\n", "<!--\n", "-->\n", "<!-- x -->\n", "<pre>\n", "</pre>\n", "> q\n", "> - q\n",
    "| a | b |\n", "|---|---|\n", "| \\| |\n", "||\n", "**K**: v\n", "**K:** v\n", "**K**:\n", "****: v\n", "  **a b** : c\n",
    "<<<<<<< HEAD\n", "=======\n", ">>>>>>> x\n", "(none)\n", "[a](b)\n", "\n", "\n", " \n",
)  # fmt: skip

SPEC = (
    "# Spec: x\n", "## Goal\n", "## Files to Read\n", "## Files to Modify\n", "## Requirements\n", "## Constraints\n",
    "## Deliverable\n", "### Goal\n", "- a.py\n", "- `a b.py` (shared: x)\n", "- src/\n", "- **/*.py (all)\n", "- [!a]*\n",
    "- ../x\n", "- /etc\n", "- ~/x\n", "- .git/config\n", "- git~1\n", "- C:\\x\n", "- a//b\n", "- a.\n", "- -x\n", "- [\n",
    "- `\n", "- ``\n", "- a:\n", "**Agent**: person\n", "**Attempts**: 3\n", "**Attempts**: 0\n", "**Timeout**: 1.5\n",
    "**Timeout**: 1e9\n", "**Risky**: yes (why)\n", "**Draft**: maybe\n", "**Allow**: symlinks, x\n", "attempts: 2\n",
)  # fmt: skip

RESULT = (
    "## Result: x\n", "# Result:\n", "**Status**: Complete\n", "**Status**: dead letter\n", "**Status**: Done\n",
    "**Lines added**: 1-2\n", "**Files changed**: `a`, b, `c\n", "**Decisions**: a\n", "**Tests needed**:\n",
    "**Issues**: None\n", "- an issue\n", "  more of it\n", "### Attempts\n", "## Attempts\n",
    "| Attempt | Status | Failure | Agent | Commit | Why | Seconds |\n", "| 1 | failed | scope | a | b | c | 1.0 |\n",
    "| x | y |\n", "| 99999999999 |\n", "| \u0661 |\n",
)  # fmt: skip

TODO = (
    "# TODO\n", "## Implementing\n", "## Phase 2: Testing (later)\n", "### Planning\n", "- [ ] a: do a\n", "- [x] b: do b\n",
    "- [-] c\n", "- [X] D-1: d (after: a, b)\n", "- [ ] `e`: e (committed: abc)\n", "- [ ] f  <-- CURRENT\n", "- [ ]\n",
    "- [] g\n", "- [y] h\n", "- [ ](x)\n", "- [ ] ../x: i\n", "- [ ] a..b: i\n", "- [ ] x.lock: j\n", "- [ ] \u00e9t\u00e9\n",
    "- [ ] a <!-- n -->\n", "  - [ ] sub: s\n", "1. [ ] n: n\n", "* [ ] s: (after: s)\n", "- [ ] t: (after: nothing)\n",
    "- [ ] u: (after: v)\n", "- [ ] v: (after: u)\n", "- [ ] A: do a again\n", "- [ ] \U0001f986\n", "  a note\n",
)  # fmt: skip

STATE = (
    "# Workflow State\n", "**Current phase**: IMPLEMENTING\n", "**Current phase**: PLANNING\n", "current phase: TESTING\n",
    "**Started**: 2026-02-22 09:00\n", "**Last checkpoint**: x\n", "**Workflow**: w\n", "## Phase Status\n",
    "| Phase | Status | Entered | Completed |\n", "| Status | Phase |\n", "|---|---|---|---|\n", "| Planning | COMPLETE |\n",
    "| Testing | in-progress | 1 | -- |\n", "| x | UNKNOWN |\n", "Planning | PENDING\n", "|Deploying|PENDING|\n",
    "## Progress\n", "## Implementation Progress\n", "- [x] a (committed: abc)\n", "- [ ] b  <-- CURRENT\n", "- [?] c\n",
    "## Blocking Issues\n", "(none)\n", "- (none)\n", "- `key`: text\n", "- a person's\n", "## Decisions Log\n", "- 09:15: x\n",
)  # fmt: skip

CHECKPOINT = (
    "# Checkpoint: x\n", "# Checkpoint\n", "**Date**: 2026-02-22 11:30\n", "**Resumable by**: any\n", "## Key Decisions\n",
    "## Context Required to Resume\n", "## Key Decisions (do not re-evaluate)\n", "## Next Actions (in order)\n",
    "## State Summary\n", "## Current File State\n", "1. Read `CLAUDE.md`\n", "- `a`: 3 lines\n", "  continued\n",
)  # fmt: skip

YAML = (
    "---\n", "...\n", "key: value\n", "Status: Complete\n", "status: x\n", "current_phase: TESTING\n", "a: [1, 2]\n",
    "a: {b: {c: d}}\n", "- item\n", "? complex\n", ": x\n", "a: &x b\n", "b: *x\n", "<<: *x\n", "a: !!python/object:os.x {}\n",
    "a: !t v\n", "%YAML 1.2\n", "%TAG ! x\n", "a: |\n", "  block\n", "a: >-\n", "a: 'it''s'\n", 'a: "\\U00110000"\n',
    'a: "\\ud800"\n', 'a: "\\x00"\n', 'a: "\\q"\n', 'a: "open\n', "a: 'open\n", "a: [\n", "a: {\n", "]\n", "}\n", "# note\n",
    "a: 007\n", "a: 1:30\n", "yes: no\n", "2026-02-22: t\n", "a : b\n", "a:b\n", "\ta: b\n", "allow: [symlinks]\n",
    "[a]: b\n", "{a: b}: c\n", "a: ''\n", "'a': b\n", "~: x\n", "a: @x\n", "a: `x`\n", "a: |9\n", "a: >9999999999\n",
)  # fmt: skip

TOML = (
    "[limits]\n", "[agents.a]\n", '[agents."my agent"]\n', "[verify]\n", "[tool.orchestrator.limits]\n", "[roles]\n",
    "jobs = 4\n", "attempts = 3\n", "timeout = 1.5\n", "timeout = inf\n", "timeout = nan\n", "timeout = -1e400\n",
    'command = ["a", "{files}"]\n', 'command = "x"\n', 'kind = "scripted"\n', 'script = "s.toml"\n', 'worker = "a"\n',
    "jobs = true\n", "jobs = 0x" + "f" * 5000 + "\n", "jobs = " + "9" * 5000 + "\n", "every = 5\n", 'every = "task"\n',
    "limits = 1\n", "limits.jobs = 2\n", "agents = []\n", "agents.a = 1\n", "[[agents]]\n", "[[agents.a]]\n", "[agents]\n",
    "[limits\n", "]\n", "a = [\n", "a = {b = 1}\n", "a = {\n", "x = '''\n", "'''\n", 'x = """\n', '"""\n', 'x = "\\uD800"\n',
    "x = 1979-05-27T07:32:00Z\n", "x = 99999-01-01\n", "'' = 1\n", '"a.b" = 1\n', "jobs = " + "[" * 2000 + "\n",
    "env = ['A']\n", 'phases = ["A", "A"]\n', "# note\n", "jobz = 4\n", '\\"' * 9 + "\n", "x = 0o9\n", "x = 1__0\n",
)  # fmt: skip

SCRIPT = (
    "[[attempt]]\n", "[attempt]\n", "attempt = 1\n", 'task = "a"\n', "attempt = -1\n", "sleep = 0.2\n", "sleep = nan\n",
    "sleep = 1e300\n", "sleep = -inf\n", 'write = {"a" = "x"}\n', 'append = {"../a" = "x"}\n', 'write = {"" = ""}\n',
    'delete = ["a", "/b"]\n', "delete = [1]\n", 'echo = "x"\n', 'echo = "."\n', 'result = "r"\n', 'say = "s"\n', "hang = true\n",
    "hang = 1\n", 'exit = "complete"\n', 'exit = "no"\n', "[attempt.write]\n", '"a/b" = "c"\n', "say = 0x" + "f" * 5000 + "\n",
    'say = """\n', '"""\n', "[[attempt.write]]\n", "attempts = 1\n", "write = " + "{a=" * 900 + "\n", "x.y = 1\n",
)  # fmt: skip

CONVENTIONS = (
    "<!-- orchestrator:begin -->\n", "<!-- orchestrator:end -->\n", "<!-- orchestrator:begin -->", "<!-- orchestrator:end -->",
    "# Conventions\n", "text\n", " <!-- orchestrator:begin -->\n", "\r\n", "\n", "text",
)  # fmt: skip

MESSAGE = (
    "Task: a\n", "Task: b/../c\n", "Attempt: 1\n", "Checkpoint: 0007\n", "Checkpoint: " + "9" * 5000 + "\n", "Reopen: a/2\n",
    "Checkpoint: \u0661\u0662\n", "Reopen: a/" + "9" * 5000 + "\n", "Reopen: /\n", "Workflow: w\n", "Phase: TESTING\n",
    "\n", "\n", "  Task: a\n", "Task : a\n", "Task:a\n", "task: a\n", "Task: a\n continued\n", "\tTask: a\n", "---\n",
    "This reverts commit 0123456789abcdef0123456789abcdef01234567.\n", "Signed-off-by: A <a@b>\n", "# comment\n", "subject\n",
    "This reverts commit 0123456, reversing\nchanges made to 7654321.\n", "\x1f", "\x1fTask: a", "\x1e", "Task: a\x1fx\n",
    "Last words:\n", "Result document:\n", "    Result document:\n", "Fate: finished\n", "Failure: x\n", "Seconds: nan\n",
    "(cherry picked from commit 0123456)\n", "diff --git a/x b/x\n", "Co-authored-by: x\n", "Epoch: 1\n", "Spec-Sha: x\n",
)  # fmt: skip

PATHS = (
    "a", "b", ".", "-", "_", " ", "\t", "\n", "\r", '"', "'", "\\", "*", "?", "[", "]", "{", "}", "!", ":", ";", ",", "~", "%",
    "#", "$", "&", "|", "<", ">", "=", "@", "^", "`", "(", ")", "+", "\x01", "\x1f", "\x7f", "\x1b[31m", "\u00e9", "e\u0301",
    "\u2028", "\u202e", "\U0001f986", ".git", ".GIT", "git~1", ".gitattributes", "..", "--", ":(glob)", ":/", "**", "CLAUDE.md",
)  # fmt: skip
