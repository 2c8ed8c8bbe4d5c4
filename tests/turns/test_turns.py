"""The hand-off by itself, with requests that write nothing."""

from __future__ import annotations

import threading

import pytest

from atleastonce.turns import MAX_ROWS, Request, Turns
from tests.backends.sqlite.helpers import wait_until


class Stage:
    """Turns whose serving can be held up, and notes who served whom."""

    def __init__(self):
        self.turns = Turns(self.serve)
        self.served = []
        self.hold = threading.Event()
        self.hold.set()
        self.raises = {}
        self.threads = []
        self.results = {}

    def serve(self, requests):
        requests = list(requests)
        self.served.append((threading.current_thread().name, requests))
        assert self.hold.wait(20)
        for request in requests:
            if request in self.raises:
                raise self.raises.pop(request)
            request.finished = True

    def start(self, request):
        """Take the turn in a thread; its number is its name."""
        name = str(len(self.threads))
        waiting = len(self.turns._waiting)
        begun = len(self.served)

        def run():
            try:
                self.turns.take(request)
                self.results[name] = None
            except BaseException as error:
                self.results[name] = error

        thread = threading.Thread(target=run, name=name, daemon=True)
        self.threads.append(thread)
        thread.start()
        wait_until(lambda: len(self.turns._waiting) > waiting or len(self.served) > begun)
        return request

    def finish(self):
        self.hold.set()
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()
        assert self.turns._turn == {}
        assert self.turns._waiting == []


@pytest.fixture
def stage():
    return Stage()


def test_who_comes_alone_serves_itself(stage):
    for _ in range(3):
        request = Request()
        stage.turns.take(request)
        assert stage.served.pop() == (threading.current_thread().name, [request])
    stage.finish()


def test_the_first_who_waits_serves_all_who_wait(stage):
    stage.hold.clear()
    requests = [stage.start(Request()) for _ in range(5)]
    stage.finish()
    assert stage.served == [("0", requests[:1]), ("1", requests[1:])]


def test_nobody_serves_others_for_longer_than_one_turn(stage):
    stage.hold.clear()
    first, second = stage.start(Request()), stage.start(Request())
    stage.hold.set()
    wait_until(lambda: len(stage.served) == 2)
    stage.finish()
    assert [name for name, _ in stage.served] == ["0", "1"]
    assert stage.served[1] == ("1", [second])
    assert first.finished


def test_a_turn_has_a_size(stage):
    stage.hold.clear()
    stage.start(Request())
    sizes = [MAX_ROWS - 1, 1, 1, 2 * MAX_ROWS, 1]
    requests = []
    for size in sizes:
        request = Request()
        request.size = size
        requests.append(stage.start(request))
    stage.finish()
    assert [[request.size for request in served] for _, served in stage.served[1:]] == [
        [MAX_ROWS - 1, 1],
        [1],
        [2 * MAX_ROWS],
        [1],
    ]
    assert all(request.finished for request in requests)


def test_an_error_goes_to_its_own_caller_only(stage):
    stage.hold.clear()
    requests = [stage.start(Request()) for _ in range(4)]
    requests[2].error = RuntimeError("only mine")
    stage.finish()
    assert stage.results == {"0": None, "1": None, "2": requests[2].error, "3": None}


@pytest.mark.parametrize("victim", [0, 1, 2, 3])
def test_ctrl_c_in_who_serves_leaves_nobody_waiting(stage, victim):
    """Raised while that one's request is being served: those before it are done, those after it are served anew."""
    stage.hold.clear()
    requests = [stage.start(Request()) for _ in range(4)]
    stage.raises[requests[victim]] = KeyboardInterrupt()
    stage.finish()
    server = "0" if victim == 0 else "1"
    assert isinstance(stage.results.pop(server), KeyboardInterrupt)
    assert set(stage.results.values()) == {None}
    assert all(request.finished for request in requests if str(requests.index(request)) != server)


