"""The queue: every way in which a run changes its state.

    queued ──claim──> running ──finish──> finished
      ^  │              │ ├────fail─────> failed     (exception, divergence, too many losses)
      │  └───cancel─────│─┼────cancel───> cancelled
      ├──lose, release──┘ │
      └──────retry────────┴── from failed and cancelled

Runs enter by `admission`, are taken by `claims` and end by `endings`; `actions` are what people do to them.

Each function is one step inside the caller's write transaction. What a worker does carries its claim
and has an effect only while `(id, attempt, status = 'running')` still holds: the fence.
"""
