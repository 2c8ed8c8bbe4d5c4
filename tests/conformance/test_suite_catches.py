"""The conformance suite passes a correct backend and fails each of many wrong ones, by the clause that it breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings

from atleastonce.testing import BackendConformance
from atleastonce.testing.claim_machine import ClaimMachine
from atleastonce.testing.clauses.base import OpenBackend
from atleastonce.testing.clauses.damage import Damage
from atleastonce.testing.machine import play
from tests.conformance import claim_mutants, mutants

pytest_plugins = ["pytester"]


class TestCorrect(BackendConformance):
    """So that what the mutants fail is due to their mutation."""

    many_records = 2_500
    waivers: ClassVar = {
        "test_a_child_goes_on": "a forked child has a copy of its own",
        "test_a_killed_process_loses_nothing": "the tasks die with the process",
    }

    @pytest.fixture
    def disk(self) -> mutants.Disk:
        """One dict for all objects of a test."""
        return mutants.Disk()

    @pytest.fixture
    def open_backend(self, disk: mutants.Disk) -> OpenBackend:
        """A correct backend on it."""
        return lambda clock: mutants.Correct(disk, clock)

    @pytest.fixture
    def damage(self, disk: mutants.Disk) -> Damage:
        """Marks a row."""
        return disk.damage


class TestClaiming(TestCorrect):
    """The same with claims."""

    waivers: ClassVar = {
        **TestCorrect.waivers,
        "test_two_processes_never_get_one_task": "each has a copy of its own",
    }

    @pytest.fixture
    def disk(self) -> claim_mutants.ClaimDisk:
        """One for all objects of a test."""
        return claim_mutants.ClaimDisk()

    @pytest.fixture
    def open_backend(self, disk: mutants.Disk) -> OpenBackend:
        """A correct backend with claims."""
        assert isinstance(disk, claim_mutants.ClaimDisk)
        return lambda clock: claim_mutants.Claiming(disk, clock)


CAUGHT_BY = {
    "ForgetsVersions": "test_a_record_comes_back_whole",
    "KeepsTheOldType": "test_saving_anew_replaces_everything",
    "KeepsTheOldMeta": "test_saving_anew_replaces_everything",
    "KeepsAttempts": "test_attempts_and_errors_of_the_argument_are_ignored",
    "SharesTheMeta": "test_meta_is_kept",
    "ReadsDataAsText": "test_data_is_kept_byte_for_byte",
    "RepeatsVersions": "test_versions_grow_while_the_clock_stands_still",
    "TrustsTheClock": "test_versions_grow_when_the_clock_steps_back",
    "IgnoresTheStoredVersion": "test_a_version_is_above_the_stored_one",
    "IgnoresTheRecordsVersion": "test_a_version_is_above_the_records_own",
    "PassesTheLimit": "test_no_version_reaches_the_limit",
    "WritesHalfABatch": "test_no_version_reaches_the_limit",
    "LetsTheFirstWin": "test_of_one_key_twice_in_a_batch_the_last_wins",
    "FoldsCase": "test_ids_are_told_apart_to_the_byte",
    "Normalises": "test_ids_are_told_apart_to_the_byte",
    "Strips": "test_task_lists_are_told_apart_to_the_byte",
    "JoinsKeys": "test_list_and_id_do_not_run_together",
    "RemovesNewer": "test_an_older_version_leaves_the_newer_one",
    "LeavesItsOwn": "test_the_same_or_a_newer_version_removes",
    "RemovesTheVeryVersionOnly": "test_the_same_or_a_newer_version_removes",
    "RemovesTheListElsewhere": "test_one_list_only",
    "RaisesForWhatIsNotThere": "test_what_is_not_there_is_no_error",
    "JudgesABatchByItsFirstKey": "test_a_batch_judges_each_key_by_its_own_version",
    "LosesTheOrder": "test_all_is_in_order",
    "SortsByUtf16": "test_all_is_in_order",
    "MixesLists": "test_all_gives_its_own_list_only",
    "IncludesTheCut": "test_saved_before_is_strict",
    "IgnoresTheCut": "test_saved_before_over_a_long_list",
    "GivesAList": "test_all_gives_an_iterator",
    "HoldsEverything": "test_all_holds_no_more_than_a_page",
    "PagesByOffset": "test_what_is_there_throughout_is_never_missed",
    "SkipsAtPageEnds": "test_a_long_list_comes_once_and_whole",
    "StopsAtAShortPage": "test_saved_before_over_a_long_list",
    "HoldsItsLockWhileRead": "test_readers_left_half_way_block_nobody",
    "ReadsWhatWasSavedAnew": "test_each_may_be_saved_anew_as_it_is_read",
    "HidesDamage": "test_damage_is_shown_and_hides_nobody",
    "StopsAtDamage": "test_damage_is_shown_and_hides_nobody",
    "CannotRemoveDamage": "test_damage_stays_until_it_is_removed",
    "CountsSaves": "test_ids_are_told_apart_to_the_byte",
    "NamesListsAgain": "test_a_new_list_is_named_once",
    "NamesNoLists": "test_task_lists_keep_a_list_until_it_is_empty",
    "SetsUpAgainAndAgain": "test_setup_may_be_repeated",
    "SetsUpWhenAskedWhatItWould": "test_setup_says_what_it_would_do_and_does_it",
    "ShowsThePassword": "test_its_url_leads_back_and_holds_no_password",
    "ClosesOnce": "test_close_may_be_repeated",
    "CannotGoOnAfterClose": "test_it_works_after_close",
    "WritesOnClose": "test_a_crash_loses_nothing",
    "SavesWithoutALock": "test_one_key_saved_by_many_threads",
    "DeletesWithoutALock": "test_a_late_delete_never_removes_a_newer_save",
    "ForksWithItsLockHeld": "test_a_child_forked_while_threads_save",
}

CLAIMS_CAUGHT_BY = {
    "LacksAVerb": "test_it_has_every_method",
    "ClaimsTwice": "test_what_is_claimed_is_not_given_again",
    "ClaimsWithoutALock": "test_two_threads_never_get_one_task",
    "NeverEndsALease": "test_a_lease_ends",
    "IgnoresTheToken": "test_a_lost_claim_changes_nothing",
    "KeepsAClaimThroughASave": "test_saving_anew_voids_the_claim",
    "RepeatsATokenOfATask": "test_a_lost_claim_changes_nothing",
    "GuessableTokens": "test_tokens_are_all_different",
    "ForgetsToRenew": "test_a_heartbeat_renews_the_lease",
    "ForgetsThatWorkBegan": "test_a_worker_that_is_lost_costs_an_attempt",
    "CountsEveryLease": "test_a_lease_ends",
    "IgnoresTheTimeItIsDue": "test_a_release_may_say_when_it_is_due",
    "IgnoresTheTimeToRun": "test_a_task_is_not_due_before_its_time",
    "TakesAStaleReport": "test_a_report_without_a_token_is_of_one_attempt",
    "TakesAReportOfAnotherVersion": "test_a_report_of_another_version_changes_nothing",
    "LowersTheAttempts": "test_attempts_never_become_fewer",
    "LosesTheDead": "test_a_dead_task_moves",
    "LeavesTheDeadAmongTheLiving": "test_a_dead_task_moves",
    "MovesInTheWrongOrder": "test_a_moving_task_is_in_neither_place_at_no_time",
    "KeepsTheFirstLetter": "test_a_dead_letter_is_replaced_by_the_next_one",
    "DoesNotCompleteWhatWasDone": "test_starting_completes_what_was_done_before",
}

CLAIMS_FOUND_BY_PLAYING = set(CLAIMS_CAUGHT_BY) - {"ClaimsWithoutALock", "MovesInTheWrongOrder", "GuessableTokens"}

FOUND_BY_PLAYING = {
    *("ForgetsVersions", "KeepsTheOldType", "KeepsTheOldMeta", "ReadsDataAsText", "RepeatsVersions", "TrustsTheClock"),
    *("IgnoresTheStoredVersion", "IgnoresTheRecordsVersion", "LetsTheFirstWin", "FoldsCase", "Normalises"),
    *("RemovesNewer", "LeavesItsOwn", "RemovesTheVeryVersionOnly", "RemovesTheListElsewhere", "LosesTheOrder"),
    *("JudgesABatchByItsFirstKey", "IncludesTheCut", "IgnoresTheCut", "NamesListsAgain", "NamesNoLists", "CountsSaves"),
    *("ReadsWhatWasSavedAnew", "CannotGoOnAfterClose", "WritesOnClose", "RaisesForWhatIsNotThere"),
}

SUITE = """
    import pytest
    from atleastonce.testing import BackendConformance
    from tests.conformance import claim_mutants, mutants

    class TestMutant(BackendConformance):
        many_records = 2_500
        deadline_s = {deadline_s}

        @pytest.fixture
        def disk(self):
            return claim_mutants.ClaimDisk()

        @pytest.fixture
        def open_backend(self, disk):
            return lambda clock: {module}.{name}(disk, clock)

        @pytest.fixture
        def damage(self, disk):
            return disk.damage
