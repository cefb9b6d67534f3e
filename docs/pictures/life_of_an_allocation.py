# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws the picture of docs/life-of-an-allocation.md.

    /usr/bin/python3 docs/pictures/life_of_an_allocation.py [DIR]

Writes life-of-an-allocation.svg and .png, here or in DIR. Needs python3-matplotlib,
which tools/setup installs.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "benchmarks"))
from harness.pictures import Picture, canvas  # noqa: E402

_PAGES = 24  # drawn of a block
_PAGES_OF_WINDOW = 6
_READ = range(6, 9)
_WRITTEN = range(14, 18)

# The states of a page: its colour, hatching, and what the legend says.
_CLEAN = ("white", "", "not touched: no page at all")
_SHARED = (canvas.SKY, "", "was read: a page of the window, shared")
_OWN = (canvas.ORANGE, "", "was written: a copy, the block's own")
_RENEWED = ("#FFE2A8", "", "its own, and the pattern again")
_CLOSED = (canvas.FAINT, "////", "inaccessible")
_GUARD = ("#555555", "", "guard page")

# (what the program does, what happens, states of pages, whether mapped closed)
_STEPS = (
    (
        "malloc(N)",
        "address space with a guard page at either end; views of the\n"
        "window are laid over it, one after the other. No page is written.",
        {},
    ),
    (
        "x = p[i]",
        "a page fault: the kernel maps the page of the window, and those\n"
        "around it. The program reads the pattern.",
        {page: _SHARED for page in _READ},
    ),
    (
        "p[j] = x",
        "a page fault: the kernel copies the page of the window, and the\n"
        "store goes to the copy. Memory is used from here on.",
        {**{p: _SHARED for p in _READ}, **{p: _OWN for p in _WRITTEN}},
    ),
    (
        "free(p)",
        "the header's seal is checked. The block is kept, inaccessible if it\n"
        "is above 2 MiB. Nothing in it is read or written.",
        {page: _CLOSED for page in range(_PAGES)},
    ),
    (
        "malloc(N)",
        "the kernel names the pages that were written, and those alone get\n"
        "the pattern back. The next stores to them take no fault.",
        {**{p: _SHARED for p in _READ}, **{p: _RENEWED for p in _WRITTEN}},
    ),
)
_HEIGHT, _ROW = 0.52, 1.35
_TEXT_AT = _PAGES + 2.6


def draw(figure, _rows):
    axes = figure.subplots()
    for place, (call, text, states) in enumerate(_STEPS):
        top = -place * _ROW
        axes.text(
            -2.0, top + _HEIGHT / 2, call, ha="right", va="center",
            family="DejaVu Sans Mono", fontsize=11,
        )
        _draw_block(axes, top, states)
        axes.text(_TEXT_AT, top + _HEIGHT / 2, text, va="center", fontsize=9)
    _draw_window(axes, -len(_STEPS) * _ROW)
    _draw_legend(axes)
    axes.set_xlim(-8, _TEXT_AT + 28)
    axes.set_ylim(-len(_STEPS) * _ROW - 1.9, 0.9)
    axes.axis("off")


def _draw_page(axes, x, y, state):
    from matplotlib.patches import Rectangle

    colour, hatch, _ = state
    axes.add_patch(
        Rectangle(
            (x, y), 1, _HEIGHT, facecolor=colour, hatch=hatch,
            edgecolor=canvas.GREY, linewidth=0.6,
        )
    )


def _draw_block(axes, y, states):
    for x in (-1, _PAGES):
        _draw_page(axes, x, y, _GUARD)
    for page in range(_PAGES):
        _draw_page(axes, page, y, states.get(page, _CLEAN))
    # Where one view of the window ends and the next begins.
    for x in range(0, _PAGES + 1, _PAGES_OF_WINDOW):
        axes.plot([x, x], [y - 0.1, y + _HEIGHT + 0.1], color=canvas.BLUE, lw=1.8)


def _draw_window(axes, y):
    left = (_PAGES - _PAGES_OF_WINDOW) / 2
    for page in range(_PAGES_OF_WINDOW):
        _draw_page(axes, left + page, y, _SHARED)
    bottom_of_blocks = -(len(_STEPS) - 1) * _ROW - 0.12
    for x in range(0, _PAGES, _PAGES_OF_WINDOW):
        axes.annotate(
            "", (left + _PAGES_OF_WINDOW / 2, y + _HEIGHT + 0.06),
            (x + _PAGES_OF_WINDOW / 2, bottom_of_blocks),
            arrowprops={"arrowstyle": "-|>", "color": canvas.BLUE, "lw": 1},
        )
    axes.text(
        -2.0, y + _HEIGHT / 2, "the window", ha="right", va="center", fontsize=10
    )
    axes.text(
        _TEXT_AT, y + _HEIGHT / 2,
        "one memory file, filled with the pattern and sealed once for the\n"
        "process. Every part of every block is a private view of it.",
        va="center", fontsize=9,
    )


def _draw_legend(axes):
    from matplotlib.patches import Patch

    axes.legend(
        handles=[
            Patch(facecolor=colour, hatch=hatch, edgecolor=canvas.GREY, label=label)
            for colour, hatch, label in (
                _CLEAN, _SHARED, _OWN, _RENEWED, _CLOSED, _GUARD,
            )
        ],
        loc="lower center", ncols=3, fontsize=9, handlelength=1.4,
    )


class _NoRows:
    conditions = "A page is 4 KiB; blocks and windows have more of them."


def main(folder=HERE):
    picture = Picture("life-of-an-allocation", (11, 5.4), draw)
    command = "docs/pictures/life_of_an_allocation.py"
    canvas.write(picture, _NoRows, command, pathlib.Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
