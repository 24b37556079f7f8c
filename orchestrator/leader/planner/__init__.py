"""The planner: a goal becomes phases, tasks and specs, asked of a model in steps and believed only once checked.

`answers` says what is asked for and reads it, `checks` finds what is wrong with it, `papers` makes documents of it (all
three pure); `reading` chooses what of the repository is shown, `asking` puts the questions, `memory` keeps each answer
before the next question, `planning` is the whole way from the goal to a plan that waits for a person.
"""
