"""The guilloche of a security paper, as PDF operators: drawn once per process, not once per page.

As an SVG background the same lines cost 125 ms of CPU for each document (documents.md 4). Sizes
follow documents.md 7: two hairline rectangles with a band of four interlaced waves, rosettes in the
corners and one pale rosette behind the text.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

POINTS_PER_MM: Final = 72 / 25.4
PAGE_WIDTH_MM: Final = 210.0
PAGE_HEIGHT_MM: Final = 297.0

NAVY: Final = "0.043 0.122 0.227"
BAND: Final = "0.561 0.639 0.741"
PALE: Final = "0.922 0.937 0.961"

OUTER_MM: Final = 6.4
INNER_MM: Final = 10.6
AXIS_MM: Final = (OUTER_MM + INNER_MM) / 2
AMPLITUDE_MM: Final = 1.5
WAVES: Final = 4
PERIODS_ACROSS: Final = 24
PERIODS_DOWN: Final = 35
CORNER_MM: Final = INNER_MM - OUTER_MM

Point = tuple[float, float]
Curve = Callable[[float], Point]


def guilloche() -> bytes:
    """Give the operators for one A4 page, origin bottom left, unit point."""
    scale = f"{POINTS_PER_MM:.5f} 0 0 {POINTS_PER_MM:.5f} 0 0 cm 1 J 1 j"
    parts = [scale, *_rosette_behind_text(), *_band(), *_corners(), *_frame()]
    return "\n".join(parts).encode("ascii")


ORNAMENTS: Final[Mapping[str, Callable[[], bytes]]] = MappingProxyType({"guilloche": guilloche})
"""A template asks for one with `<html data-ornament="...">`."""


def _frame() -> Iterable[str]:
    yield f"{NAVY} RG 0.22 w"
    for inset in (OUTER_MM, INNER_MM):
        yield _rectangle(inset, inset, PAGE_WIDTH_MM - 2 * inset, PAGE_HEIGHT_MM - 2 * inset)


def _band() -> Iterable[str]:
    """Waves between the corner squares, so that both ends close inside a rosette."""
    yield f"{BAND} RG 0.14 w"
    start = OUTER_MM + CORNER_MM
    for wave in range(WAVES):
        phase = wave * math.tau / WAVES
        for axis in (AXIS_MM, PAGE_HEIGHT_MM - AXIS_MM):
            length = PAGE_WIDTH_MM - 2 * start
            yield _curve(_wave(start, axis, length, PERIODS_ACROSS, phase), PERIODS_ACROSS * 4)
        for axis in (AXIS_MM, PAGE_WIDTH_MM - AXIS_MM):
            length = PAGE_HEIGHT_MM - 2 * start
            upright = _wave(start, axis, length, PERIODS_DOWN, phase)
            yield _curve(_turned(upright), PERIODS_DOWN * 4)


def _wave(start: float, axis: float, length: float, periods: int, phase: float) -> Curve:
    def point(t: float) -> Point:
        height = AMPLITUDE_MM * math.sin(t * periods * math.tau + phase)
        return start + t * length, axis + height

    return point


def _turned(curve: Curve) -> Curve:
    def point(t: float) -> Point:
        x, y = curve(t)
        return y, x

    return point


def _corners() -> Iterable[str]:
    for x in (AXIS_MM, PAGE_WIDTH_MM - AXIS_MM):
        for y in (AXIS_MM, PAGE_HEIGHT_MM - AXIS_MM):
            half = CORNER_MM / 2
            yield f"{NAVY} RG 0.22 w"
            yield _rectangle(x - half, y - half, CORNER_MM, CORNER_MM)
            yield f"{BAND} RG 0.14 w"
            yield _curve(_rose(x, y, 1.75, 0.55, 8), 96)
            yield _curve(_rose(x, y, 0.95, 0.35, 8), 96)


def _rosette_behind_text() -> Iterable[str]:
    yield f"{PALE} RG 0.18 w"
    x, y = PAGE_WIDTH_MM / 2, PAGE_HEIGHT_MM / 2
    yield _curve(_spirograph(x, y, 58.0, 0.38, 25), 25 * 40)
    yield _curve(_rose(x, y, 66.0, 3.0, 48), 48 * 8)
    yield _curve(_rose(x, y, 66.0, -3.0, 48), 48 * 8)


def _rose(x: float, y: float, radius: float, depth: float, petals: int) -> Curve:
    def point(t: float) -> Point:
        angle = t * math.tau
        reach = radius + depth * math.cos(petals * angle)
        return x + reach * math.cos(angle), y + reach * math.sin(angle)

    return point


def _spirograph(x: float, y: float, radius: float, share: float, loops: int) -> Curve:
    """Two turning arms; `share` is the length of the second, `loops` how often it turns."""

    def point(t: float) -> Point:
        first = t * math.tau
        second = first * (1 - loops)
        arm = radius * (1 - share)
        return (
            x + arm * math.cos(first) + radius * share * math.cos(second),
            y + arm * math.sin(first) + radius * share * math.sin(second),
        )

    return point


def _curve(curve: Curve, pieces: int) -> str:
    """Draw t = 0..1 as cubic Bezier pieces through the curve's own slopes.

    Straight pieces look angular at 300 dpi; four Bezier pieces per wave do not.
    """
    step = 1 / pieces
    operators = ["{:.3f} {:.3f} m".format(*curve(0.0))]
    for piece in range(pieces):
        t, following = piece * step, (piece + 1) * step
        (x0, y0), (x3, y3) = curve(t), curve(following)
        (u0, v0), (u3, v3) = _slope(curve, t), _slope(curve, following)
        third = step / 3
        operators.append(
            f"{x0 + u0 * third:.3f} {y0 + v0 * third:.3f}"
            f" {x3 - u3 * third:.3f} {y3 - v3 * third:.3f} {x3:.3f} {y3:.3f} c"
        )
    operators.append("S")
    return "\n".join(operators)


def _slope(curve: Curve, t: float) -> Point:
    tiny = 1e-6
    (x0, y0), (x1, y1) = curve(t - tiny), curve(t + tiny)
    return (x1 - x0) / (2 * tiny), (y1 - y0) / (2 * tiny)


def _rectangle(x: float, y: float, width: float, height: float) -> str:
    return f"{x:.3f} {y:.3f} {width:.3f} {height:.3f} re S"
