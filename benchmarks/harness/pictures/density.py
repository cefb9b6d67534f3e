# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a block costs by the share of it that is written, a curve a method."""

from .canvas import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION

_LOOKS = {
    "allocator": (BLUE, "this library"),
    "memset": (VERMILION, "memset"),
    "memset of huge pages": (ORANGE, "memset of huge pages"),
    "populate, memset": (PURPLE, "populate, memset"),
    "windows of 64 KiB": (SKY, "windows of 64 KiB"),
    "windows of 1 MiB": (GREEN, "windows of 1 MiB"),
    "kept, memset": (VERMILION, "memset of all"),
    "kept windows of 1 MiB, MADV_DONTNEED": (GREEN, "MADV_DONTNEED"),
    "kept windows, pagemap": (PURPLE, "written pages, by pagemap"),
    "kept windows, PAGEMAP_SCAN": (SKY, "written pages, by PAGEMAP_SCAN"),
}


def crossing(first, second):
    """The share at which second gets cheaper than first, None if it never does.

    Both are lists of (share, cost) of the same shares. Between two of them
    costs are taken for straight lines.
    """
    last = None
    for (share, one), (_, other) in zip(first, second):
        gap = one - other
        if last is not None and last[1] <= 0 < gap:
            return last[0] + (share - last[0]) * -last[1] / (gap - last[1])
        last = share, gap
    return None


def draw(figure, panels):
    """panels: two lines of (title, curves, base), where curves are lists of
    (share in percent, microseconds) by method. Diamonds are where another method
    gets cheaper than the base."""
    for line, axes_of_line in zip(panels, figure.subplots(2, 2)):
        for (title, curves, base), axes in zip(line, axes_of_line):
            _draw_curves(axes, curves)
            _mark_crossings(axes, curves, base)
            axes.set_title(title)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)


def _draw_curves(axes, curves):
    for method, (colour, label) in _LOOKS.items():
        if method in curves:
            own = method == "allocator"
            axes.plot(
                *zip(*curves[method]),
                color=colour,
                linewidth=2.8 if own else 1.6,
                marker="o",
                markersize=5 if own else 3.5,
                label=label,
                zorder=3 if own else 2,
            )
    # Between few pages and some more is what matters.
    axes.set_xscale("function", functions=(_roots, _squares))
    axes.set_yscale("log")
    axes.set_xlim(0, 104)
    # Room for words.
    low, high = axes.get_ylim()
    axes.set_ylim(low / 3, high)
    axes.set_xticks([1, 10, 25, 50, 100])
    axes.grid(True)
    axes.set_ylabel("µs a use")
    axes.set_xlabel("% of the pages written")


# Of numpy's arrays.
def _roots(values):
    return abs(values) ** 0.5


def _squares(values):
    return values * values


def _mark_crossings(axes, curves, base):
    """Also says in words which they are, in a free corner."""
    lines = []
    for method, curve in curves.items():
        if method not in _LOOKS or method == "allocator":
            continue
        share = crossing(curves[base], curve)
        if share is None:
            continue
        axes.plot(
            share,
            _at(curve, share),
            marker="D",
            color="white",
            markersize=6,
            markeredgecolor=INK,
            zorder=4,
        )
        lines.append(f"{_LOOKS[method][1]}: from {share:.0f} %")
    if lines:
        title = f"cheaper than {_LOOKS[base][1]}"
        axes.text(
            0.98,
            0.03,
            "\n".join([title, *lines]),
            transform=axes.transAxes,
            ha="right",
            va="bottom",
            fontsize=8,
            zorder=5,
        )


def _at(curve, share):
    for (left, low), (right, high) in zip(curve, curve[1:]):
        if left <= share <= right:
            return low + (high - low) * (share - left) / (right - left)
    return curve[-1][1]
