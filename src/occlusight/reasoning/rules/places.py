"""What boxes in the picture tell of two things: whether they meet, lie in one another, stand on one another.

Boxes are x0, y0, x1, y1 in 0-1000 of the picture, with y downwards.
"""

from __future__ import annotations

from occlusight.occlusion.graph import Box, Object

TOUCH = 12  # boxes that are nearer than this meet
EDGE = 5  # a box that ends nearer to the picture's edge than this may go on beyond
SLACK = 15  # how far a box may stand out of one that it lies in


def gap(a: Box, b: Box) -> int:
    """How far two boxes are apart, 0 where they share a point."""
    return max(0, a[0] - b[2], b[0] - a[2], a[1] - b[3], b[1] - a[3])


def meet(a: Box, b: Box) -> bool:
    """Whether two boxes share area, or touch."""
    return gap(a, b) <= TOUCH


def inside(a: Box, b: Box) -> bool:
    """Whether a lies within b."""
    return a[0] >= b[0] - SLACK and a[1] >= b[1] - SLACK and a[2] <= b[2] + SLACK and a[3] <= b[3] + SLACK


def rests(a: Box, b: Box) -> bool:
    """Whether the lower end of b lies on a: between a's sides, and not above or below a."""
    middle = (b[0] + b[2]) / 2
    return a[0] - SLACK <= middle <= a[2] + SLACK and a[1] - SLACK <= b[3] <= a[3] + SLACK and b[1] < a[3]


def foot(o: Object) -> int:
    """How far down the picture a thing meets the ground; its lower end where that is not known."""
    return o.box[3] if o.touches_ground_at is None else o.touches_ground_at[1]


def whole_in_picture(a: Box) -> bool:
    """Whether a box ends inside the picture above and below."""
    return a[1] > EDGE and a[3] < 1000 - EDGE


def area(a: Box) -> int:
    """The area of a box, of 1,000,000."""
    return max(0, a[2] - a[0]) * max(0, a[3] - a[1])
