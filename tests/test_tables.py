"""Tables come from spreadsheets: what they add is passed over, what they break is named with its line."""

import pytest

from fcn.tables import number, read_table

TABLE = "a,b\r\n1,x\r\n2,y\r\n"


def rows(tmp_path, content, required=()):
    (tmp_path / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_table(tmp_path / "t.csv", required))


@pytest.mark.parametrize(
    "content",
    [
        TABLE,
        b"\xef\xbb\xbf" + TABLE.encode(),
        TABLE.replace("\r", ""),
        TABLE + ",\r\n\r\n , \r\n",
        " a , b\n 1 , x\n2,y,,,\n",
        'a,b\n1,"x"\n2,y',
    ],
)
def test_what_spreadsheets_add_is_passed_over(tmp_path, content):
    found = rows(tmp_path, content, ["a"])
    assert [cells for _, cells in found] == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]
    assert [place.removeprefix(f"{tmp_path}/") for place, _ in found] == ["t.csv, line 2", "t.csv, line 3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"t\.csv is empty"),
        ("a,b\n1,x\n2\n", r"t\.csv, line 3 has 1 cells, the table 2 columns"),
        ("a,b\n1,5,x\n", r"t\.csv, line 2 has 3 cells, the table 2 columns: .* a decimal point"),
        ("a,b,a\n1,2,3\n", r"t\.csv, line 1: several columns are named a"),
        ("b,c\n1,2\n", r"t\.csv, line 1: no column a; found b, c$"),
        ("a;b\n1;2\n", r"no column a; found a;b: separate columns by commas, not by semicolons$"),
        ("#a|b\n1|2\n", r"commas, not by bars; text of FDSN services is read where its name ends in"),
        (
            "a,b\n1,x\n2,Þórsmörk\n".encode("latin-1"),
            r"t\.csv, line 3 is not UTF-8 .*: save the table as CSV in",
        ),
        (TABLE.encode("utf-16"), r"t\.csv, line 1 is not UTF-8"),
    ],
)
def test_what_is_broken_is_named(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        rows(tmp_path, content, ["a"])


def test_of_decimal_commas_between_semicolons_the_separator_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"line 2 has 2 cells, .*: separate columns by commas, not by semi"):
        rows(tmp_path, "a;b\n1,5;x\n", [])


def test_a_line_far_down_is_counted(tmp_path):
    content = b"a,b\n" + b"1,x\n" * 20_000 + b"1,\xff\n"
    with pytest.raises(ValueError, match="line 20002 is not UTF-8"):
        rows(tmp_path, content)


def test_numbers():
    assert number("-1.5e3", "here") == -1500.0
    with pytest.raises(ValueError, match=r"^here is '37,8', not a number: write a decimal point"):
        number("37,8", "here")
    with pytest.raises(ValueError, match=r"^here is 'deep', not a number$"):
        number("deep", "here")
