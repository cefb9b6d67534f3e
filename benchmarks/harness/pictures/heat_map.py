# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fields of numbers, in percent: the darker, the more."""

# From there on all is as dark as can be.
_DARKEST = 200


def draw(figure, fields, columns, lines, meaning):
    """fields: four of (title, numbers), those a list for each line; None is a
    number that was not measured."""
    for axes, (title, numbers) in zip(figure.subplots(2, 2).flat, fields):
        image = _draw_field(axes, numbers)
        axes.set_title(title)
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(lines)), lines)
    bar = figure.colorbar(image, ax=figure.axes, shrink=0.6, extend="max")
    bar.set_label(meaning)


def _draw_field(axes, numbers):
    image = axes.imshow(
        [[_clipped(number) for number in line] for line in numbers],
        cmap="cividis_r",
        vmin=0,
        vmax=_DARKEST,
        aspect="auto",
    )
    for y, line in enumerate(numbers):
        for x, number in enumerate(line):
            if number is not None:
                axes.text(
                    x,
                    y,
                    f"{number:+.0f}",
                    ha="center",
                    va="center",
                    color="white" if number > _DARKEST / 2 else "black",
                    fontsize=9,
                )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def _clipped(number):
    return float("nan") if number is None else max(0, number)
