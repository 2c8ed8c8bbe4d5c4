"""Says of a run what was lost, what came back, and what merely runs again. It judges versions and content, not existence.

**LOST**: a save that was acknowledged, and none of these holds at the end, once all writes have arrived and all clients are done:

1. *pending*: `all` finds it: its place is in the registry, and its row shows its version with its content. Two readings are judged,
   each by itself: by a quorum of the data centre that it was saved in, and by all replicas together (as after a repair);
2. *completed*: somebody sent a complete who had this very save: one of the versions that it was written at, with its
   content, handed over or read after the save began;
3. *dead*: somebody who had this very save moved it to the dead letters, and there it is found;
4. *superseded*: another save of the key, later or concurrent (it ended after this one began; a save that failed or crashed
   never ended: its outcome is unknown for ever), was written at a higher version, and that save is itself pending,
   completed, dead, or superseded in turn. (At equal versions nobody is superseded: the draw is there to keep them apart.)

Also lost: what an `all` did not return, though it was acknowledged in the same data centre before that began and nobody else
ever touched the key.

**RESURRECTED**: a version is visible though a complete of it, or of a newer one, was acknowledged in that data centre before the
reading began (at the end: anywhere), and its save had ended before that complete was sent, or the completer had this very save.

Moving a task to the dead letters counts as completing it; and what was completed must not be found dead.

**MISCOUNTED**: a pending version shows fewer failed attempts than reports of it were acknowledged, or than one of them said.

**RUNS AGAIN** (allowed, counted): a save's content is read, or is pending at the end, after somebody who had it sent a complete.

Three more, which break no promise but must not happen either: **LEFTOVER**, a failure report without a task, under a tombstone that
should have covered it, keeps a place from being swept; **MIXED**, a task shows the failure of another version; **REFUSED**, the
protocol itself gave up on a save that it could not make visible (not for an injected error, nor for a process that was stopped each
time that it asked for the time).

*Excused* are saves of a process whose guest, at the acknowledgement, had stood still for about the grace or longer since its last
measurement, or, where the save registered its place, since the save began: registering measures. Not where it had to measure anew by
then, whether it did or not: see `promise.py`.
"""

from __future__ import annotations

from .cells import NO_FAILURE, has_task, is_row
from .driver import dead_of
from .history import Completed, Saved


def judge_reading(world, process, began: int, seen: dict) -> None:
    """Of what one `all` returned: (place, id) to (version, cell)."""
    history = world.history
    if world.scenario.tail:
        return  # until the repair, neither a save nor a complete need be seen
    for key, task in seen.items():
        if _is_resurrected(history, key, task, began, process.dc):
            history.findings.append(f"RESURRECTED: all() in {process.dc} returned {key} {task}")
        if any(c.held.key == key and c.held.cell == task[1] and c.sent < began for c in history.completed):
            world.runs_again += 1
    for saved in history.saves:
        if saved.acked < began and saved.dc == process.dc and saved.key not in seen and not saved.excused:
            touched = any(other.key == saved.key and other is not saved for other in history.saves)
            ended = (*history.completed, *history.buried)
            if not touched and not any(c.held.key == saved.key for c in ended):
                history.findings.append(f"LOST: all() in {process.dc} missed {saved.key}")


def judge(world) -> list[str]:
    """The findings of a run that has come to its end."""
    history, cluster = world.history, world.cluster
    findings = history.findings
    whole = cluster.merged(lambda _: True)
    views = [cluster.read_all(dc, lambda _: True) for dc in range(len(cluster.members))]

    def is_visible(view: dict, saved: Saved, *, dead: bool = False) -> bool:
        where = dead_of(saved.key[0]) if dead else saved.key[0]
        row, place = view.get((where, saved.key[1])), view.get((where, None))
        return (
            row is not None
            and place is not None
            and has_task(row)
            and is_row(place)
            and row.task[1] == saved.cell
            and row.task[0] in saved.versions
        )

    def is_accounted(view: dict, saved: Saved, depth: int = 6) -> bool:
        if is_visible(view, saved) or had(history.completed, saved):
            return True
        if had(history.buried, saved) and is_visible(view, saved, dead=True):
            return True
        highest = saved.versions[-1]
        return depth > 0 and any(
            other.key == saved.key
            and other.acked > saved.began
            and other.versions
            and max(other.versions) > highest
            and is_accounted(view, other, depth - 1)
            for other in history.saves
            if other is not saved
        )

    for saved in history.saves:
        if saved.acked > world.step or saved.excused:
            continue
        if not (is_accounted(whole, saved) and is_accounted(views[saved.dc], saved)):
            findings.append(f"LOST: {saved.key} {saved.versions} {saved.cell!r}: row {whole.get(saved.key)}")
    for key, entry in whole.items():
        if key[1] is None or key[0] == dead_of(key[0]):
            continue
        if has_task(entry):
            if _is_resurrected(history, key, entry.task, world.step + 1, None):
                findings.append(f"RESURRECTED: {key} {entry}")
            if any(c.held.key == key and c.held.cell == entry.task[1] for c in history.completed):
                world.runs_again += 1
            failure = entry.failure[1]
            if entry.failure[0] > entry.deleted[0] and failure != NO_FAILURE and failure[2] != entry.task[0]:
                findings.append(f"MIXED: {key} {entry}")
            told = [one.attempts for one in history.told if (one.key, one.version) == (key, entry.task[0])]
            shown = failure[0] if entry.failure[0] > entry.deleted[0] else 0
            if told and shown < max(len(told), *told):
                findings.append(f"MISCOUNTED: {key} {entry} {told}")
        elif is_row(entry) and entry.deleted[0] >= 0:
            findings.append(f"LEFTOVER: {key} {entry}")
    if history.refused:
        findings.append(f"REFUSED: {history.refused}")
    return findings


def had(ended: list[Completed], saved: Saved) -> bool:
    """Whether somebody who had this save ended it so."""
    return any(
        done.held.key == saved.key
        and done.held.cell == saved.cell
        and done.held.version in saved.versions
        and done.held.since >= saved.began
        for done in ended
    )


def _is_resurrected(history, key: tuple, task: tuple[int, bytes], began: int, dc: int | None) -> bool:
    version, cell = task
    for done_key, done_version, sent, acked, done_dc in history.acked_completes:
        if done_key != key or done_version < version or acked >= began or dc not in (None, done_dc):
            continue
        for saved in history.saves:
            if saved.key != key or saved.cell != cell or version not in saved.versions:
                continue
            if saved.acked < sent or (done_version == version and had([*history.completed, *history.buried], saved)):
                return True
    return False
