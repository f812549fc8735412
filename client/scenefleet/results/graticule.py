"""The map's graticule, its labels and the scale bar, as SVG; `page/map.js` redraws them on zoom."""

from __future__ import annotations

from scenefleet.results.mercator import Sheet, bar, degrees, step, ticks

EDGE_SIDE, EDGE_BAR = 30.0, 190.0
"""Drawing units without meridian labels at the left edge, and at the right where the bar is."""
EDGE_TOP, EDGE_BOTTOM = 20.0, 30.0
"""Drawing units without labels of parallels."""
BAR_ROOM = 140.0


def draw_lines(sheet: Sheet) -> str:
    """Meridians and parallels, as one path."""
    _, meridians, parallels = _values(sheet)
    upright = (f"M{sheet.x(value):.1f} 0V{sheet.height:.1f}" for value in meridians)
    level = (f"M0 {sheet.y(value):.1f}H{sheet.width:.1f}" for value in parallels)
    return f'<path d="{"".join([*upright, *level])}"/>'


def draw_labels(sheet: Sheet) -> str:
    """The lines' degrees along the lower and the left edge, and the scale bar."""
    distance, meridians, parallels = _values(sheet)
    texts = [
        f'<text x="{sheet.x(value):.1f}" y="{sheet.height - 8:.1f}" text-anchor="middle">'
        f"{degrees(value, distance, latitude=False)}</text>"
        for value in meridians
        if EDGE_SIDE < sheet.x(value) < sheet.width - EDGE_BAR
    ]
    texts += [
        f'<text x="8" y="{sheet.y(value) - 4:.1f}">{degrees(value, distance, latitude=True)}</text>'
        for value in parallels
        if EDGE_TOP < sheet.y(value) < sheet.height - EDGE_BOTTOM
    ]
    return "".join(texts) + _scale_bar(sheet)


def _values(sheet: Sheet) -> tuple[float, list[float], list[float]]:
    """The distance of graticule lines, the meridians and the parallels, all in degrees."""
    distance = step(sheet)
    south, north = sheet.latitude(sheet.height), sheet.latitude(0.0)
    east = sheet.longitude(sheet.width)
    return distance, ticks(sheet.west, east, distance), ticks(south, north, distance)


def _scale_bar(sheet: Sheet) -> str:
    length, label = bar(sheet.metres(sheet.latitude(sheet.height / 2)), BAR_ROOM)
    right, y = sheet.width - 16, sheet.height - 14
    return (
        f'<path class="scale" d="M{right - length:.1f} {y - 6:.1f}V{y:.1f}'
        f'H{right:.1f}V{y - 6:.1f}"/>'
        f'<text id="scale-label" x="{right - length / 2:.1f}" y="{y - 10:.1f}" '
        f'text-anchor="middle">{label}</text>'
    )
