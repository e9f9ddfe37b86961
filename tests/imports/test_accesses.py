"""Accesses: names once, pairs as numbers, and the limits of a file."""

import pytest

from marketplace.imports.domain.accesses import AccessGatherer, read_accesses
from marketplace.imports.domain.batch import Counts, Kind
from marketplace.imports.domain.kinds.access_pairs import LINES_MAX
from marketplace.imports.domain.reading import BAD_LINES_MAX, Normal, read_file
from marketplace.imports.domain.refusals import FileRefused


def read(*lines: str) -> Normal:
    return read_file(Kind.ACCESS_PAIRS, "a.csv", "\n".join(["User;Gerät", *lines]).encode(), "i")


class TestFile:
    def test_pairs_come_back(self) -> None:
        normal = read("anna;PC1", "ben;PC1", "ANNA; pc1 ", "anna;PC2")
        accesses = read_accesses(normal.data)
        assert (accesses.users, accesses.devices, accesses.hosts) == (
            ["anna", "ben"],
            ["PC1", "PC2"],
            [],
        )
        assert accesses.pairs.tolist() == [[0, 0, -1], [0, 1, -1], [1, 0, -1]]
        assert normal.facts.sizes == {"users": 2, "devices": 2, "hosts": 0, "pairs": 3}
        assert normal.counts == Counts(good=4)

    def test_wrong_lines_are_kept_and_leave_no_name(self) -> None:
        normal = read("anna;", ";PC1", f"{'x' * 201};PC1", "=1;PC1")
        assert [[one.code for one in line.problems] for line in normal.judged] == [
            ["device_missing"],
            ["user_missing"],
            ["text_too_long"],
            ["formula"],
        ]
        assert [line.number for line in normal.judged] == [2, 3, 4, 5]
        accesses = read_accesses(normal.data)
        assert (accesses.users, accesses.devices, len(accesses.pairs)) == ([], [], 0)

    def test_two_imports_never_share_what_was_read(self) -> None:
        data = b"user,device\na,b\n"
        one, other = (read_file(Kind.ACCESS_PAIRS, "a.csv", data, name) for name in ("i", "j"))
        assert one.data != other.data

    def test_long_file_is_gathered_in_blocks(self) -> None:
        gatherer = AccessGatherer()
        for number in range(650_000):
            gatherer.add(number, f"u{number % 1_000}", f"d{number % 7}", "")
        assert len(gatherer.result().pairs) == 7_000


class TestRefused:
    def test_headings_alone_are_no_accesses(self) -> None:
        with pytest.raises(FileRefused, match="no_lines"):
            read("")

    def test_too_many_wrong_lines(self) -> None:
        read(*["anna;"] * BAD_LINES_MAX)
        with pytest.raises(FileRefused, match="too_many_bad_lines"):
            read(*["anna;"] * (BAD_LINES_MAX + 1))

    @pytest.mark.slow
    def test_too_many_lines(self) -> None:
        with pytest.raises(FileRefused, match="too_many_lines"):
            read(*["anna;PC1"] * (LINES_MAX + 1))