def test_ctrl_c_in_who_waits_takes_its_request_back(stage):
    """As the interrupt does it in the thread that waits: the wait raises, and the request is abandoned."""
    stage.hold.clear()
    requests = [stage.start(Request()) for _ in range(3)]
    stage.turns._abandon(requests[1])
    requests[1].finished = True  # let its thread go
    requests[1].wake.release()
    stage.finish()
    assert stage.served == [("0", requests[:1]), ("2", requests[2:])]


def test_ctrl_c_in_who_was_just_given_the_turn_passes_it_on(stage, monkeypatch):
    stage.hold.clear()
    requests = [stage.start(Request()) for _ in range(4)]
    collect = stage.turns._collect

    def interrupted(request):
        monkeypatch.setattr(stage.turns, "_collect", collect)
        raise KeyboardInterrupt

    monkeypatch.setattr(stage.turns, "_collect", interrupted)
    stage.finish()
    assert isinstance(stage.results.pop("1"), KeyboardInterrupt)
    assert set(stage.results.values()) == {None}
    assert stage.served == [("0", requests[:1]), ("2", requests[2:])]


@pytest.mark.parametrize("late", [False, True], ids=["nobody waits", "somebody began to wait"])
def test_ctrl_c_while_the_turn_is_left_leaves_nobody_waiting(stage, late):
    """The leader served others and left, and is interrupted before it woke them and looked for who waits."""

    interrupted = []

    class Turn(dict):
        def __delitem__(self, key):
            leaving = threading.current_thread().name == "1" and not interrupted
            if leaving:
                interrupted.append(True)
            if leaving and late:
                stage.start(Request())
            super().__delitem__(key)
            if leaving:
                raise KeyboardInterrupt

    stage.turns._turn = Turn()
    stage.hold.clear()
    for _ in range(4):
        stage.start(Request())
    stage.finish()
    assert isinstance(stage.results.pop("1"), KeyboardInterrupt)
    assert set(stage.results.values()) == {None}
    assert len(stage.results) == 3 + late


def test_who_begins_to_wait_just_when_the_turn_ends_takes_it(stage, monkeypatch):
    """Between the leader's last look at who waits and its leaving."""
    late = Request()

    class Turn(dict):
        def __delitem__(self, key):
            if not stage.threads:
                stage.start(late)
            super().__delitem__(key)

    stage.turns._turn = Turn()
    stage.turns.take(Request())
    stage.finish()
    assert late.finished


def test_who_begins_to_wait_just_after_the_turn_ended_takes_it(stage):
    """The turn was taken when it looked, and is left by the time that it waits."""

    class Waiting(list):
        def append(self, request):
            stage.hold.set()
            wait_until(lambda: not stage.turns._turn)
            super().append(request)

    stage.turns._waiting = Waiting()
    stage.hold.clear()
    stage.start(Request())
    late = stage.start(Request())
    stage.finish()
    assert late.finished


def test_many_threads_are_all_served_once():
    counts = {}
    serving = threading.Lock()

    def serve(requests):
        assert serving.acquire(blocking=False), "two turns at once"
        for request in requests:
            counts[request] = counts.get(request, 0) + 1
            request.finished = True
        serving.release()

    turns = Turns(serve)

    def work():
        for _ in range(500):
            turns.take(Request())

    threads = [threading.Thread(target=work, daemon=True) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert len(counts) == 8_000
    assert set(counts.values()) == {1}
    assert turns._turn == {}


def test_in_a_child_nobody_has_the_turn_or_waits(stage):
    stage.hold.clear()
    stage.start(Request())
    stage.start(Request())
    child = Turns(lambda requests: [setattr(request, "finished", True) for request in requests])
    child._turn, child._waiting = dict(stage.turns._turn), list(stage.turns._waiting)
    child.forget()
    child.take(Request())
    stage.finish()
