"""What the picture of one window says: names of its pixels, results, what is missing."""

from functools import cache
from math import inf

from layerwise.operations.axis_sentences import axis_sentences
from layerwise.operations.shapes import times

from .window_axes import Axis
from .window_plan import Plan
from .window_values import INK, Arithmetic, Term, number


def output_name(plan: Plan, i: int, j: int) -> str:
    """The name of an output pixel: "output row 0, column 1: −3"."""
    return f"output row {i}, column {j}: {number(plan.results[i, j])}"


def sentence(plan: Plan, i: int, j: int) -> str:
    """What an output pixel reads, and what comes of it."""
    return f"{reads(plan.rows, plan.columns, i, j)}: {result(plan, i, j)}."


def reads(rows: Axis, columns: Axis, i: int, j: int) -> str:
    """What one output pixel reads: "Output row 0, column 1 reads input rows 0–1, …"."""
    lead = f"Output row {i}, column {j} reads "
    if not (rows.reads[i] and columns.reads[j]):
        return f"{lead}only padding"
    label = f"{lead}input {_span('row', rows.reads[i])}, {_span('column', columns.reads[j])}"
    beyond = rows.beyond[i] | columns.beyond[j]
    if "padding" in beyond:
        label += ", and padding"
    return f"{label}; its window ends past the edge" if "the edge" in beyond else label


def input_name(plan: Plan, i: int, j: int) -> str:
    """A pixel and its windows: "input row 3, column 4, ink 7, is read by 2 windows"."""
    count = plan.rows.readers[i] * plan.columns.readers[j]
    often = f"is read by {count} window{'s' if count > 1 else ''}" if count else "is never read"
    return f"input row {i}, column {j}, ink {plan.pixels[i, j]}, {often}"


def result(plan: Plan, i: int, j: int) -> str:
    """How a window's number comes about: "sum of 9 products: −3"."""
    values, found, value = plan.values, plan.terms[i, j], number(plan.results[i, j])
    if values.arithmetic is Arithmetic.SUM:
        return f"sum of {len(found)} products: {value}" if len(found) > 1 else f"product: {value}"
    if values.arithmetic is Arithmetic.LARGEST:
        return f"largest: {value}"
    total = sum(term.value for term in found)
    return f"sum {total}, divided by {values.divisor(found)}: {value}"


def terms(plan: Plan, i: int, j: int) -> list[tuple[str, str]]:
    """The two lines of each place of a window: "7·−1" and "−7"; of pooling, "largest" and "7"."""
    found = plan.terms[i, j]
    if plan.values.kernel:
        return list(map(_product, found))
    if plan.values.arithmetic is Arithmetic.AVERAGE:
        return [("", "none" if t.pixel is None else number(t.pixel)) for t in found]
    pixels = [-inf if t.pixel is None else t.pixel for t in found]
    first = pixels.index(max(pixels))
    return [("largest" if n == first else "", number(pixel)) for n, pixel in enumerate(pixels)]


def padding_number(plan: Plan) -> str:
    """What stands in padding: "0" where it counts; with max pooling nothing is less."""
    if plan.values.padding is not None:
        return number(plan.values.padding)
    return "−∞" if plan.values.arithmetic is Arithmetic.LARGEST else ""


def padding(plan: Plan) -> str:
    """The legend of padding."""
    if plan.values.padding is not None:
        return "padding: zeros"
    return "padding: ignored (−∞)" if padding_number(plan) else "padding: not counted"


def past(plan: Plan) -> str:
    """The legend of places where not even padding is."""
    return "past the edge" if plan.works else "missing"


def missing(plan: Plan) -> str:
    """Why there is no output: "The window of 4×4 does not fit: 1 row and 1 column are missing."."""
    lacking = [
        f"{axis.lacks} {name}{'s' if axis.lacks > 1 else ''}"
        for axis, name in ((plan.rows, "row"), (plan.columns, "column"))
        if axis.lacks
    ]
    window = times((plan.rows.extent, plan.columns.extent))
    room = times([axis.size + 2 * axis.before for axis in (plan.rows, plan.columns)])
    there = " with its padding" if plan.rows.before or plan.columns.before else ""
    one = sum(axis.lacks for axis in (plan.rows, plan.columns)) == 1
    return (
        f"The window spans {window}, the input{there} {room}: "
        f"{' and '.join(lacking)} {'is' if one else 'are'} missing."
    )


def formulas(plan: Plan) -> list[str]:
    """Sizes of the output, from the numbers of each axis; or what is missing."""
    return axis_sentences(plan.step) if plan.works else [missing(plan)]


@cache
def _product(term: Term) -> tuple[str, str]:
    return f"{term.pixel}·{number(term.weight or 0)}", number(term.value)


def terms_head(plan: Plan) -> str:
    """What stands above the places of a window."""
    return "pixel · weight, and product" if plan.values.kernel else "numbers in the window"


def examples(plan: Plan) -> str:
    """Whose numbers these are."""
    if not plan.values.kernel:
        return f"The pixels are an example: the ink of a handwritten digit, 0 to {INK}."
    of = plan.step.settings
    channels = plan.step.inputs[0][-3] // of.get("groups", 1)
    more = [f"the sums of {channels} channels"] if channels > 1 else []
    more += ["its bias"] if of.get("bias") else []
    added = f" A layer adds {' and '.join(more)}." if more else ""
    return f"The numbers are an example: a digit's ink, 0 to {INK}, and an edge kernel.{added}"


def _span(name: str, places: list[int]) -> str:
    """[3, 4, 5] -> "rows 3–5"; with dilation "rows 0, 2, 4" or "rows 0, 2, …, 8"."""
    first, last = places[0], places[-1]
    if first == last:
        return f"{name} {first}"
    if last - first == len(places) - 1:
        return f"{name}s {first}–{last}"
    if len(places) > 3:
        return f"{name}s {first}, {places[1]}, …, {last}"
    return f"{name}s {', '.join(map(str, places))}"
