from course_utils import predict


def test_a_prediction_as_text_and_folded():
    made = predict("How many <rows>?", 25088)
    assert repr(made) == "How many <rows>?\nAnswer: 25,088"
    html = made._repr_html_()
    assert "<b>Predict.</b> How many &lt;rows&gt;? <input" in html
    assert 'aria-label="Your prediction"' in html
    assert "<details><summary>Answer</summary><p>25,088</p></details>" in html


def test_answers_of_other_kinds():
    assert "Answer: yes" in repr(predict("?", "yes"))
    assert "Answer: 0.5" in repr(predict("?", 0.5))
