#!/bin/sh
# The bare git commands of so many empty tasks, one after another: what a careful script would do, and no more.
# Its bookkeeping is one line by the shell itself; checks, locks, retries and recovery are left out.
# usage: bare_git.sh FOLDER-FOR-WORKTREES COUNT; runs in the repository
set -e
worktrees=$1 count=$2 number=0
while [ "$number" -lt "$count" ]; do
  task=task-$number
  git worktree add -q --detach "$worktrees/$task" HEAD
  git -C "$worktrees/$task" commit -q --allow-empty -m "attempt $task"
  work=$(git -C "$worktrees/$task" rev-parse HEAD)
  git merge -q --no-ff -m "land $task" "$work"
  echo "- [x] $task" >> PROGRESS.md
  git add PROGRESS.md
  git commit -q -m "checkpoint $task"
  git worktree remove --force "$worktrees/$task"
  number=$((number + 1))
done
