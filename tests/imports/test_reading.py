"""Reading files: encodings, delimiters, preambles, languages, and what each kind makes of its lines."""

import codecs
from datetime import date
from typing import Any, Final

import pytest

from marketplace.imports.domain.batch import Kind, Outcome
from marketplace.imports.domain.kinds import KINDS
from marketplace.imports.domain.lines import (
    CHUNK_LINES,
    CheckedLine,
    Context,
    RawLine,
    read_chunk,
    read_header,
)
from marketplace.imports.domain.reading import Normal, read_file
from marketplace.imports.domain.refusals import FileRefused
from tests.support.imports import STATEMENT_HEADINGS, statement, workbook

DAY: Final = date(2026, 11, 25)


def read(kind: Kind, data: bytes, name: str = "list.csv") -> Normal:
    return read_file(kind, name, data, "i")


def checked(kind: Kind, data: bytes, name: str = "list.csv") -> list[CheckedLine]:
    """Read a file and judge all its lines."""
    normal = read(kind, data, name)
    header = read_header(normal.data)
    context = Context(header.facts, DAY)
    return [
        KINDS[kind].check(line, context)
        for number in range(len(header.chunks))
        for line in read_chunk(normal.data, header, number)
    ]


def listed(*lines: str, head: str = "Product,Quantity,Purchase Date") -> list[CheckedLine]:
    return checked(Kind.LICENCE_LIST, "\n".join([head, *lines]).encode())


def codes(line: CheckedLine) -> set[tuple[str, str]]:
    return {(one.code, one.column) for one in line.problems}


