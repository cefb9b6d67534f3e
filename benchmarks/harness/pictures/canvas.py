# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How all pictures look, and how they become files."""

import textwrap

from .. import build

# Of Okabe and Ito: told apart by everybody, and in grey.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
VERMILION, PURPLE, SKY, GREY = "#D55E00", "#CC79A7", "#56B4E9", "#6E6E6E"

INK = "#222222"
FAINT = "#D8D8D8"

# The three that the published tables compare.
OF_VARIANT = {"anon": GREY, "memset": VERMILION, "refpage": BLUE}
IN_WORDS = {
    "anon": "anon: no fill",
    "memset": "memset",
    "refpage": "refpage: this library",
}

# Opaque: readable on dark pages too.
_STYLE = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.labelsize": 10,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    # As text: small files, which can be searched. The same rows give the same
    # file.
    "svg.fonttype": "none",
    "svg.hashsalt": "refpage",
}

_DOTS_PER_INCH = 110
_CONDITIONS_WIDTH = 16  # characters an inch


def write(picture, rows, command, folder):
    """NAME.svg and NAME.png in the folder; gives their paths."""
    build.install(["python3-matplotlib"])
    # Not before it is installed. Figure needs no display.
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=picture.inches, constrained_layout=True)
        picture.draw(figure, rows)
        lines = textwrap.wrap(
            f"{command}. {rows.conditions}",
            int(picture.inches[0] * _CONDITIONS_WIDTH),
        )
        figure.supxlabel(
            "\n".join(lines), fontsize=7.5, color=GREY, x=0.01, ha="left"
        )
        paths = [folder / f"{picture.name}.{end}" for end in ("svg", "png")]
        for path in paths:
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            figure.savefig(path, dpi=_DOTS_PER_INCH, metadata=metadata)
    return paths


def add_legend(figure, axes, columns):
    """One for all, above them."""
    lines = -(-len(axes.get_legend_handles_labels()[0]) // columns)
    part = (0.12 + 0.2 * lines) / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - part))
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="upper center",
        bbox_to_anchor=(0.5, 1),
        ncols=columns,
        fontsize=9,
    )
