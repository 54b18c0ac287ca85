"""A question before its answer: `predict`."""

from html import escape

_BOX = 'type="text" size="16" data-lm-suppress-shortcuts="true" aria-label="Your prediction"'


class Prediction:
    """A box to type into, and the answer, folded. It needs no kernel, and remembers nothing."""

    def __init__(self, question: str, answer: str) -> None:
        self._question, self._answer = question, answer

    def __repr__(self) -> str:
        return f"{self._question}\nAnswer: {self._answer}"

    def _repr_html_(self) -> str:
        return (
            f"<div><p><b>Predict.</b> {escape(self._question)} <input {_BOX}></p>"
            f"<details><summary>Answer</summary><p>{escape(self._answer)}</p></details></div>"
        )


def predict(question: str, answer: object) -> Prediction:
    """Ask `question`, with a box to type a prediction in, and hold the answer folded below it."""
    whole = isinstance(answer, int) and not isinstance(answer, bool)
    return Prediction(question, f"{answer:,}" if whole else str(answer))