class TestText:
    TABLE: Final = "Produkt;Anzahl;Händler\nRDS 2022 Geräte-CAL;5;Müller\n"

    @pytest.mark.parametrize(
        ("data", "encoding"),
        [
            (TABLE.encode(), "utf-8"),
            (codecs.BOM_UTF8 + TABLE.encode(), "utf-8-sig"),
            (TABLE.encode("utf-16"), "utf-16"),
            (codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"), "utf-16"),
            (TABLE.encode("cp1252"), "windows-1252"),
        ],
    )
    def test_encoding_is_recognised(self, data: bytes, encoding: str) -> None:
        facts = read(Kind.LICENCE_LIST, data).facts
        assert facts.encoding == encoding
        assert facts.notes == (("windows_1252",) if encoding == "windows-1252" else ())
        assert checked(Kind.LICENCE_LIST, data)[0].product == "rds_cal-2022-device"

    @pytest.mark.parametrize(
        ("mark", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")]
    )
    def test_delimiter_is_found_by_the_headings(self, mark: str, name: str) -> None:
        data = self.TABLE.replace(";", mark).encode()
        assert read(Kind.LICENCE_LIST, data).facts.delimiter == name

    def test_preamble_and_order_do_not_matter(self) -> None:
        data = b"Report\n\nmade,today\nQty,Notes,Product\n5,x,RDS 2022 User CAL\n\n6,,RDS 2022 User CAL\n"
        normal = read(Kind.LICENCE_LIST, data)
        assert (normal.facts.heading_row, normal.lines) == (4, 2)
        lines = checked(Kind.LICENCE_LIST, data)
        assert [(line.number, line.quantity) for line in lines] == [(5, 5), (7, 6)]

    def test_quoted_cell_may_hold_delimiter_and_line_end(self) -> None:
        lines = listed('"RDS 2022,\nUser CAL",5', "RDS 2022 User CAL,6")
        assert [(line.number, line.quantity) for line in lines] == [(2, 5), (4, 6)]

    def test_repeated_headings_are_no_lines(self) -> None:
        lines = listed(
            "RDS 2022 User CAL,5", "Product,Quantity,Purchase Date", "RDS 2022 User CAL,6"
        )
        assert [line.quantity for line in lines] == [5, 6]

    def test_long_file_is_cut_into_chunks(self) -> None:
        rows = [f"RDS 2022 User CAL,{1 + n}" for n in range(CHUNK_LINES + 1)]
        normal = read(Kind.LICENCE_LIST, "\n".join(["Product,Quantity", *rows]).encode())
        header = read_header(normal.data)
        assert [len(read_chunk(normal.data, header, n)) for n in (0, 1)] == [CHUNK_LINES, 1]


class TestRefused:
    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"Product,Quantity\n", "no_lines"),
            (b"\n\n\n", "no_headings"),
            (b"foo,bar\n1,2\n", "no_headings"),
            (b"Product,bar\n1,2\n", "heading_missing"),
            (b"Product,Quantity,Qty\nx,1,2\n", "duplicate_heading"),
            (b"Product,Quantity\nx\x00y,1\n", "binary"),
            (b"Product,Quantity\nx\x07y,1\n", "binary"),
            (b"Product,Quantity\n\x81\x8d,1\n", "encoding_unknown"),
            (codecs.BOM_UTF8 + b"Product,Quantity\n\xff,1\n", "encoding_unknown"),
            (codecs.BOM_UTF16_LE + b"P\x00\x00\xd8", "encoding_unknown"),
            (b'Product,Quantity\n"x,1\n' + b"y,1\n" * 60_000, "quote_open"),
            (b"Product,Quantity\n" + b"x" * 100_001, "line_too_long"),
            (b"Product,Quantity\n" + b"x" * 50_000_000, "line_too_long"),
            (b"Product,Quantity" + b"," * 400 + b"\nx,1\n", "too_wide"),
            (b"Product" + b"," * 10_000_000, "line_too_long"),
            (b"Product,Quantity\n" + b"x,1\n" * 100_001, "too_many_lines"),
        ],
    )
    def test_file_is_refused_with_its_reason(self, data: bytes, code: str) -> None:
        with pytest.raises(FileRefused) as refused:
            read(Kind.LICENCE_LIST, data)
        assert refused.value.code == code

    def test_missing_column_is_named(self) -> None:
        with pytest.raises(FileRefused) as refused:
            read(Kind.LICENCE_LIST, b"Anzahl;Land\n5;DE\n")
        assert refused.value.params == {"found": "Anzahl, Land", "missing": "Product"}

    @pytest.mark.parametrize(
        ("kind", "data", "name", "code"),
        [
            (Kind.LICENCE_LIST, b"Product,Quantity\nx,1\n", "list.xlsx", "type_mismatch"),
            (Kind.LICENCE_LIST, statement(), "list.csv", "type_mismatch"),
            (Kind.LICENCE_STATEMENT, b"a,b\n", "s.csv", "type_not_taken"),
            (Kind.ACCESS_PAIRS, statement(), "a.xlsx", "type_not_taken"),
        ],
    )
    def test_name_must_fit_the_content(self, kind: Kind, data: bytes, name: str, code: str) -> None:
        with pytest.raises(FileRefused) as refused:
            read(kind, data, name)
        assert refused.value.code == code


