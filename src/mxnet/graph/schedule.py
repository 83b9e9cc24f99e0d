"""The program that makes results of the forward pass again in the backward pass, instead of keeping them.

It follows from the set of storages that are kept: whenever the backward pass needs a value whose storage was not kept,
the instructions that make it run again just before, back to what was kept. Each is the same call on the same numbers
(random numbers are replayed), so the bits of all results stay what they are.
"""

from __future__ import annotations

from .lowering import Instruction, LoweredProgram, update_after_last_reads
from .recompute import Forward

_FAR = 3  # a cheap result that isn't used again within so many nodes is made again when it is


class TooLong(Exception):
    """A schedule repeats far more than the forward pass has."""


def schedule(forward: Forward, kept: set[int], hold_cheap: bool) -> tuple[LoweredProgram, float]:
    """The program that keeps these storages and makes the others again, and the seconds that takes, about.

    hold_cheap  keep also cheap results, once made again, until their last use; else they are made again for each use
                that is far from the one before
    Raises: TooLong if it repeats more than three times the forward pass.
    """
    made = _Schedule(forward, kept, hold_cheap)
    for instruction in forward.lowered.instructions[forward.lowered.num_forward :]:
        made.add(instruction)
    update_after_last_reads(made.program)  # making a result again may read a variable
    return made.program, made.spent


class _Schedule:
    """A program in the making, which keeps some storages of the forward pass and makes the others again.

    program  what there is of it: the forward pass at first
    spent    seconds for what is made again, about
    """

    def __init__(self, forward: Forward, kept: set[int], hold_cheap: bool):
        self.program = forward.lowered.copy()
        self.program.instructions = list(forward.instructions)
        self.spent = 0.0
        self._forward = forward
        self._kept = kept
        self._gone = {value for value, storage in forward.results if storage not in kept}
        self._hold_cheap = hold_cheap
        self._left = 3 * len(forward.instructions) + 100  # instructions that may still be repeated
        self._again: dict[int, int] = {}  # value of the forward pass -> the value made again
        self._storages: dict[int, int] = {}  # storage -> that of the values made again
        self._states: dict[int, int] = {}  # instruction -> the state of the generator that it drew from
        self._expiry: dict[int, int] = {}  # value made again -> the age at which it goes
        self._age = 0  # nodes of the backward pass so far
        self._node = -1  # the one at work

    def add(self, instruction: Instruction) -> None:
        """Enter an instruction of the backward pass, after what makes again the values that it reads."""
        if instruction.node != self._node:
            self._node = instruction.node
            self._grow_older()
        if self._gone.isdisjoint(instruction.reads):
            self.program.instructions.append(instruction)
            return
        for value in instruction.reads:
            if value in self._gone:
                if value not in self._again:
                    self._make(value)
                elif value in self._expiry:
                    self._expiry[value] = self._age + _FAR
        reads = tuple([self._again[value] if value in self._gone else value for value in instruction.reads])
        self.program.instructions.append(instruction.replaced(reads=reads))

    def _grow_older(self) -> None:
        """Forget the cheap values that nothing near has used."""
        self._age += 1
        for value in [value for value, until in self._expiry.items() if until < self._age]:
            del self._expiry[value]
            self._again.pop(value, None)

    def _make(self, value: int) -> None:
        """Repeat what makes a value, and before that what makes the values which that reads."""
        stack = [value]
        while stack:
            current = stack[-1]
            if current in self._again:
                stack.pop()
                continue
            numbers, reads = self._makers(current)
            missing = [v for v in reads if v in self._gone and v not in self._again]
            if missing:
                stack += missing
                continue
            for number in numbers:
                self._repeat(number)
            stack.pop()

    def _makers(self, value: int) -> tuple[list[int], list[int]]:
        """The instructions to repeat for a value, and the values from elsewhere that they read."""
        forward, storage_of = self._forward, self._forward.lowered.storage_of
        storage = storage_of[value]
        if len(forward.makers.get(storage, ())) <= 1:
            number = forward.maker[value]
            return [number], list(forward.instructions[number].reads)
        numbers = forward.touching[storage]  # made bit by bit: all of it is made again at once
        return numbers, [v for n in numbers for v in forward.instructions[n].reads if storage_of[v] != storage]

    def _repeat(self, number: int) -> None:
        """Enter an instruction of the forward pass once more."""
        self._left -= 1
        if self._left < 0:
            raise TooLong
        instruction = self._forward.instructions[number]
        outputs = tuple(None if value is None else self._repeated(value, number) for value in instruction.outputs)
        self.program.instructions.append(
            instruction.replaced(
                reads=tuple(self._again.get(value, value) for value in instruction.reads), outputs=outputs,
                writes=tuple(self._storages.get(storage, storage) for storage in instruction.writes),
                label=f"{instruction.label} again",
                replays=self._state_of(number) if instruction.call.random else None,
            )
        )  # fmt: skip
        self.spent += self._forward.cost[number]

    def _repeated(self, value: int, number: int) -> int:
        """The value that an instruction gives when it runs once more, in place of this one."""
        forward, lowered = self._forward, self._forward.lowered
        instruction = forward.instructions[number]
        if value in instruction.reads:  # changed in place
            return self._again[value]
        storage = lowered.storage_of[value]
        if lowered.storages[storage].kind == "result" and storage not in self._kept:
            begins = forward.makers.get(storage, [number])[0] == number
            if begins or storage not in self._storages:
                nbytes = lowered.storages[storage].nbytes
                self._storages[storage] = self.program.new_storage(nbytes, "result", instruction.label)
            storage = self._storages[storage]
        self._again[value] = self.program.new_value(lowered.layouts[value], storage)
        if not self._hold_cheap and forward.cheap[number]:
            self._expiry[value] = self._age + _FAR
        return self._again[value]

    def _state_of(self, number: int) -> int:
        """The state of the generator from which an instruction draws, kept from now on when it first runs."""
        if number not in self._states:
            instruction = self.program.instructions[number]
            storage = self.program.new_storage(0, "result", instruction.label)
            self._states[number] = self.program.new_value(None, storage)
            self.program.instructions[number] = instruction.replaced(keeps=self._states[number])
        return self._states[number]
