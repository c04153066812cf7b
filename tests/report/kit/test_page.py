import pytest

from fcn.report.kit.page import Page
from fcn.report.kit.table import Table, number


def test_text_is_escaped(tmp_path):
    page = Page("a < b")
    page.text("x & <i>y</i>")
    page.table(Table("t", ("<b>",), (("1 > 0",),)))
    page.write(tmp_path / "p.html")
    text = (tmp_path / "p.html").read_text()
    assert "<title>a &lt; b</title>" in text
    assert "x &amp; &lt;i&gt;y&lt;/i&gt;" in text
    assert "&lt;b&gt;" in text
    assert "1 &gt; 0" in text


def test_a_table_with_an_uneven_row_is_refused(tmp_path):
    with pytest.raises(ValueError, match="table 't' has 2 columns, but a row"):
        Table("t", ("a", "b"), (("1",),))
    Table("t", ("a", "b"), (("1", "2"),)).write_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().split() == ["a,b", "1,2"]


def test_numbers():
    assert [number(3), number(None), number(2.345, 1), number(True)] == ["3", "–", "2.3", "True"]