class TestStatement:
    def test_transactions_behind_a_preamble_are_read(self) -> None:
        normal = read(Kind.LICENCE_STATEMENT, statement(), "s.xlsx")
        assert (normal.facts.sheet, normal.facts.table) == ("Transaction Data", "transactions")
        assert (normal.facts.heading_row, normal.lines) == (5, 5)

    def test_each_line_is_judged(self) -> None:
        lines = checked(Kind.LICENCE_STATEMENT, statement(), "s.xlsx")
        assert [line.outcome for line in lines] == [
            Outcome.HELD,
            Outcome.HELD,
            Outcome.OTHER,
            Outcome.BAD,
            Outcome.BAD,
        ]
        position = lines[0].position
        assert position is not None
        assert (position.product.key, position.acquired) == ("ws_cal-2019-device", 120)
        assert (position.programme, position.country) == ("open_license", "DE")
        assert position.first_sold_on == date(2019, 5, 14)
        assert codes(lines[3]) == {("product_ambiguous", "product")}
        assert codes(lines[4]) == {("sa_only", "licence_type")}

    def test_pivot_table_counts_all_countries_once(self) -> None:
        head = ["Produktpool", "Lizenzproduktfamilie", "Lizenzversion", "Effektive Lizenzmenge"]
        rows: list[list[Any]] = [
            *([f"line {n}"] for n in range(9)),
            [*head, "Nutzungsland"],
            ["Server", "Windows Server - User CAL", "2019", 150.0, "Alle Länder"],
            ["Server", "Windows Server - User CAL", "2019", 100, "Deutschland"],
            ["Server", "Windows Server - User CAL", "2019", 50, "Österreich"],
        ]
        data = workbook({"Pivot- Daten": rows})
        normal = read(Kind.LICENCE_STATEMENT, data, "s.xlsx")
        assert (normal.facts.table, normal.facts.heading_row) == ("pivot", 10)
        assert normal.facts.language == "de"
        (line,) = checked(Kind.LICENCE_STATEMENT, data, "s.xlsx")
        assert (line.product, line.quantity) == ("ws_cal-2019-user", 150)
        assert line.position is not None
        assert line.position.country == ""

    def test_transactions_are_preferred_to_the_pivot_table(self) -> None:
        pivot = ["License Product Family", "Effective License Quantity", "Country of Usage"]
        data = workbook(
            {
                "Pivot Data": [pivot, ["Windows Server User CAL", 5, "All Countries"]],
                "Transaction Data": [
                    STATEMENT_HEADINGS,
                    ("N", "1", "OLP", "", "RDS 2022 User CAL", "L", 7, "", "DE", "2022-05-05"),
                ],
            }
        )
        assert read(Kind.LICENCE_STATEMENT, data, "s.xlsx").facts.table == "transactions"

    def test_formula_is_never_computed(self) -> None:
        line = ("N", "1", "OLP", "", "RDS 2022 User CAL", "L", "=1+1", "", "DE", "2022-05-05")
        (found,) = checked(Kind.LICENCE_STATEMENT, statement([line]), "s.xlsx")
        assert codes(found) == {("formula", "quantity")}

    @pytest.mark.parametrize(
        ("language", "product", "quantity", "date_of"),
        [
            ("de", "Produktname", "Menge", "Kaufdatum"),
            ("fr", "Nom du produit", "Quantité", "Date d'achat"),
            ("da", "Produktnavn", "Antal", "Købsdato"),
        ],
    )
    def test_headings_of_other_languages(
        self, language: str, product: str, quantity: str, date_of: str
    ) -> None:
        data = workbook(
            {"x": [[date_of, quantity, product], ["2022-01-02", 5, "RDS 2022 User CAL"]]}
        )
        normal = read(Kind.LICENCE_STATEMENT, data, "s.xlsx")
        assert normal.facts.language == language
        assert checked(Kind.LICENCE_STATEMENT, data, "s.xlsx")[0].quantity == 5


