"""`BackendConformance`: the whole contract of `DataInterface`, and of `ClaimsInterface`, as a test class to subclass."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import pytest

from atleastonce.interface import DataInterface

from .clauses.base import OpenBackend
from .clauses.claiming import ClaimingClauses
from .clauses.claims import with_claims
from .clauses.damaged_claims import DamagedClaimClauses
from .clauses.dead import DeadClauses
from .clauses.deleting import DeletingClauses
from .clauses.failures import FailureClauses
from .clauses.forks import ForkClauses
from .clauses.leases import LeaseClauses
from .clauses.lifetime import LifetimeClauses
from .clauses.moving import MovingClauses
from .clauses.reading import ReadingClauses
from .clauses.saving import SavingClauses
from .clauses.threads import ThreadClauses
from .clauses.versions import VersionClauses
from .guard import check_overrides, is_overridden


class BackendConformance(
    SavingClauses,
    VersionClauses,
    DeletingClauses,
    ReadingClauses,
    MovingClauses,
    LifetimeClauses,
    ThreadClauses,
    ForkClauses,
    ClaimingClauses,
    LeaseClauses,
    FailureClauses,
    DeadClauses,
    DamagedClaimClauses,
):
    """Holds a backend to the contract. Subclass it in a test module and give it the one fixture::

        class TestMyStore(BackendConformance):
            @pytest.fixture
            def open_backend(self, tmp_path):
                return lambda clock: MyStore(tmp_path / "tasks", clock=clock)

    What a backend may say about itself: `persistent`, `many_records`, `deadline_s`, `order`, `crash`; where it has claims, also
    `lease_us`, `leases_follow_clock` and `let_pass`. One that announces no claims is not asked for them. A second, optional
    fixture, `damage`, lets the suite see what becomes of a damaged record.

    A clause that it cannot keep goes into `waivers`, with the reason; the test is then expected to fail, and fails
    when it passes. A subclass that overrides a test and gives no reason is a TypeError as soon as it is made.
    """

    waivers: ClassVar[Mapping[str, str]] = {}
    """Tests that this backend is known to fail, each with the reason."""

    machine_examples: ClassVar[int] = 40
    """How many random sequences of calls the state machine plays."""

    machine_steps: ClassVar[int] = 40
    """How many calls a sequence has at most."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_overrides(BackendConformance, cls, cls.waivers)

    @pytest.fixture(autouse=True)
    def expect_waived_failure(self, request: pytest.FixtureRequest) -> None:
        """Turn a waived test into one that must fail. One that the subclass rewrote must pass as rewritten."""
        name = request.node.originalname
        suite_test = getattr(BackendConformance, name, None)
        if name in self.waivers and not is_overridden(type(self), name, suite_test):
            request.applymarker(pytest.mark.xfail(reason=self.waivers[name], strict=True))

    def test_no_clause_is_taken_away(self) -> None:
        """As when the class was made; also after it was changed since."""
        check_overrides(BackendConformance, type(self), self.waivers)

    def test_random_sequences_of_calls(self, open_backend: OpenBackend) -> None:
        """The state machine: everything above, in orders that nobody thought of."""
        try:
            from .machine import play  # noqa: PLC0415  # hypothesis need only be there for this
        except ModuleNotFoundError as error:
            raise ImportError("this test needs hypothesis: pip install hypothesis") from error

        play(open_backend, **self._play_options)

    def test_random_sequences_of_calls_with_claims(self, open_backend: OpenBackend, backend: DataInterface) -> None:
        """The same with the calls of `ClaimsInterface` among them."""
        with_claims(backend)
        from .claim_machine import ClaimMachine  # noqa: PLC0415  # as above
        from .machine import play  # noqa: PLC0415  # as above

        machine = partial(ClaimMachine, leases_follow_clock=self.leases_follow_clock)
        play(open_backend, machine=machine, **self._play_options)

    @property
    def _play_options(self) -> dict[str, Any]:
        return {
            "persistent": self.persistent,
            "crash": self.crash,
            "order": self.order,
            "examples": self.machine_examples,
            "steps": self.machine_steps,
        }
