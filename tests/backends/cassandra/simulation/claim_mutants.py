"""The protocol of claims with one rule taken out each, and where that shows."""

from __future__ import annotations

from atleastonce_cassandra import retries
from atleastonce_cassandra.protocol import claim, clock, fail, hold, save, swap
from atleastonce_cassandra.protocol.claim import Taking
from atleastonce_cassandra.protocol.hold import Holding
from atleastonce_cassandra.protocol.state import State
from atleastonce_cassandra.protocol.steps import Change, ReadClaims, ReadVersions, Report, Swap

from . import failing
from .altering import altered
from .mutants import WallClock, any_number_is_written


def plain_writes(client, place, wanted, seen, unclear=None):
    """What is there is read and written over."""
    there = yield ReadClaims(place, list(wanted), settled=True)
    made = {id: decide(there.get(id)) for id, decide in wanted.items()}
    for id, new in made.items():
        old = there.get(id)
        while new is not None and new != old:
            answer = yield Swap(place, [Change(id, old, new)], 0)
            if answer.applied:
                break
            old = (yield ReadClaims(place, [id], settled=True)).get(id)
    return {id: new for id, new in made.items() if new is not None}


def believed_lost(client, place, wanted, seen, unclear=None):
    """What is not answered is taken for applied."""
    return altered(
        swap.swap(client, place, wanted, seen),
        answer_of=lambda step, answer: (
            answer._replace(applied=True) if isinstance(step, Swap) and answer.applied is None else answer
        ),
    )


def hints_believed(client, place, wanted):
    """What is remembered or hinted may say that a claim is lost."""
    seen = {id: client.known.get(place, id) for id in wanted}
    unknown = [id for id, state in seen.items() if state is None]
    if unknown:
        seen.update((yield ReadClaims(place, unknown)))
    changed = yield from swap.swap(client, place, wanted, seen)
    there = (yield ReadVersions(place, list(changed))) if changed else {}
    return {id: state for id, state in changed.items() if there.get(id) == state.version}


def denied(client, place, wanted, seen, unclear):
    """What may have been changed before somebody else did, was not."""
    return (yield from swap.swap(client, place, wanted, seen))


def sent_again(self, query, consistency, error, *args, retry_num, **kwargs):
    return self._next(retry_num)


def not_read_again(client, place, takings, seen):
    return (yield from swap.swap(client, place, {id: taking.decide for id, taking in takings.items()}, seen))


def newer_only_where_it_is_seen(client, place, rows):
    """A claim of a newer version says nothing where the row is still the older one."""
    seen = (yield ReadClaims(place, [row.id for row in rows])) if rows else {}
    newer = [row for row in rows if row.id in seen and seen[row.id].is_newer(row.version)]
    there = (yield ReadVersions(place, [row.id for row in newer])) if newer else {}
    return seen, {row.id for row in newer if there.get(row.id) != row.version}


def measured_once(client):
    if client.clock._state is None:
        yield from PREPARE(client)


PREPARE = save.prepare


def not_settled(client, place, wanted, seen, unclear=None):
    """What may be applied later on is not ended first."""
    return altered(
        SWAP(client, place, wanted, seen, unclear),
        lambda step: step._replace(settled=False) if isinstance(step, ReadClaims) else step,
    )


SWAP = swap.swap


def not_recognised(client, place, wanted, seen, unclear):
    """What this very call applied is taken for somebody else's."""
    changed, doubtful, rest = {}, set(), dict(wanted)
    for _ in range(swap.MAX_TRIES):
        changes = []
        for id, decide in list(rest.items()):
            new = decide(seen.get(id))
            if new is None or new == seen.get(id):
                del rest[id]
                if new is not None:
                    changed[id] = new
                elif id in doubtful:
                    unclear.add(id)
            else:
                changes.append(Change(id, seen.get(id), new))
        if not changes:
            break
        answer = yield Swap(place, changes, client.clock.now())
        if answer.applied:
            changed.update((change.id, change.new) for change in changes)
            break
        if answer.applied is None:
            doubtful.update(change.id for change in changes)
            seen = yield ReadClaims(place, list(rest), settled=True)
        else:
            seen = answer.seen
    return changed


def not_looked_whether_it_is_there(client, place, wanted):
    """Whatever was meant is taken to be there."""
    return altered(
        CHANGE(client, place, wanted),
        lambda step: None if isinstance(step, ReadVersions) else step,
        lambda step, answer: dict.fromkeys(step.ids, Anything()) if isinstance(step, ReadVersions) else answer,
    )


