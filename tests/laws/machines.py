"""State machines of hypothesis whose rules run inside of trio."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any

import trio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from trio.testing import MockClock, wait_all_tasks_blocked

EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "40"))
SELDOM = st.sampled_from([False] * 4 + [True])
"""Whether to do what would end most programs early."""

Step = Callable[[], Awaitable[object]]


class TrioMachine(RuleBasedStateMachine):
    """A machine with a loop of its own, in a thread that works only while a rule waits for it.

    Time stands still but for `MockClock.jump`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = MockClock()
        self.nursery: trio.Nursery
        """For tasks that go on from rule to rule; what they raise fails the machine."""
        self.is_alive = True
        """Whether no rule has failed inside of trio."""
        self._steps: SimpleQueue[Step | None] = SimpleQueue()
        self._problems: SimpleQueue[BaseException | None] = SimpleQueue()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def perform(self, step: Step) -> None:
        """Run ``step`` inside of trio, and then all tasks until each of them waits."""
        self._steps.put(step)
        self._raise_problem()

    def _raise_problem(self) -> None:
        if (problem := self._problems.get()) is not None:
            self.is_alive = False
            raise problem

    def teardown(self) -> None:
        if self.is_alive:
            self._steps.put(None)
            self._raise_problem()
        self._thread.join()

    def _run(self) -> None:
        try:
            trio.run(self._main, clock=self.clock)
        except BaseException as problem:
            self._problems.put(problem)
        else:
            self._problems.put(None)

    async def _main(self) -> None:
        async with trio.open_nursery() as self.nursery:
            # To wait here stops the loop: nothing happens between two rules.
            while (step := self._steps.get()) is not None:
                await step()
                await wait_all_tasks_blocked()
                self._problems.put(None)
            self.nursery.cancel_scope.cancel()


def play(machine: type[RuleBasedStateMachine], examples: int = EXAMPLES, **options: Any) -> None:
    """Run so many random programs of ``machine``.

    Raises:
        Exception: a law was broken; hypothesis shows the shortest program that breaks it.
    """
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **options,
        ),
    )


def play_by_hand(machine: type[RuleBasedStateMachine]) -> None:
    """Run as many programs as the command line says."""
    play(machine, int(sys.argv[1]))
