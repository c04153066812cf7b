import numpy as np
import pytest

from fcn.earth.velocity import brocher_density_gpcm3
from fcn.earth.velocity_table import read_velocity_model

FLAT = "{0}-0.20 3.32 0.0 1.87 0.0 2.7 0.0\n{0}0.80 4.20 0.0 2.36 0.0 2.6 0.0\n"  # begins above sea level


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "depth_top,vp,vs,\n# a comment\n0, 5.0, 2.9,\n10, 6.0, 3.5 , # crust\n,,,\n",
            {
                "top_depth_km": (0.0, 10.0),
                "vs_kmps": (2.9, 3.5),
                "density_gpcm3": tuple(brocher_density_gpcm3(np.array([5.0, 6.0]))),
            },
        ),
        (
            "top vp vs rho qp qs\n0 5.0 2.9 2.5 200 100\n10 6.0 3.5 2.7 400 200\n",
            {"density_gpcm3": (2.5, 2.7), "qp": (200.0, 400.0), "qs": (100.0, 200.0)},
        ),
        ("# model\n" + FLAT.format("LAYER "), {"top_depth_km": (-0.2, 0.8), "vp_kmps": (3.32, 4.20)}),
        (FLAT.format(""), {"top_depth_km": (-0.2, 0.8), "density_gpcm3": (2.7, 2.6)}),
        (
            "Top Vp Vs\n-2 4.0 2.3\n-1 5.0 2.9\n3 6.0 3.5\n",
            {"top_depth_km": (-2.0, -1.0, 3.0), "vp_kmps": (4.0, 5.0, 6.0)},
        ),
    ],
    ids=["three columns", "six columns", "NonLinLoc", "NonLinLoc without keyword", "two above sea level"],
)
def test_tables_are_read(tmp_path, text, expected):
    (tmp_path / "crust.txt").write_text(text)
    model = read_velocity_model(tmp_path / "crust.txt", None)
    assert model.name == "crust"
    for name, values in expected.items():
        assert getattr(model, name) == pytest.approx(values), name


def test_files_of_taup_are_nodes_down_to_the_deepest_earthquakes(tmp_path):
    """Discontinuities have names in one, two lines of comments are above the other; the core has no S."""
    nd = "0 5.8 3.4 2.7\n20 5.8 3.4 2.7\nmantle\n20 8.0 4.5 3.3\n700 8.0 4.5 3.3\n2891 13 7.2 5.5\n"
    tvel = nd.replace("mantle\n", "").replace("2891 13", "# the core\n\n2891 13")
    (tmp_path / "a.nd").write_text(nd + "outer-core\n2891 8.0 0.0 9.9\n6371 11.2 3.6 13.0\n")
    (tmp_path / "a.tvel").write_text("a model - P\na model - S\n" + tvel)
    for name in ("a.nd", "a.tvel"):
        model = read_velocity_model(tmp_path / name, None)
        tops_km = np.array(model.top_depth_km)
        assert tops_km[[0, 1, 2, -1]] == pytest.approx([0.0, 20.0, 700.0, 800.0])
        assert [model.vp_kmps[i] for i in (0, 1, -1)] == pytest.approx([5.8, 8.0, 8.0 + 5.0 * 100 / 2191])
    (tmp_path / "b.nd").write_text(nd.replace("700 8.0", "700 words"))
    with pytest.raises(ValueError, match=r"b\.nd, line 5: not numbers: '700 words 4\.5 3\.3'"):
        read_velocity_model(tmp_path / "b.nd", None)
    with pytest.raises(ValueError, match=r"a\.nd has rows of nodes by its columns, and rows=layers"):
        read_velocity_model(tmp_path / "a.nd", "layers")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no layers"),
        ("0 5.0\n", "line 1: 2 columns"),
        ("0 5.0 2.9\n10 6.0 3.5 2.7\n", "line 2: 4 columns"),
        ("0 5.0 2.9\nten 6.0 3.5\n", "line 2: not numbers"),
        ("1.0 5.0 2.9\n", "begins at 1 km: the first depth must be at or above sea level"),
        ("-12 4.0 2.3\n-1 5.0 2.9\n", "first layer top must be at sea level or above it"),
        ("O.0 5.0 2.9\n0 6.0 3.5\n", r"line 1: not numbers: 'O\.0 5\.0 2\.9' \('O\.0'\)"),
        ("0 5.O 2.9\n1 6.0 3.5\n", r"line 1: not numbers: .*'5\.O'"),
        ("NaN NaN NaN\n0 6.0 3.5\n", "line 1: not numbers: 'NaN NaN NaN'"),
        ("0 5_0 2.9\n", "line 1: not numbers.*5_0"),
        ("0 1e999 2.9\n", "line 1: not numbers.*1e999"),
        ("0,0 5,8 3,4\n20,0 6,5 3,8\n", "line 1: '0,0 5,8 3,4' has .*decimal points"),
        ("0;5,8;3,4\n", "line 1: .*semicolons"),
        ("0,5.8,,2.7\n20,6.5,,2.9\n", "line 1: '0,5.8,,2.7' has an empty cell, and what follows"),
        (",depth_top,vp,vs\n0,0,5.8,3.4\n", "line 1: .* has an empty cell"),
        ("0 5000 2900\n1 6000 3500\n", r"bad\.txt: .*in m/s, divide by 1000"),
        ("0 5.0 2.9\n5000 6.0 3.5\n", r"bad\.txt: .*in m, divide by 1000"),
        ("0 2.9 5.0\n", r"bad\.txt: .*vp/vs 0\.580"),
        ("0 1.5 0.0\n2 5.5 3.2\n", r"bad\.txt: .*vs 0 km/s .*S needs rock, 0\.02 km/s .* instead of water"),
        ("0 5.5 1.73\n10 6.0 1.75\n", r"bad\.txt: .*vp/vs is near 1\.75 in rock.*is that column vs"),
        (
            "LAYER 0 5 0 2.9 0 2.7 0\nLAYER 5 6 -9 3.5 0 2.7 0\nLAYER 9 7 0 4 0 3 0\n",
            r"bad\.txt: from .*velocities be positive",
        ),
        ("0 5.0 2.9\n" * 3000, "line 2001: more than 2000 rows"),
    ],
)
def test_unreadable_tables_say_where(tmp_path, text, message):
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_velocity_model(path, "layers")


