"""The queue: every way in which a run changes its state.

    queued ──claim──> running ──finish──> finished
      ^  │              │ ├────fail─────> failed     (exception, divergence, too many losses)
      │  └───cancel─────│─┼────cancel───> cancelled
      ├──lose, release──┘ │
      └──────retry────────┴── from failed and cancelled

`admission` adds runs, `claims` takes them and `endings` ends them; `actions` has the actions of people.

Each function is one step inside the caller's write transaction. A step of a worker carries its claim and
has an effect only while the fence `(id, attempt, status = 'running')` holds.
"""
