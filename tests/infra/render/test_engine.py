"""The engine from inside: what it may fetch, what it answers, what it draws."""

import io
import socket
import zlib
from pathlib import Path
from typing import Any, Final

import msgspec
import pikepdf
import pytest

from marketplace.infra.render.child import answer, serve
from marketplace.infra.render.glyphs import PROBLEMS_MAX, normalised, refuse_unprintable
from marketplace.infra.render.ornament import PAGE_WIDTH_MM, guilloche
from marketplace.infra.render.texts import MissingText
from marketplace.infra.render.wire import (
    FAILURE,
    ORDER,
    PAPER,
    REFUSAL,
    Order,
    Refusal,
    frame,
    read_frame,
)
from marketplace.kernel.errors import Conflict, FieldProblem, Malformed
from tests.support.certificates import SAMPLE, TEMPLATES

LATIN: Final = frozenset(range(32, 127)) | {0x202E, 0xF6}


def order(view: bytes = SAMPLE.read_bytes(), **changes: Any) -> Order:
    fields: dict[str, Any] = {"kind": "certificate", "version": 1, "language": "en"}
    return Order(**(fields | changes), view=msgspec.Raw(view))


def written(folder: Path, page: str, style: str = "") -> Path:
    """Write one template `trial` with its own page and style; give the templates folder."""
    template = folder / "documents/trial/v1"
    template.mkdir(parents=True)
    head = "<head><title>t</title></head>"
    (template / "page.html").write_text(f'<html lang="en">{head}<body>{page}</body></html>')
    (template / "page.css").write_text(style)
    (folder / "locales").symlink_to(TEMPLATES / "locales")
    return folder


class Listener:
    """A server that only notes whether somebody called."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def called(self) -> bool:
        try:
            self.socket.accept()[0].close()
        except TimeoutError:
            return False
        finally:
            self.socket.close()
        return True


# WeasyPrint 70 leaves closing its colour profile to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestFetchNothing:
    def printed(self, engine: Any, templates: Path, fonts: Path) -> pikepdf.Pdf:
        pdf = type(engine)(templates, fonts).render(order(b"{}", kind="trial"))
        return pikepdf.open(io.BytesIO(pdf))

    def test_page_cannot_reach_the_network(self, engine: Any, fonts: Path, tmp_path: Path) -> None:
        listener = Listener()
        page = f'<img src="{listener.address}/a.png" alt="a"/>'
        style = f"@import '{listener.address}/b.css'; p {{ background: url({listener.address}/c) }}"
        self.printed(engine, written(tmp_path, page + "<p>x</p>", style), fonts).close()
        assert not listener.called()

    def test_page_cannot_read_a_file(self, engine: Any, fonts: Path, tmp_path: Path) -> None:
        secret = tmp_path / "secret.svg"
        secret.write_text('<svg xmlns="http://www.w3.org/2000/svg"><text y="9">secret</text></svg>')
        page = (
            f'<img src="{secret.as_uri()}" alt="a"/>'
            f'<a rel="attachment" href="{secret.as_uri()}">b</a>'
        )
        with self.printed(engine, written(tmp_path, page), fonts) as pdf:
            assert list(pdf.attachments) == ["trial.json"]
            assert b"secret" not in b"".join(page.Contents.read_bytes() for page in pdf.pages)

    def test_missing_text_stops_the_paper(self, engine: Any, fonts: Path, tmp_path: Path) -> None:
        templates = written(tmp_path, '{{ _("nowhere.to.be.found") }}')
        with pytest.raises(MissingText, match=r"nowhere\.to\.be\.found"):
            self.printed(engine, templates, fonts)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestDrawOrnament:
    def test_ornament_is_stored_once_and_marked_as_decoration(self, engine: Any) -> None:
        engine.warm_up()
        with pikepdf.open(io.BytesIO(engine.render(order()))) as pdf:
            forms = [
                item
                for item in pdf.objects
                if isinstance(item, pikepdf.Stream) and item.get("/Subtype") == "/Form"
            ]
            starts = [page.Contents.read_bytes()[:45] for page in pdf.pages]
        assert len(forms) == 1
        assert starts == [b"/Artifact BMC q /ornament Do Q EMC\n1 0 0 -1 0"] * 2

    def test_lines_stay_on_the_page(self) -> None:
        numbers = [
            [float(number) for number in line.split()[:-1]]
            for line in guilloche().decode().splitlines()
            if line.endswith((" m", " c"))
        ]
        across = [pair for line in numbers for pair in line[0::2]]
        assert len(numbers) > 1000
        assert min(across) > 0
        assert max(across) < PAGE_WIDTH_MM

    def test_drawing_is_always_the_same(self) -> None:
        assert zlib.crc32(guilloche()) == zlib.crc32(guilloche())


class Printer:
    """Stands where an engine stands and does what the order's kind says."""

    def render(self, order: Order) -> bytes:
        match order.kind:
            case "refused":
                raise Malformed("document.unprintable_text", "no", FieldProblem("/a", "b"))
            case "conflict":
                raise Conflict("document.odd", "not a refusal an engine makes")
            case "defective":
                raise ZeroDivisionError
            case _:
                return b"paper of " + order.kind.encode()