CHANGE = hold.change


class Anything:
    """Equals whatever it is compared with."""

    __hash__ = None

    def __eq__(self, other):
        return True


def untold(client, place, takings, seen):
    """Attempts that another claimer found out are not shown to readers."""
    return altered(CLAIMED_OF(client, place, takings, seen), lambda step: None if isinstance(step, Report) else step)


CLAIMED_OF = claim.claimed_of


def always_outdated(client, place, rows):
    seen = (yield ReadClaims(place, [row.id for row in rows])) if rows else {}
    return seen, {row.id for row in rows if row.id in seen and seen[row.id].is_newer(row.version)}


def outdated_here(client, place, rows):
    return altered(
        SEEN(client, place, rows),
        lambda step: step._replace(everywhere=False) if isinstance(step, ReadVersions) else step,
    )


SEEN = claim._seen


def state_of_any_token(self, old):
    if old is not None and self.version in {None, old.version}:
        return old
    return STATE(self, old)


def state_of_any_version(self, old):
    return old if self.token is None and old is not None else STATE(self, old)


def state_over_newer(self, old):
    state = STATE(self, old)
    return State(self.version) if state is None and self.token is None else state


STATE = Holding.state


def free_though_held(state, version, now, due_by):
    return state is None or state.version != version or due_by is None or (state.due_at or 0) <= due_by


def free_though_not_due(state, version, now, due_by):
    return state is None or state.version != version or not state.is_held(now)


def decided(change):
    """What is taken becomes something else: of the `Taking`, the old state and the new one."""
    original = Taking.decide

    def decide(self, old):
        new = original(self, old)
        return new if new is None or new == old else change(self, old, new)

    return ((Taking, "decide", decide),)


def at_no_cost(self, old, new):
    return new._replace(attempts=new.attempts - self.lost)


def of_another_version(self, old, new):
    return new if old is None else new._replace(attempts=max(new.attempts, old.attempts))


def taken_over_newer(self, old):
    return DECIDE(self, None if old is not None and old.version != self._version else old)


DECIDE = Taking.decide


class NothingCopied(Taking):
    """Does not know what the row knows."""

    def __init__(self, client, version, lease, due_by, token, copied, seen):
        super().__init__(client, version, lease, due_by, token, 0, seen)


def renewed(change):
    """A heartbeat makes something else: of the old state and the new one."""
    original = hold.renewed

    def replaced(client, holding, *, started=False):
        decide = original(client, holding, started=started)

        def decided(old):
            new = decide(old)
            return None if new is None else change(old, new, started)

        return decided

    return ((hold, "renewed", replaced),)


def released(change):
    original = hold.released

    def replaced(holding, due_at, *, unstarted):
        return change(original, holding, due_at, unstarted)

    return ((hold, "released", replaced),)


def kept(decide):
    def decided(old):
        new = decide(old)
        return None if new is None or old is None else new._replace(token=old.token, started=old.started)

    return decided


def told_first(client, place, id, holding, failure, refused=lambda: None):
    """Readers are shown an attempt before it is counted."""
    found = yield from failing.find(place, id)
    if found is not None and found.version == holding.version and not failure.dead:
        yield from fail.report(client, place, found, failure, State(found.version, attempts=failure.attempts))
    return (yield from TELL(client, place, id, holding, failure, refused))


TELL = failing.tell
FAILED = fail.failed


def is_held_half(self, now):
    return self.token is not None and now < self.until - self.lease // 2