class TestList:
    @pytest.mark.parametrize(
        ("name", "product"),
        [
            ("Windows Server 2019 User CAL", "ws_cal-2019-user"),
            ("Windows-Server-CAL 2022 (Gerät)", "ws_cal-2022-device"),
            ("Windows Server 2012 R2 Nutzer-CALs", "ws_cal-2012-user"),
            ("Windows Server 2019 Remote Desktop Services User CAL", "rds_cal-2019-user"),
            ("RDS-Gerätezugriffslizenz 2022 (Geräte)", "rds_cal-2022-device"),
            ("Licence d\u2019accès client Windows Server 2016 utilisateur", "ws_cal-2016-user"),
            ("SQL Server 2019 Device CAL", "sql_cal-2019-device"),
            ("Exchange Server Standard 2019 User CAL", "exch_std_cal-2019-user"),
            ("WinSvrCAL 2019 SNGL OLP NL UsrCAL", "ws_cal-2019-user"),
        ],
    )
    def test_name_decides_the_product(self, name: str, product: str) -> None:
        assert listed(f'"{name}",5')[0].product == product

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("Windows Server CAL 2019", "product_ambiguous"),
            ("Windows Server User CAL", "product_ambiguous"),
            ("Windows Server 2019 User or Device CAL", "product_ambiguous"),
            ("Windows Server 2019 CAL SQL Server User", "product_ambiguous"),
            ("Dynamics CRM 2016 User CAL", "product_unknown"),
            ("CrmCAL 2016 SNGL OLP NL FooCAL", "product_unknown"),
            ("Sharepoint-Zugriffslizenz 2019", "product_unknown"),
            ("Licence d\u2019accès Project", "product_unknown"),
            ("Adgangslicens til Project", "product_unknown"),
            ("Windows Server 2019 (Gerät)", "product_unknown"),
            ("WinSvrCAL 2019 UsrCAL DvcCAL", "product_contradiction"),
            ("WinSvrCAL ALNG SA MVL UsrCAL", "sa_only"),
        ],
    )
    def test_open_name_is_asked_back(self, name: str, code: str) -> None:
        (line,) = listed(f'"{name}",5')
        assert {one.code for one in line.problems} == {code}
        assert line.position is None

    @pytest.mark.parametrize(
        "name",
        [
            "Office Standard 2016",
            "Windows Server 2019 Standard",
            "Photoshop",
            "LOCAL BACKUP",
            "Visio Std 2019 (1 user)",
            "SQLSvrStd 2019 SNGL OLP NL",
        ],
    )
    @pytest.mark.parametrize("day", ["", "2017-05-04", "long ago"])
    def test_other_software_is_no_mistake(self, name: str, day: str) -> None:
        (line,) = listed(f"{name},many,{day}")
        assert (line.outcome, line.problems, line.position) == (Outcome.OTHER, (), None)

    @pytest.mark.parametrize(
        ("cells", "outcome"),
        [
            ("R18-99999,,", Outcome.BAD),
            ("6vc-99999,Some Text,", Outcome.BAD),
            ("021-10554,,", Outcome.OTHER),
            ("R18,Some Text,", Outcome.OTHER),
            (",Project 2019,Device CAL", Outcome.BAD),
            (",Project 2019,Device", Outcome.OTHER),
            (",Windows Server 2019,Device", Outcome.BAD),
            (",,Device", Outcome.BAD),
        ],
    )
    def test_what_looks_like_a_cal_is_asked_back(self, cells: str, outcome: Outcome) -> None:
        (line,) = listed(f"{cells},5", head="Part Number,Product,CAL Type,Quantity")
        assert line.outcome is outcome

    def test_part_number_and_name_must_agree(self) -> None:
        head = "Part Number,Product,Quantity"
        (good,) = listed("r18-05767,Windows Server 2019 Device CAL,5", head=head)
        (bad,) = listed("R18-05767,Windows Server 2019 User CAL,5", head=head)
        (alone,) = listed("R18-05767,,5", head=head)
        assert good.product == alone.product == "ws_cal-2019-device"
        assert codes(bad) == {("product_contradiction", "product")}

    def test_version_and_metric_may_have_columns_of_their_own(self) -> None:
        head = "Product,Version,CAL Type,Quantity"
        (good,) = listed("Windows Server CAL,2019,Device,5", head=head)
        (bad,) = listed("Windows Server 2019 CAL,2022,Device,5", head=head)
        assert good.product == "ws_cal-2019-device"
        assert codes(bad) == {("product_contradiction", "version")}

    def test_two_families_are_not_chosen_between(self) -> None:
        (line,) = listed("Windows Server 2019 CAL SQL Server User,5")
        assert set(line.problems[0].candidates) == {"sql_cal-2019-user", "ws_cal-2019-user"}

    @pytest.mark.parametrize(
        ("quantity", "code"),
        [
            ("", "quantity_missing"),
            ("x", "quantity_unreadable"),
            ("0", "quantity_not_positive"),
            ("-4", "quantity_not_positive"),
            ("1000001", "quantity_too_large"),
            ('"1,5"', "quantity_not_whole"),
            ("=5", "formula"),
        ],
    )
    def test_wrong_quantity_is_named(self, quantity: str, code: str) -> None:
        (line,) = listed(f"RDS 2022 User CAL,{quantity}")
        assert codes(line) == {(code, "quantity")}

    @pytest.mark.parametrize(
        ("day", "code"),
        [
            ("03/04/2019", "date_ambiguous"),
            ("never", "date_unreadable"),
            ("2027-01-01", "date_future"),
        ],
    )
    def test_wrong_date_is_named(self, day: str, code: str) -> None:
        (line,) = listed(f"RDS 2022 User CAL,5,{day}")
        assert codes(line) == {(code, "date")}

    def test_one_clear_date_makes_the_column_clear(self) -> None:
        first, _ = listed("RDS 2022 User CAL,5,03/04/2023", "RDS 2022 User CAL,5,25/04/2023")
        assert first.position is not None
        assert first.position.first_sold_on == date(2023, 4, 3)

    def test_doubts_are_noted_and_keep_the_line(self) -> None:
        (line,) = listed(
            "R18-05768,WinSvrCAL 2019 SNGL OLP NL UsrCAL Foo,5,Fantasia,Some Program,Subscription",
            head="Part Number,Product,Quantity,Country,Program,License Type",
        )
        assert line.outcome is Outcome.HELD
        assert set(line.notes) == {
            "part_number_unconfirmed",
            "sku_text_unconfirmed",
            "sku_words_unknown",
            "country_unknown",
            "programme_unknown",
            "subscription",
        }

    def test_number_that_is_never_sold_on_is_noted(self) -> None:
        (line,) = listed(
            "DG7GMGF0DVSV:000P,RDS 2019 User CAL,5", head="Part Number,Product,Quantity"
        )
        assert line.outcome is Outcome.HELD
        assert "part_number_not_tradable" in line.notes

    def test_line_that_lacks_nothing_but_its_product_is_bad(self) -> None:
        (line,) = listed(",5")
        assert codes(line) == {("product_missing", "part_number")}


