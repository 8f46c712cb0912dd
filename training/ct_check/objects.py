"""Things that are no CT, drawn: shapes, writing, plots, faces.

Each family is a function of a random generator and an edge in pixels. Values are floats, roughly 0 to 1;
`training.ct_check.sets` varies contrast, size and file format.
"""

import numpy as np
from PIL import Image, ImageFont
from scipy import ndimage

from training.ct_check.strokes import canvas, grid, unit


def shapes(rng, size):
    """Ellipses, rectangles, polygons and lines of a few tones."""
    image, draw = canvas(size, rng.integers(0, 256))
    kinds = rng.choice(4, rng.integers(1, 5), replace=False)
    for _ in range(rng.integers(1, 30)):
        box = np.sort(rng.uniform(-0.1, 1.1, (2, 2)) * size, axis=0).ravel().tolist()
        tone, kind = int(rng.integers(0, 256)), rng.choice(kinds)
        if kind == 0:
            draw.ellipse(box, fill=tone)
        elif kind == 1:
            draw.rectangle(box, fill=tone)
        elif kind == 2:
            draw.polygon([tuple(point) for point in rng.uniform(0, size, (rng.integers(3, 7), 2))], fill=tone)
        else:
            draw.line(box, fill=tone, width=int(rng.integers(1, max(2, size // 20))))
    values = ndimage.gaussian_filter(np.asarray(image) / 255.0, rng.choice([0, 0.6, 2]))
    return values + rng.choice([0, 0.01, 0.05, 0.15]) * rng.normal(size=values.shape)


def blobs(rng, size):
    """Round blobs on a ground, as cells under a microscope or circles of a test object."""
    rows, cols = np.mgrid[:size, :size]
    values = np.full((size, size), rng.random())
    sharp, radius = rng.uniform(0.3, 4), rng.uniform(0.02, 0.12) * size
    tones = rng.normal(rng.choice([-0.6, 0.6]), 0.15, 60)
    for tone in tones[: rng.integers(3, 60)]:
        row, col = rng.uniform(0, size, 2)
        distance = np.hypot((rows - row) * rng.uniform(0.7, 1.4), cols - col) - radius * rng.uniform(0.5, 1.5)
        values = values + tone / (1 + np.exp(np.clip(distance / sharp, -30, 30)))
    return values + rng.choice([0, 0.03, 0.1]) * rng.normal(size=values.shape)


def text(rng, size):
    dark = rng.random() < 0.3
    image, draw = canvas(size, rng.integers(0, 60) if dark else rng.integers(200, 256))
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz      ABCDEFGHIKLMNOPRST0123456789.,:-"))
    height, top = rng.uniform(7, max(9, size / 6)), rng.uniform(-5, 10)
    font = ImageFont.load_default(height)
    while top < size:
        line = "".join(rng.choice(letters, 120))
        draw.text(
            (rng.uniform(-2, 12), top),
            line,
            fill=int(rng.integers(200, 256) if dark else rng.integers(0, 60)),
            font=font,
        )
        top += height * rng.uniform(1.1, 2)
    return np.asarray(image) / 255.0


def plot(rng, size):
    """Axes, ticks and curves, bars or points."""
    image, draw = canvas(size, rng.choice([0, 255, 255, 240]))
    ink = int(255 - image.getpixel((0, 0)) * rng.uniform(0.5, 1))
    left, top, right, bottom = (np.array([0.12, 0.08, 0.95, 0.88]) * size).tolist()
    draw.rectangle((left, top, right, bottom), outline=ink)
    steps = np.linspace(0, 1, 8)
    for step in steps:
        draw.line((left + step * (right - left), bottom, left + step * (right - left), bottom + 4), fill=ink)
        draw.line((left - 4, top + step * (bottom - top), left, top + step * (bottom - top)), fill=ink)
        draw.text((left - 0.1 * size, top + step * (bottom - top) - 4), f"{step:.1f}", fill=ink)
    for _ in range(rng.integers(1, 5)):
        across = np.linspace(left, right, int(rng.integers(5, 80)))
        heights = bottom - (bottom - top) * unit(np.cumsum(rng.normal(size=across.size)))
        tone, kind = int(rng.integers(0, 256)), rng.integers(3)
        points = list(zip(across.tolist(), heights.tolist(), strict=True))
        if kind == 0:
            draw.line(points, fill=tone, width=int(rng.integers(1, 4)))
        elif kind == 1:
            for x, y in points:
                draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=tone)
        else:
            for x, y in points[:: max(1, len(points) // 10)]:
                draw.rectangle((x, y, x + (right - left) / 14, bottom), fill=tone)
    return np.asarray(image) / 255.0


def screen(rng, size):
    """A window with title bar, buttons, panels and text."""
    image, draw = canvas(size, rng.integers(150, 256))
    for _ in range(rng.integers(4, 14)):
        box = np.sort(rng.uniform(0, size, (2, 2)), axis=0).ravel().tolist()
        box[2:] = max(box[2], box[0] + 9), max(box[3], box[1] + 9)  # with room for its corners
        draw.rounded_rectangle(
            box, radius=3, fill=int(rng.integers(0, 256)), outline=int(rng.integers(0, 256))
        )
    draw.rectangle((0, 0, size, size * 0.07), fill=int(rng.integers(20, 120)))
    for _ in range(rng.integers(5, 25)):
        row, col = rng.uniform(0, size, 2)
        draw.text((col, row), "File Edit View  Patient 12:30", fill=int(rng.integers(0, 256)))
    return np.asarray(image) / 255.0


def scribble(rng, size):
    image, draw = canvas(size, 255)
    for _ in range(rng.integers(2, 25)):
        steps = rng.normal(0, size / 12, (rng.integers(3, 30), 2))
        path = rng.uniform(0, size, 2) + np.cumsum(steps, axis=0)
        draw.line(
            [tuple(point) for point in path.tolist()],
            fill=int(rng.integers(0, 120)),
            width=int(rng.integers(1, 5)),
        )
    values = np.asarray(image) / 255.0
    return 1 - values if rng.random() < 0.4 else values


def face(rng, size):
    """A drawn face, shaded or flat."""
    image, draw = canvas(size, rng.integers(0, 256))
    tone = int(rng.integers(90, 230))
    draw.ellipse((0.2 * size, 0.1 * size, 0.8 * size, 0.9 * size), fill=tone)
    draw.pieslice(
        (0.18 * size, 0.05 * size, 0.82 * size, 0.7 * size), 180, 360, fill=int(rng.integers(0, 90))
    )
    for col in (0.38, 0.62):
        draw.ellipse(((col - 0.06) * size, 0.4 * size, (col + 0.06) * size, 0.47 * size), fill=240)
        draw.ellipse(((col - 0.025) * size, 0.41 * size, (col + 0.025) * size, 0.46 * size), fill=20)
    draw.line((0.5 * size, 0.48 * size, 0.47 * size, 0.6 * size), fill=tone - 60, width=max(1, size // 60))
    draw.arc((0.38 * size, 0.55 * size, 0.62 * size, 0.75 * size), 20, 160, fill=60, width=max(1, size // 40))
    values = ndimage.gaussian_filter(np.asarray(image) / 255.0, rng.choice([0, 1, 3]))
    shade = grid(size)[1] * rng.choice([0, 0.3, 0.6])
    return values + shade + rng.choice([0, 0.02, 0.06]) * rng.normal(size=values.shape)


def stick_figures(rng, size):
    image, draw = canvas(size, rng.choice([0, 255]))
    ink = 255 - image.getpixel((0, 0))
    for _ in range(rng.integers(1, 6)):
        (col, row), scale = rng.uniform(0.1, 0.8, 2) * size, rng.uniform(0.05, 0.15) * size
        width = max(1, int(scale / 8))
        draw.ellipse((col - scale / 2, row - scale, col + scale / 2, row), outline=ink, width=width)
        for start, end in (
            ((0, 0), (0, 2)),
            ((0, 0.6), (-1, 1.2)),
            ((0, 0.6), (1, 1.2)),
            ((0, 2), (-0.7, 3)),
            ((0, 2), (0.7, 3)),
        ):
            ends = (
                col + start[0] * scale,
                row + start[1] * scale,
                col + end[0] * scale,
                row + end[1] * scale,
            )
            draw.line(ends, fill=ink, width=width)
    return ndimage.gaussian_filter(np.asarray(image) / 255.0, rng.choice([0, 0.7, 1.5]))


def qr_code(rng, size):
    count = int(rng.integers(15, 40))
    code = (rng.random((count, count)) < 0.5).astype(np.uint8)
    for row, col in ((0, 0), (0, count - 7), (count - 7, 0)):
        code[row : row + 7, col : col + 7] = np.pad(np.pad(np.ones((3, 3)), 1), 1, constant_values=1)
    return (
        np.asarray(Image.fromarray(255 - 255 * code).resize((size, size), Image.Resampling.NEAREST)) / 255.0
    )


def lit_solid(rng, size):
    """Balls under a lamp."""
    rows, cols = grid(size)
    values = np.full(rows.shape, rng.random() * 0.6) + rng.uniform(-0.4, 0.4) * rows
    lamp = rng.normal(size=3)
    lamp /= np.linalg.norm(lamp)
    for _ in range(rng.integers(1, 7)):
        (row, col), radius = rng.uniform(-0.5, 0.5, 2), rng.uniform(0.06, 0.4)
        down, across = (rows - row) / radius, (cols - col) / radius
        height = 1 - down**2 - across**2
        light = np.clip(
            down * lamp[0] + across * lamp[1] + np.sqrt(np.maximum(height, 0)) * abs(lamp[2]), 0, 1
        )
        values = np.where(height > 0, 0.1 + 0.8 * light, values)
    return values + rng.choice([0, 0.01, 0.04]) * rng.normal(size=values.shape)