MUTANTS = {
    "plain writes": (("TWO HOLD",), [(claim, "swap", plain_writes), (hold, "swap", plain_writes)]),
    "no answer is a good answer": (
        ("TWO HOLD", "LEFT", "FORGOTTEN"),
        [(claim, "swap", believed_lost), (hold, "swap", believed_lost)],
    ),
    "hints are believed": (("REFUSED THOUGH HELD",), [(hold, "change", hints_believed)]),
    "what may have been is denied": (("REFUSED THOUGH APPLIED",), [(hold, "swap", denied)]),
    "what may have been is denied, and told again": (("COUNTED TWICE",), [(hold, "swap", denied)]),
    "too few alive is taken for nothing done": (
        ("REFUSED THOUGH APPLIED",),
        [(retries.Once, "on_unavailable", retries.Idempotent.on_unavailable)],
    ),
    "too busy is taken for nothing done": (
        ("REFUSED THOUGH APPLIED",),
        [(retries.Once, "on_request_error", sent_again)],
    ),
    "tasks are not read again": (("GIVEN THOUGH COMPLETED",), [(claim, "claimed_of", not_read_again)]),
    "a row that lags behind its claim is believed": (
        ("OVERWRITTEN",),
        [(claim, "_seen", newer_only_where_it_is_seen)],
    ),
    "a lease ends early": (("TWO HOLD", "RENEWED THOUGH TAKEN"), [(State, "is_held", is_held_half)]),
    # what may be taken
    "what is held is taken": (("TAKEN THOUGH HELD",), [(claim, "_is_free", free_though_held)]),
    "what is not due is taken": (("TAKEN BEFORE DUE",), [(claim, "_is_free", free_though_not_due)]),
    "a lost worker costs nothing": (("UNCOUNTED",), decided(at_no_cost)),
    "attempts of another version count": (("COUNTED TWICE",), decided(of_another_version)),
    "an older version takes the place of a newer one": (("OVERWRITTEN",), [(Taking, "decide", taken_over_newer)]),
    "what the row knows of attempts is not looked at": (
        ("FORGOTTEN", "NOT COUNTED", "MISCOUNTED"),
        [(claim, "Taking", NothingCopied)],
    ),
    "attempts that a claim found out are not shown": (("UNTOLD",), [(claim, "claimed_of", untold)]),
    "a newer claim always says that a row is outdated": (("LEFT",), [(claim, "_seen", always_outdated)]),
    "an outdated row is looked for in one data centre": (("FORGOTTEN",), [(claim, "_seen", outdated_here)]),
    # whose a claim is
    "whoever has the version has the claim": (
        ("RENEWED THOUGH TAKEN", "TAKEN THOUGH HELD", "TWO HOLD"),
        [(Holding, "state", state_of_any_token)],
    ),
    "without a claim any version is meant": (
        ("NOT COUNTED", "COUNTED TWICE", "FORGOTTEN", "MISCOUNTED"),
        [(Holding, "state", state_of_any_version)],
    ),
    "a failure of an older version ends a newer one's claim": (
        ("OVERWRITTEN",),
        [(Holding, "state", state_over_newer)],
    ),
    # what a holder does
    "a heartbeat does not prolong the lease": (
        ("SHORT",),
        renewed(lambda old, new, started: new._replace(until=old.until)),
    ),
    "a heartbeat forgets that work began": (
        ("UNSTARTED",),
        renewed(lambda old, new, started: new._replace(started=started)),
    ),
    "that work begins is not written down": (
        ("RELEASED THOUGH BEGUN",),
        renewed(lambda old, new, started: new._replace(started=old.started)),
    ),
    "what was begun is given back as if it was not": (
        ("RELEASED THOUGH BEGUN",),
        released(lambda original, holding, due_at, unstarted: original(holding, due_at, unstarted=False)),
    ),
    "what is given back is kept": (
        ("KEPT",),
        released(lambda original, holding, due_at, unstarted: kept(original(holding, due_at, unstarted=unstarted))),
    ),
    "what failed is kept": (("KEPT",), [(fail, "failed", lambda *args: kept(FAILED(*args)))]),
    "whether the task is there is not looked at": (
        ("RENEWED THOUGH GONE",),
        [(hold, "change", not_looked_whether_it_is_there)],
    ),
    "a failure is counted whatever was counted meanwhile": (
        ("FORGOTTEN", "MISCOUNTED", "NOT COUNTED"),
        [(fail, "failed", any_number_is_written)],
    ),
    "a failure is shown before it is counted": (("COUNTED TWICE",), [(failing, "tell", told_first)]),
    # whose change it was
    "what is under way is not ended first": (
        ("DOUBTED",),
        [(claim, "swap", not_settled), (hold, "swap", not_settled)],
    ),
    "one's own change is not recognised": (("DOUBTED",), [(hold, "swap", not_recognised)]),
    # clocks
    "leases go by the wall clock": (("TAKEN THOUGH HELD",), [(clock, "ServerClock", WallClock)]),
    "the clock is measured once": (("LEFT",), [(save, "prepare", measured_once)]),
    "an old measurement is believed where clocks drift": (
        ("TAKEN THOUGH HELD", "TWO HOLD"),
        [(clock, "MAX_AGE_US", 1 << 60)],
    ),
    "an old measurement is believed where a guest was frozen": (("LEFT",), [(clock, "MAX_AGE_US", 1 << 60)]),
}
"""By name: the verdicts of which one must come; and what replaces the rule: module or class, name, value."""