class TestUsage:
    def test_report_per_user(self) -> None:
        data = (
            b"RD Licensing report\nserver,rdl01\n\n"
            b"Issued To User,CAL Version,License Status,Expires On\n"
            b"NORD\\anna,Windows Server 2019 - RDS Per User CAL,2,2026-12-01\n"
            b"NORD\\ben,Windows Server 2022,Active,2026-12-01\n"
            b",Windows Server 2022,2,2026-12-01\n"
            b"NORD\\cy,unknown,2,2026-12-01\n"
        )
        lines = checked(Kind.RDS_USAGE, data)
        assert [(line.holder, line.product) for line in lines[:2]] == [
            ("NORD\\anna", "rds_cal-2019-user"),
            ("NORD\\ben", "rds_cal-2022-user"),
        ]
        assert codes(lines[2]) == {("holder_missing", "user")}
        assert codes(lines[3]) == {("version_unreadable", "version")}

    def test_report_per_device_and_temporary_licences(self) -> None:
        data = (
            b"sIssuedToComputer;sIssuedToUser;LicenseStatus;Version;Type\n"
            b"PC-1;anna;2;2019;Per Device\n"
            b"PC-2;;1;2019;\n"
            b"PC-3;;Tempor\xc3\xa4r;2019;\n"
        )
        lines = checked(Kind.RDS_USAGE, data)
        assert (lines[0].holder, lines[0].product) == ("PC-1", "rds_cal-2019-device")
        assert [line.outcome for line in lines] == [Outcome.GOOD, Outcome.OTHER, Outcome.OTHER]
        assert lines[1].notes == ("temporary_licence",)


def test_pair_lines_pass_as_they_are() -> None:
    line = RawLine(2, {"user": "a", "device": "b"})
    normal = read(Kind.ACCESS_PAIRS, b"user,device\na,b\n")
    found = KINDS[Kind.ACCESS_PAIRS].check(line, Context(normal.facts, DAY))
    assert (found.outcome, found.read) == (Outcome.GOOD, line.cells)
