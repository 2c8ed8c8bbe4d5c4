"""The proxy, before a server that echoes."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from .proxy import RESET_ON_CLOSE, Proxy

DEADLINE_S = 30
SHORT_S = 0.2  # long enough to see that nothing comes


class Echo(socketserver.BaseRequestHandler):
    """Sends back what it gets, and remembers it."""

    seen: bytes = b""

    def handle(self) -> None:
        try:
            while data := self.request.recv(65_536):
                Echo.seen += data
                self.request.sendall(data)
        except ConnectionError:
            pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    Echo.seen = b""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with Proxy(server.server_address) as proxy:
            yield proxy
        server.shutdown()
        thread.join()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with connect(proxy) as client:
        yield client


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(proxy.address, DEADLINE_S)


def echoed(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    got = b""
    while len(got) < len(data):
        got += client.recv(65_536)
    return got


def nothing_comes(client: socket.socket) -> bool:
    client.settimeout(SHORT_S)
    try:
        return client.recv(1) is None
    except TimeoutError:
        return True
    finally:
        client.settimeout(DEADLINE_S)


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_passes_on(proxy: Proxy, client: socket.socket) -> None:
    data = b"0123456789" * 100_000
    sender = threading.Thread(target=client.sendall, args=(data,))
    sender.start()
    got = b""
    while len(got) < len(data):
        got += client.recv(65_536)
    sender.join()
    assert got == data
    assert proxy.connections == 1


def test_the_end_is_passed_on(proxy: Proxy, client: socket.socket) -> None:
    assert echoed(client, b"x") == b"x"
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""
    until(lambda: proxy.connections == 0)


def test_a_reset_is_passed_on_to_a_client_that_waits_for_an_answer() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with Proxy(server.getsockname()) as proxy, connect(proxy) as client:
            accepted, _ = server.accept()
            client.sendall(b"x")
            assert accepted.recv(1) == b"x"
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            accepted.close()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            until(lambda: proxy.connections == 0)


def test_cut_resets_and_takes_new_ones(proxy: Proxy, client: socket.socket) -> None:
    assert echoed(client, b"x") == b"x"
    proxy.cut()
    assert proxy.connections == 0
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with connect(proxy) as other:
        assert echoed(other, b"y") == b"y"


def test_refuse_until_it_heals(proxy: Proxy, client: socket.socket) -> None:
    assert echoed(client, b"x") == b"x"
    proxy.refuse()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.heal()
    with connect(proxy) as other:
        assert echoed(other, b"y") == b"y"


def test_what_a_blackhole_holds_comes_when_it_heals(proxy: Proxy, client: socket.socket) -> None:
    assert echoed(client, b"x") == b"x"
    proxy.blackhole()
    client.sendall(b"y")
    assert nothing_comes(client)
    assert Echo.seen == b"x"
    with connect(proxy) as other:  # connects, and that is all
        other.sendall(b"z")
        assert nothing_comes(other)
        proxy.heal()
        assert other.recv(1) == b"z"
    assert client.recv(1) == b"y"


def test_what_a_blackhole_holds_is_lost_when_it_cuts(proxy: Proxy, client: socket.socket) -> None:
    assert echoed(client, b"x") == b"x"
    proxy.blackhole()
    client.sendall(b"y")
    assert nothing_comes(client)
    proxy.cut()
    proxy.heal()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert Echo.seen == b"x"


def test_a_reply_can_be_lost_after_the_server_did_its_work(proxy: Proxy, client: socket.socket) -> None:
    proxy.blackhole(requests=False)
    client.sendall(b"y")
    until(lambda: Echo.seen == b"y")
    assert nothing_comes(client)
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_delay(proxy: Proxy, client: socket.socket) -> None:
    proxy.delay(SHORT_S)
    start = time.monotonic()
    assert echoed(client, b"x") == b"x"
    assert time.monotonic() - start >= 2 * SHORT_S  # there and back
    proxy.heal()
    assert echoed(client, b"y") == b"y"


def test_a_server_that_is_gone_resets(proxy: Proxy) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        proxy.target = unused.getsockname()
        with pytest.raises(ConnectionResetError), connect(proxy) as client:  # it may come before connect returns
            client.recv(1)
    assert proxy.connections == 0


def test_closing_twice(proxy: Proxy) -> None:
    proxy.close()
    proxy.close()
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)


def test_an_address_that_is_taken(proxy: Proxy) -> None:
    with pytest.raises(OSError, match="in use"):
        Proxy(proxy.target, proxy.address)
