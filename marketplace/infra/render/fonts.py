"""The fonts of all papers: four static IBM Plex faces (OFL-1.1), made once and checked by hash.

Static faces because variable ones render 30 % slower and are not byte-stable (documents.md 2). The
package of Plex Sans holds only a variable font, so regular and semi-bold are cut from it on the
machine that prints. The cut faces stay in a cache and are not shipped: the licence forbids to
distribute modified faces under the reserved name "Plex"; documents that embed them are free.
"""

import hashlib
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import fontTools
import msgspec
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

RECIPE: Final = 1
"""Raise it when the way faces are made changes; the cache folder's name contains it."""

SANS_SOURCE: Final = ("fontpkg_ibm_plex_sans", "IBMPlexSans[wdth,wght].ttf")
SANS_FACES: Final = {"IBMPlexSans-Regular.ttf": 400, "IBMPlexSans-SemiBold.ttf": 600}
STATIC_FACES: Final = {
    "IBMPlexMono-Regular.ttf": "fontpkg_ibm_plex_mono",
    "IBMPlexSerif-SemiBold.ttf": "fontpkg_ibm_plex_serif",
}
MANIFEST: Final = "manifest.json"
FONTCONFIG: Final = "fonts.conf"


class Manifest(msgspec.Struct, frozen=True):
    """SHA-256 of each face file and the code points that at least one of the faces can draw."""

    files: dict[str, str]
    code_points: list[int]


def prepare_fonts(cache: Path) -> Path:
    """Give the folder with the faces and `fonts.conf`; make it if it is missing or damaged.

    Safe when several processes start at once: each builds beside the place and one rename wins.
    Takes about 3 s of CPU the first time, a few milliseconds later.
    """
    folder = cache.resolve() / f"plex-{_recipe_digest()[:16]}"
    if not _intact(folder):
        cache.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix="plex-building-", dir=folder.parent))
        try:
            _build(building)
            _move_into_place(building, folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    _configure(folder)
    return folder


def load_manifest(folder: Path) -> Manifest:
    """Read the manifest of a prepared folder."""
    return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)


def _recipe_digest() -> str:
    digest = hashlib.sha256(f"{RECIPE} {fontTools.version}".encode())
    for package, name in (SANS_SOURCE, *((owner, face) for face, owner in STATIC_FACES.items())):
        digest.update(_source(package, name))
    return digest.hexdigest()


def _source(package: str, name: str) -> bytes:
    return (resources.files(package) / "files" / name).read_bytes()


def _build(building: Path) -> None:
    package, name = SANS_SOURCE
    source = building / "source.ttf"
    source.write_bytes(_source(package, name))
    for face, weight in SANS_FACES.items():
        # Without recalcTimestamp the time of day would go into the file and so into every paper.
        with TTFont(source, recalcTimestamp=False) as font:
            instancer.instantiateVariableFont(
                font, {"wght": weight, "wdth": 100}, inplace=True, updateFontNames=True
            )
            font.save(building / face)
    source.unlink()
    for face, owner in STATIC_FACES.items():
        (building / face).write_bytes(_source(owner, face))
    faces = [*SANS_FACES, *STATIC_FACES]
    code_points: set[int] = set()
    for face in faces:
        with TTFont(building / face, lazy=True) as font:
            code_points.update(font.getBestCmap())
    manifest = Manifest(
        files={face: _sha256(building / face) for face in faces}, code_points=sorted(code_points)
    )
    licence = (resources.files(package) / "LICENSE").read_bytes()
    (building / "OFL.txt").write_bytes(licence)
    (building / MANIFEST).write_bytes(msgspec.json.encode(manifest))


def _configure(folder: Path) -> None:
    """Name our folder and nothing else, so that no font of the system can slip into a paper.

    The path inside goes stale when somebody moves the data folder, so it is compared every time.
    """
    text = (
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n'
        f"<fontconfig><dir>{escape(str(folder))}</dir>"
        f"<cachedir>{escape(str(folder / 'cache'))}</cachedir></fontconfig>\n"
    )
    file = folder / FONTCONFIG
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as fresh:
            fresh.write(text)
        Path(fresh.name).replace(file)


def _intact(folder: Path) -> bool:
    try:
        faces = load_manifest(folder).files
        return all(_sha256(folder / face) == digest for face, digest in faces.items())
    except (OSError, msgspec.MsgspecError):
        return False


def _move_into_place(building: Path, folder: Path) -> None:
    """Rename is atomic; whoever comes second finds an intact folder and throws its own away."""
    if folder.exists() and not _intact(folder):
        damaged = Path(tempfile.mkdtemp(prefix="plex-damaged-", dir=folder.parent))
        folder.rename(damaged / folder.name)
        shutil.rmtree(damaged)
    try:
        building.rename(folder)
    except OSError:
        if not _intact(folder):
            raise


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
