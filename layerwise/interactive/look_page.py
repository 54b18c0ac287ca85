"""What `look` shows: one step for the live page, a strip of maps for a stored notebook."""

from collections.abc import Sequence
from html import escape
from typing import Any

from layerwise.operations.shapes import times, without_batch
from layerwise.tracing.activations import STRONGEST, Filters, Kept, Units
from layerwise.tracing.records import Step
from layerwise.views.columns import describe, shapes_of

from .feature_maps import Inside
from .pixmaps import coloured, number, photo, photo_words, ramp, scale, shrunk

IN_STRIP = 8  # maps that a stored strip shows of a step
STRIPS = 6  # steps that a stored page shows
LEAST = 64  # px, of a stored picture's longer side
View = dict[str, Any]  # what look.js shows of one step; its keys are used there


def picture(inside: Inside) -> View:
    """The image for the live page."""
    image = inside.image[0].float().cpu()
    return {
        "src": photo(image),
        "rows": image.shape[1],
        "columns": image.shape[2],
        "words": f"the image, {times(tuple(image.shape))}: {photo_words(image)}",
    }


def view(inside: Inside, steps: Sequence[Step], step: Step) -> View:
    """One of the `steps` of a box, for the live page."""
    kept = inside.maps(step.index)
    shown: View = {
        "title": step.path or "(forward)",
        "does": describe(step),
        "steps": [{"index": one.index, "name": one.op} for one in steps],
        "step": step.index,
        "words": words(step, kept),
        "maps": [],
    }
    if isinstance(kept, Kept):
        shown |= _maps(inside, step, kept)
    if isinstance(kept, Units):
        pairs = zip(kept.units, kept.values.tolist(), strict=True)
        shown["units"] = [{"name": f"unit {unit}", "value": number(value)} for unit, value in pairs]
    return shown


def image_view() -> View:
    """The view where the image itself is chosen."""
    return said("The image, before the first layer. Choose a box to see its maps.")


def said(sentence: str) -> View:
    """The view that shows a sentence and no maps."""
    return {"title": "", "does": "", "steps": [], "step": -1, "words": sentence, "maps": []}


def words(step: Step, kept: Kept | Units | None, most: int = STRONGEST) -> str:
    """What left a step, in one sentence; of its maps at most `most` are shown."""
    if isinstance(kept, Kept):
        channels, (rows, columns) = _count(step, kept), kept.values.shape[1:]
        shown = min(most, len(kept.channels))
        which = "the strongest first" if shown == channels else f"the {shown} strongest"
        return f"{channels} {_plural('map', channels)} of {rows}×{columns}, {which}"
    if isinstance(kept, Units):
        return (
            f"{without_batch(step.output)} numbers in a row: no map any more. "
            f"The {len(kept.units)} largest"
        )
    return (
        f"{times(step.output)}: these numbers are not known to lie as rows and columns of a map "
        "(tokens do not), so there is no picture of them"
    )


def _count(step: Step, kept: Kept) -> int:
    """How many maps left the step, those that are not kept too."""
    total = 1
    for size in step.output:
        total *= size
    return total // kept.values[0].numel()


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _maps(inside: Inside, step: Step, kept: Kept) -> View:
    colours = scale(kept.values, kept.signed)
    found, bounds = inside.filters(step.index), inside.bounds(step.index)
    return {
        "rows": kept.values.shape[1],
        "columns": kept.values.shape[2],
        "scale": {
            "words": colours.words,
            "colours": ramp(colours),
            "low": number(-colours.limit if colours.signed else 0.0),
            "high": number(colours.limit),
        },
        "maps": [
            {
                "name": f"channel {channel}",
                "strength": f"mean |value| {number(float(strength))}",
                "src": coloured(values, colours),
                "filter": _slices(found, channel) if found else None,
            }
            for channel, strength, values in zip(
                kept.channels, kept.strengths, kept.values, strict=True
            )
        ],
        "ends": [along.ends for along in bounds] if bounds else None,
    }


