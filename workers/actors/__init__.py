"""One module per stage: `<stage>.py` holds the actors that call that stage's service.

How to add one. In `<stage>.py`, decorate `async def name(work: Work, order_id: UUID) -> None` with
`@effect("stage.verb", Limits(queue="light"))`; its body is one service call. It gets the ids it names
out of the job's row, and `settings: Settings` if it asks. What may pass by itself is named in
`retried=(Conflict,)`; every other refusal by the domain is a dead letter at once, anything else is
tried again by the table in `marketplace/infra/jobs/backoff.py`. When something slow or outside is
called, make an `Outward(name=, limits=, load=, call=, record=)` instead: no transaction is open in
`call`, and the job id is its idempotency key.

Then say who asks for it: a row in `workers/subscriptions.py` (after a fact), an entry in
`workers/schedule.py` (by the clock), or `work.enqueue("stage.verb", {...})` in a service. Tests check
that names, queues and ids fit together and that no actor is forgotten.
"""