@pytest.mark.parametrize("content", ["0 5.0 2.9\n".encode("utf-16"), b"\x1f\x8b\x08\xff0 5 3\n"])
def test_what_is_no_text_is_refused(tmp_path, content):
    (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.txt is no UTF-8 text"):
        read_velocity_model(tmp_path / "bad.txt", None)
    with pytest.raises(FileNotFoundError, match=r"no velocity model at .*none\.txt"):
        read_velocity_model(tmp_path / "none.txt", None)
    (tmp_path / "large.txt").write_text("# nothing\n" * 200_000)
    with pytest.raises(ValueError, match=r"large\.txt is no velocity model: it has 2000000 bytes"):
        read_velocity_model(tmp_path / "large.txt", None)


@pytest.mark.parametrize(
    "header",
    [
        "\ufeffdepth_km vp vs\n",
        "\ufeff",
        "Depth,Vp(km/s),Vs(km/s)\n",
        "Depth (km),Vp (km/s),Vs (km/s)\n",
        "depth vp vs\n[km] [km/s] [km/s]\n",
        "depth vp vs\nkm km/s km/s\n",
        "Crust of the north\ndepth vp vs\n",
    ],
)
def test_names_and_byte_order_marks_are_passed_over(tmp_path, header):
    (tmp_path / "crust.txt").write_text(header + "0, 5.0, 2.9\r\n10, 6.0, 3.5\r\n", encoding="utf-8")
    assert read_velocity_model(tmp_path / "crust.txt", "layers").vp_kmps == (5.0, 6.0)


@pytest.mark.parametrize("header", ["", "Depth,Vp,Vs\n", "# depth_top vp vs\n"])
def test_a_file_that_does_not_say_is_refused(tmp_path, header):
    """Layers or nodes is 6 km of epicentre: nothing is guessed."""
    path = tmp_path / "crust.csv"
    path.write_text(header + "-3, 1.5, 0.843\n1, 4.0, 2.247\n42, 7.4, 4.157\n")
    with pytest.raises(ValueError, match=r"crust\.csv does not say .*rows=layers or rows=nodes .*depth_node"):
        read_velocity_model(path, None)
    layers, nodes = (read_velocity_model(path, rows) for rows in ("layers", "nodes"))
    assert layers.vp_kmps == (1.5, 4.0, 7.4)
    assert len(nodes.vp_kmps) > 50
    with pytest.raises(ValueError, match="rows of a velocity model are layers or nodes, got 'gradient'"):
        read_velocity_model(path, "gradient")


@pytest.mark.parametrize("text", ["depth_top vp vs\n0 5.0 2.9\n9 6.0 3.5\n", FLAT.format("LAYER ")])
def test_a_key_that_the_file_contradicts_is_refused(tmp_path, text):
    (tmp_path / "crust.txt").write_text(text)
    assert read_velocity_model(tmp_path / "crust.txt", "layers") == read_velocity_model(
        tmp_path / "crust.txt", None
    )
    with pytest.raises(ValueError, match=r"crust\.txt has rows of layers by its columns, and rows=nodes"):
        read_velocity_model(tmp_path / "crust.txt", "nodes")


def test_velocities_between_nodes_are_linear_and_jump_where_a_depth_comes_twice(tmp_path):
    text = "node vp vs density\n-1 2.0 1.2 2.0\n1 4.0 2.2 2.4\n1 5.0 2.9 2.6\n9 5.0 2.9 2.8\n30 8 4.6 3.3\n"
    (tmp_path / "nodes.txt").write_text(text)
    model = read_velocity_model(tmp_path / "nodes.txt", None)
    tops = np.array(model.top_depth_km)
    middle, vp = (tops[:-1] + tops[1:]) / 2, np.array(model.vp_kmps)
    assert {-1.0, 1.0, 9.0, 30.0} <= set(tops)
    upper, lower = tops[:-1] < 1, tops[:-1] >= 1
    np.testing.assert_allclose(vp[:-1][upper], 3.0 + middle[upper])
    np.testing.assert_allclose(vp[:-1][lower], np.interp(middle[lower], [1, 9, 30], [5, 5, 8]))
    assert (tops[:-1] == 1.0).sum() == 1
    assert np.sum((tops >= 1) & (tops < 9)) == 1  # constant: one layer
    assert model.density_gpcm3[int(np.argmax(tops == 1.0))] == pytest.approx(2.7)
    assert (model.vp_kmps[-1], model.density_gpcm3[-1]) == (8.0, 3.3)


def test_nonlinlocs_gradients_are_between_its_tops(tmp_path):
    text = "LAYER -1.0 3.0 0.5 1.7 0.3 2.5 0.02\nLAYER 4.0 6.0 0.0 3.5 0.0 2.7 0.0\n"
    (tmp_path / "layers.in").write_text(text)
    model = read_velocity_model(tmp_path / "layers.in", None)
    tops = np.array(model.top_depth_km)
    below_km = (tops[:-1] + tops[1:]) / 2 + 1
    assert (tops[0], tops[-1]) == (-1.0, 4.0)
    np.testing.assert_allclose(model.vp_kmps, [*(3.0 + 0.5 * below_km), 6.0])
    np.testing.assert_allclose(model.vs_kmps, [*(1.7 + 0.3 * below_km), 3.5])
    np.testing.assert_allclose(model.density_gpcm3, [*(2.5 + 0.02 * below_km), 2.7])


def test_the_layers_of_nonlinlocs_control_file_are_read(tmp_path):
    layers = FLAT.format("LAYER ")
    statements = "CONTROL 1 54321\nTRANS SIMPLE 38.0 22.0 0.0\nVGOUT ./model/layer\nVGTYPE P\nVGTYPE S\n"
    (tmp_path / "own.in").write_text(f"# run\n{statements}{layers}GTMODE GRID3D ANGLES_YES\n")
    (tmp_path / "bare.in").write_text(layers)
    model, bare = (read_velocity_model(tmp_path / name, None) for name in ("own.in", "bare.in"))
    assert (model.top_depth_km, model.vp_kmps, model.vs_kmps) == (
        bare.top_depth_km,
        bare.vp_kmps,
        bare.vs_kmps,
    )
    (tmp_path / "none.in").write_text(statements)
    with pytest.raises(ValueError, match=r"none\.in, line 1: not numbers: 'CONTROL 1 54321'"):
        read_velocity_model(tmp_path / "none.in", None)
    (tmp_path / "bad.in").write_text(f"{statements}{layers.replace('4.20', '4.2O')}")
    with pytest.raises(ValueError, match=r"bad\.in, line 7: not numbers"):
        read_velocity_model(tmp_path / "bad.in", None)


@pytest.mark.realdata
def test_read_the_local_model_of_a_real_network(shared_dir):
    model = read_velocity_model(shared_dir / "realdata" / "coseismiq" / "velocity_model" / "local.txt", None)
    assert len(model.top_depth_km) == 10
    assert model.vp_kmps[0] == 3.32


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("depth_top vp rho vs", "column 3 is named 'rho'"),
        ("depth_top vp vp/vs", "column 3 is named 'vp/vs'"),
        ("depth_top Vs Vp", "column 2 is named 'Vs'"),
        ("thickness vp vs", "column 1 is named 'thickness'"),
        ("depth_bottom vp vs", "column 1 is named 'depth_bottom'"),
        ("depth_top(m) vp vs", r"'depth_top\(m\)' are metres"),
        ("depth_top [m] vp [m/s] vs [m/s]", r"'\[m\]' are metres"),
        ("Depth top (m),Vp (m/s),Vs (m/s)", r"'\(m\)' are metres"),
        ("Depth top (km),Vs (km/s),Vp (km/s)", "column 2 is named 'Vs'"),
    ],
)
def test_names_of_other_columns_are_refused(tmp_path, header, message):
    """They were passed over, and a density read as a velocity."""
    path = tmp_path / "model.txt"
    rows = [[0, 5.5, 3.2, 2.6], [10, 6.2, 3.6, 2.7]]
    n_columns = 4 if "rho" in header else 3
    path.write_text("\n".join([header, *(" ".join(map(str, row[:n_columns])) for row in rows)]) + "\n")
    with pytest.raises(ValueError, match=message):
        read_velocity_model(path, "layers")