def _slices(found: Filters, channel: int) -> View:
    """The filter of one output channel: in colour where it reads colours, else slice by slice."""
    values, read = found.values[channel], found.inputs[channel].tolist()
    rows, columns = values.shape[1:]
    colours = scale(values, signed=True)
    top = number(colours.limit)
    if read == [0, 1, 2]:
        middle = (values / colours.limit + 1) / 2
        lead = f"filter {rows}×{columns} over red, green and blue: grey 0, black −{top}, full {top}"
        return {"words": lead, "slices": [{"src": photo(middle), "name": "in colour"}]}
    size = f"filter {rows}×{columns}"
    which = _plural("channel", len(read))
    lead = f"{size} over its {len(read)} strongest input {which}: {colours.words}"
    return {
        "words": lead,
        "slices": [
            {"src": coloured(one, colours), "name": f"input channel {number_}"}
            for number_, one in zip(read, values, strict=True)
        ],
    }


def numbers(inside: Inside, step: int, which: int) -> bytes:
    """The numbers of one kept map, row by row, as float32 in the order of the machine."""
    kept = inside.maps(step)
    return kept.values[which].contiguous().numpy().tobytes() if isinstance(kept, Kept) else b""


# ------------------------------------------------------------------ without a kernel


def strips(inside: Inside) -> list[tuple[Step, Kept]]:
    """The last step of each size of map, in the order of the run; of many, some all along it."""
    last: dict[tuple[int, ...], tuple[Step, Kept]] = {}
    for step in inside.trace.steps:
        kept = inside.maps(step.index)
        if isinstance(kept, Kept) and kept.values[0].numel() > 1:
            size = tuple(kept.values.shape[1:])
            last.pop(size, None)
            last[size] = step, kept
    found = list(last.values())
    if len(found) <= STRIPS:
        return found
    return [found[round(n * (len(found) - 1) / (STRIPS - 1))] for n in range(STRIPS)]


def stored(inside: Inside) -> str:
    """The image and a strip of maps for each size of map, as HTML that needs no kernel."""
    image = inside.image[0].float().cpu()
    parts = [
        "<p><i>Run this cell, and a click on a box shows its maps for this image.</i></p>",
        _row(
            _caption(inside),
            [_shown(photo(shrunk(image, 2 * LEAST)), "the image", 2 * LEAST)],
            photo_words(image),
        ),
    ]
    for step, kept in strips(inside):
        colours = scale(kept.values, kept.signed)
        pairs = list(zip(kept.channels, kept.values, strict=True))[:IN_STRIP]
        maps = [
            _shown(coloured(shrunk(one[None], LEAST)[0], colours, LEAST), f"map of channel {c}")
            for c, one in pairs
        ]
        parts.append(_row(f"{_named(step)}: {words(step, kept, IN_STRIP)}", maps, colours.words))
    return "\n".join(parts)


def _row(lead: str, images: Sequence[str], under: str) -> str:
    return (
        f'<p style="margin: 6px 0 0">{escape(lead)}</p><div>{"".join(images)}</div>'
        f'<p style="margin: 0; font-size: 12px">{escape(under)}</p>'
    )


def _shown(src: str, alt: str, size: int = LEAST) -> str:
    look = f"width: {size}px; height: auto; margin: 2px; display: inline-block"
    return f'<img src="{src}" alt="{escape(alt)}" style="{look}">'


def text(inside: Inside) -> str:
    """The same for a terminal, without the pictures."""
    lines = [_caption(inside)]
    for step, kept in strips(inside):
        colours = scale(kept.values, kept.signed)
        channels = ", ".join(map(str, kept.channels[:IN_STRIP]))
        lines.append(f"{_named(step)}: {words(step, kept, IN_STRIP)}: {channels}; {colours.words}")
    return "\n".join(lines)


def _caption(inside: Inside) -> str:
    t = inside.trace
    return f"{t.name} in eval mode, input {shapes_of(t.inputs)}. {t.note}".rstrip()


def _named(step: Step) -> str:
    return f"{step.path} ({step.op})" if step.path else step.op
