"""The built-in agent: a loop of model calls and tools, which goes on after a kill from its last recorded turn.

`folder` opens files so that no path leads out of the worktree; `files`, `search` and `shell` are the tools, `tools`
offers them to a model and checks what it asks; `journal` and `talk` are the memory, `loop` takes the turns, `agent` is
the adapter.
"""
