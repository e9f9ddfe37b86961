"""The faces are made once, the same everywhere, and never trusted when they changed."""

import asyncio
import hashlib
import shutil
import sys
from pathlib import Path
from typing import Final

import pytest
from fontTools.ttLib import TTFont

from marketplace.infra.render.fonts import FONTCONFIG, load_manifest, prepare_fonts
from marketplace.infra.render.texts import THIN_SPACE, read_catalogue
from tests.support.certificates import TEMPLATES

# Papers are the same for ever only if the faces are: a new fontTools may change these on purpose.
FACES: Final = {
    "IBMPlexMono-Regular.ttf": "6a3412f058c7d8dfd9170c41e85ade48e5156ecb89356110ca57a0a27734af46",
    "IBMPlexSans-Regular.ttf": "231944a047411c25a53aa0f4ab5d6e76a6ca5b84866210412402f320186b43dc",
    "IBMPlexSans-SemiBold.ttf": "b76367713cf70d75f90d10646e91e15f657f8a30e477bf28717442ea46d95285",
    "IBMPlexSerif-SemiBold.ttf": "27ce4d105591b48f666b228e1e399838a704594efea22b730000951bea700a60",
}

PREPARE: Final = (
    "import sys; from pathlib import Path; from marketplace.infra.render.fonts import prepare_fonts;"
    " print(prepare_fonts(Path(sys.argv[1])))"
)


def copied(fonts: Path, cache: Path) -> Path:
    """Give a copy of the prepared folder that a test may damage."""
    shutil.copytree(fonts, cache / fonts.name)
    return prepare_fonts(cache)


class TestPrepareFonts:
    def test_faces_are_static_and_known_by_hash(self, fonts: Path) -> None:
        assert load_manifest(fonts).files == FACES
        for face, digest in FACES.items():
            assert hashlib.sha256((fonts / face).read_bytes()).hexdigest() == digest
            assert "fvar" not in TTFont(fonts / face)

    def test_weights_are_what_their_names_say(self, fonts: Path) -> None:
        weights = {face: TTFont(fonts / face)["OS/2"].usWeightClass for face in FACES}
        assert list(weights.values()) == [400, 400, 600, 600]

    def test_figures_in_columns_are_equally_wide(self, fonts: Path) -> None:
        for face in FACES.keys() - {"IBMPlexSerif-SemiBold.ttf"}:
            font = TTFont(fonts / face)
            names = [font.getBestCmap()[ord(figure)] for figure in "0123456789"]
            assert len({font["hmtx"][name][0] for name in names}) == 1

    def test_licence_of_the_fonts_lies_beside_them(self, fonts: Path) -> None:
        assert "SIL OPEN FONT LICENSE" in (fonts / "OFL.txt").read_text()

    def test_configuration_names_our_folder_and_no_other(self, fonts: Path) -> None:
        text = (fonts / FONTCONFIG).read_text()
        assert text.count("<dir>") == 1
        assert f"<dir>{fonts}</dir>" in text
        assert "include" not in text

    def test_everything_the_catalogues_say_can_be_drawn(self, fonts: Path) -> None:
        code_points = set(load_manifest(fonts).code_points)
        assert ord(THIN_SPACE) in code_points
        for file in sorted((TEMPLATES / "locales").glob("*/LC_MESSAGES/documents.po")):
            for message in read_catalogue(file):
                texts = (message.string if message.id else "") or ""
                for text in [texts] if isinstance(texts, str) else texts:
                    assert {ord(character) for character in text} <= code_points, text

    def test_second_call_makes_nothing_new(self, fonts: Path, tmp_path: Path) -> None:
        folder = copied(fonts, tmp_path)
        before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
        assert prepare_fonts(tmp_path) == folder
        assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before

    @pytest.mark.slow
    async def test_processes_that_start_together_end_with_one_intact_folder(
        self, tmp_path: Path
    ) -> None:
        processes = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", PREPARE, str(tmp_path / "cache")),
                stdout=asyncio.subprocess.PIPE,
            )
            for _ in range(2)
        ]
        answers = {(await process.communicate())[0] for process in processes}
        assert [process.returncode for process in processes] == [0, 0]
        assert len(answers) == 1
        (folder,) = (tmp_path / "cache").iterdir()
        assert load_manifest(folder).files == FACES

    @pytest.mark.slow
    def test_changed_face_is_found_and_made_again(self, fonts: Path, tmp_path: Path) -> None:
        folder = copied(fonts, tmp_path)
        face = folder / "IBMPlexSans-Regular.ttf"
        face.write_bytes(face.read_bytes()[:-1] + b"x")
        assert prepare_fonts(tmp_path) == folder
        assert hashlib.sha256(face.read_bytes()).hexdigest() == FACES[face.name]
        assert [file.name for file in tmp_path.iterdir()] == [folder.name]

    def test_moved_folder_is_named_anew(self, fonts: Path, tmp_path: Path) -> None:
        folder = copied(fonts, tmp_path)
        assert f"<dir>{folder}</dir>" in (folder / FONTCONFIG).read_text()
        assert f"<dir>{fonts}</dir>" in (fonts / FONTCONFIG).read_text()