class TestServeOrders:
    def replies(self, *kinds: str) -> list[tuple[bytes, bytes]]:
        orders = io.BytesIO(
            b"".join(frame(ORDER, msgspec.json.encode(order(kind=kind))) for kind in kinds)
        )
        written = io.BytesIO()
        serve(Printer(), orders, written)
        written.seek(0)
        return list(iter(lambda: read_frame(written), None))

    def test_every_order_gets_one_reply_in_turn(self) -> None:
        tags = [tag for tag, _ in self.replies("one", "refused", "defective", "two")]
        assert tags == [PAPER, REFUSAL, FAILURE, PAPER]

    def test_refusal_is_the_same_error_on_the_other_side(self) -> None:
        ((_, body),) = self.replies("refused")
        error = msgspec.json.decode(body, type=Refusal).error()
        assert isinstance(error, Malformed)
        assert (error.code, error.detail) == ("document.unprintable_text", "no")
        assert error.fields == (FieldProblem("/a", "b"),)

    def test_other_domain_error_keeps_its_code(self) -> None:
        ((_, body),) = self.replies("conflict")
        assert msgspec.json.decode(body, type=Refusal).error().code == "document.odd"

    def test_order_that_cannot_be_read_is_a_failure(self) -> None:
        assert answer(Printer(), b"{")[:1] == FAILURE

    @pytest.mark.parametrize("cut", [3, 8])
    def test_stream_that_breaks_off_ends_the_loop(self, cut: int) -> None:
        assert read_frame(io.BytesIO(frame(PAPER, b"12345")[:cut])) is None


class TestRefuseUnprintable:
    def test_numbers_and_nothing_are_left_alone(self) -> None:
        value = {"a": [1, None, True, "ok"]}
        assert normalised(value) == value
        refuse_unprintable(value, LATIN)

    def test_place_is_a_json_pointer(self) -> None:
        with pytest.raises(Malformed) as refusal:
            refuse_unprintable({"a/b": [{"c~d": "\u682a\u5f0f"}]}, LATIN)
        (problem,) = refusal.value.fields
        assert problem.pointer == "/a~1b/0/c~0d"
        assert problem.detail.startswith("cannot print U+5F0F ")

    def test_formatting_character_is_refused_even_with_a_glyph(self) -> None:
        with pytest.raises(Malformed) as refusal:
            refuse_unprintable(["\u202e"], LATIN)
        assert "RIGHT-TO-LEFT OVERRIDE" in refusal.value.fields[0].detail

    def test_long_list_of_problems_is_cut(self) -> None:
        with pytest.raises(Malformed) as refusal:
            refuse_unprintable(["\u5f0f"] * 100, LATIN)
        assert len(refusal.value.fields) == PROBLEMS_MAX