"""


def test_every_mutant_is_listed() -> None:
    """One that nobody runs would prove nothing."""
    made = {name for name, value in vars(mutants).items() if mutants.Correct in getattr(value, "__bases__", ())}
    assert made - {"Claiming"} == set(CAUGHT_BY)
    made = {name for name, it in vars(claim_mutants).items() if claim_mutants.Claiming in getattr(it, "__bases__", ())}
    assert made == set(CLAIMS_CAUGHT_BY)


@pytest.mark.parametrize("name", CAUGHT_BY)
def test_a_wrong_backend_fails(name: str, pytester: pytest.Pytester) -> None:
    """By the very clause, and the same clause passes for the correct backend."""
    if name == "ForksWithItsLockHeld" and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    judge(pytester, "mutants", "Correct", name, CAUGHT_BY[name])


@pytest.mark.parametrize("name", CLAIMS_CAUGHT_BY)
def test_a_wrong_backend_with_claims_fails(name: str, pytester: pytest.Pytester) -> None:
    """In the same way."""
    judge(pytester, "claim_mutants", "Claiming", name, CLAIMS_CAUGHT_BY[name])


def judge(pytester: pytest.Pytester, module: str, correct: str, wrong: str, test: str) -> None:
    # A mutant that hangs does so for ever; a correct backend may be slow on a busy machine.
    for backend, deadline_s, outcome in ((correct, 60, "passed"), (wrong, 3, "failed")):
        file = pytester.makepyfile(SUITE.format(module=module, name=backend, deadline_s=deadline_s))
        result = pytester.runpytest_inprocess(f"{file}::TestMutant::{test}", "-p", "no:cacheprovider")
        outcomes = result.parseoutcomes()
        assert outcome in outcomes, f"{backend}: {outcomes}"
        if backend == correct:
            assert set(outcomes) == {"passed"}


@pytest.fixture
def without_shrinking() -> Iterator[None]:
    """That a failure is found is enough; making it small takes minutes."""
    before = settings.get_current_profile_name()
    settings.register_profile("without shrinking", settings.get_profile(before), phases=[Phase.generate])
    settings.load_profile("without shrinking")
    yield
    settings.load_profile(before)


@pytest.mark.parametrize("name", sorted(FOUND_BY_PLAYING))
def test_the_state_machine_finds(name: str, without_shrinking: None) -> None:
    """Without being told where to look."""
    mutant = getattr(mutants, name)
    with pytest.raises((AssertionError, AttributeError, KeyError, ExceptionGroup)):
        play_on(mutant)


def test_the_state_machine_passes_a_correct_backend() -> None:
    """The same play, so what it finds is the mutation."""
    play_on(mutants.Correct)


@pytest.mark.parametrize("name", sorted(CLAIMS_FOUND_BY_PLAYING))
def test_the_state_machine_with_claims_finds(name: str, without_shrinking: None) -> None:
    """In the same way."""
    mutant = getattr(claim_mutants, name)
    with pytest.raises((AssertionError, AttributeError, KeyError, TypeError, ExceptionGroup)):
        play_claims_on(mutant)


def test_the_state_machine_with_claims_passes_a_correct_backend() -> None:
    """The same play, so what it finds is the mutation."""
    play_claims_on(claim_mutants.Claiming)


def play_claims_on(backend: type[claim_mutants.Claiming]) -> None:
    play_on(backend, machine=partial(ClaimMachine, leases_follow_clock=True))


def play_on(backend: type[mutants.Correct], **options: Any) -> None:
    disk = claim_mutants.ClaimDisk()
    play(
        lambda clock: backend(disk, clock),
        persistent=True,
        crash=lambda _: None,
        order=lambda id: id.encode(),
        examples=100,
        steps=40,
        **options,
    )
