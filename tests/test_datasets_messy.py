"""Label files as people have them: other separators and encodings, names twice, splits mixed, odd scores."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import NO_DATA
from test_datasets import KONIQ, KONIQ_HEADER

from moslab import datasets
from moslab.analysis import label_audit
from moslab.datasets import labelfile, lists
from moslab.utils.errors import UserError

CHINESE = "image,score,text\n照片一.jpg,3.5,海边的小镇\n照片二.jpg,2.5,山上的树\n"


@pytest.fixture
def own(tmp_path):
    """A function that loads a CSV file of such content: text (as UTF-8) or bytes."""

    def load(content, name="mine"):
        (tmp_path / "csv").mkdir(exist_ok=True)
        (tmp_path / "csv" / f"{name}.csv").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
        return datasets.load("csv", root=str(tmp_path), preset=name)

    return load


@pytest.fixture
def listed(tmp_path):
    """A function that writes JSON lists {file: objects} and loads a preset of them; objects may be names."""

    def load(files, preset, dataset="lists", **options):
        for file, objects in files.items():
            path = tmp_path / f"{file}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                json.dumps(
                    [
                        {"image": each, "gt_score": 1 + place} if isinstance(each, str) else each
                        for place, each in enumerate(objects)
                    ]
                )
            )
        return datasets.load(dataset, root=str(tmp_path), preset=preset, **options)

    return load


def rows(table, *columns):
    return table.frame[list(columns)].values.tolist()


# --- the file as a whole ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, said",
    [
        (
            "image;score\na.jpg;3,5\n",
            "parts its fields by semicolons .its first line is 'image;score'.: save it with commas",
        ),
        ("sep=;\nimage;score\na.jpg;3,5\n", "parts its fields by semicolons"),
        ("\ufeffimage\tscore\na.jpg\t3.5\n", "parts its fields by tabs"),
        ("image|score\na.jpg|3.5\n", "parts its fields by bars"),
        ("image,score\na.jpg,3.5\n".encode("utf-16"), "is written in UTF-16: save it as UTF-8"),
        ("image\tscore\na.jpg\t3.5\n".encode("utf-16-be"), "is written in UTF-16: save it as UTF-8"),
        ("image,score\na.jpg,3.5\n".encode("utf-16-le"), "is written in UTF-16: save it as UTF-8"),
        (CHINESE.encode("utf-16"), "is written in UTF-16: save it as UTF-8"),
        (CHINESE.encode("gbk"), "seems to be written in GBK: save it as UTF-8"),
        (
            ("image,score\n" + "a.jpg,1\n" * 90_000 + "照片一.jpg,1\n").encode("gbk"),
            "seems to be written in GBK",
        ),  # far behind the header
        (
            "image,score,text\na.jpg,3.5,Glühwürmchen im März\n".encode("latin-1"),
            "is not written in UTF-8 .*: save it as UTF-8",
        ),
        (
            'image,score\na.jpg,"3,5"\n',
            "line 2, column score holds '3,5': expected a number with a point in place of the comma .3.5.",
        ),
        ("image,score\na.jpg,3,5\n", "more fields than there are columns .*write numbers with points"),
        (
            "image,score\nb.jpg,3\na.jpg,3,5\n",
            "Expected 2 fields in line 3, saw 3.*write numbers with points",
        ),
        ("image,score\na.jpg,inf\n", "column score holds 'inf'"),
        ("image,score\na.jpg,True\n", "column score holds 'True': expected a number"),
        ("image,score\na.jpg,NA\n", "line 2, column score is empty or NaN"),
        (
            "image,score\nhttps://example.org/p/a.jpg,3\n",
            "line 2: https://example.org/p/a.jpg is an address on the web, .* a.jpg",
        ),
        (
            "image,score,dmos\na.jpg,3,2\n",
            "has the columns score and dmos: keep score where higher is better",
        ),
        ("image,Score,SCORE\na.jpg,3,2\n", "has the columns Score and SCORE"),
    ],
)
def test_a_file_in_another_form_is_one_sentence(own, content, said):
    with pytest.raises(UserError, match=said) as problem:
        own(content)
    assert "mine.csv" in str(problem.value) and "\n" not in str(problem.value)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff Image , SCORE ,Split\na.jpg,3.5,Training\nb.jpg,2.5,dev\n",
        'image,mos,split\n"a.jpg","3.5",train\nb.jpg , 2.5 ,valid\n,,\n,,\n',
        "Image,Score,Split,,\r\na.jpg,3.5,train,,\r\nb.jpg,2.5,validation,,\r\n",
    ],
)
def test_what_a_spreadsheet_makes_of_a_file_does_no_harm(own, content):
    assert rows(own(content), "image", "mos", "split") == [["a.jpg", 3.5, "train"], ["b.jpg", 2.5, "val"]]


def test_chinese_in_utf8_is_read(own):
    assert rows(own("\ufeff" + CHINESE), "image", "text")[0] == ["照片一.jpg", "海边的小镇"]


@pytest.mark.parametrize("name", ["mine.xlsx", "mine.CSV", "mine.tsv"])
def test_a_file_of_another_kind_is_named(tmp_path, name):
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / name).write_text("")
    with pytest.raises(
        UserError,
        match=f"has no file mine.csv but {name}, which is not read: save it as mine.csv",
    ):
        datasets.load("csv", root=str(tmp_path), preset="mine")


def test_a_single_score_cannot_be_joined(own, tmp_path):
    own("image,score\na.jpg,3\nb.jpg,3\n", "default")
    (tmp_path / "koniq10k").mkdir()
    (tmp_path / "koniq10k" / "koniq10k_distributions_sets.csv").write_text(KONIQ_HEADER + "".join(KONIQ))
    with pytest.raises(UserError, match="All scores of csv are 3, so they cannot be carried to 1-5"):
        datasets.load("koniq10k+csv", root=str(tmp_path))


def test_columns_that_are_not_read_are_named(own):
    with pytest.warns(
        UserWarning, match="mine.csv: splits, camera are not read; known columns are image, score"
    ):
        own("image,score,splits,camera\na.jpg,1,train,x\n")


@pytest.mark.parametrize("column", ["ref_name", "hq_name", "Reference"])
def test_references_are_groups_and_stay_whole(own, column):
    table = own(f"image,score,{column}\n" + "".join(f"{n}.jpg,{n},{n // 10}.png\n" for n in range(60)))
    assert table.frame["group"].nunique() == 6 and table.frame.groupby("group")["split"].nunique().max() == 1


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["NA", "None", "null", "nan", "N/A", "NULL", "NaN", "#N/A"])
def test_texts_that_look_like_nothing_stay_texts(own, name):
    table = own(f"image,score,text,group,split\n{name},3.5,{name},{name},{name}\nb.jpg,2.5,,,test\n")
    assert rows(table, "image", "text", "group", "split") == [[name] * 4, ["b.jpg", "", "", "test"]]


def test_published_texts_that_look_like_nothing_stay_texts(tmp_path):
    (tmp_path / "agiqa3k").mkdir()
    (tmp_path / "agiqa3k" / "data.csv").write_text(
        "name,prompt,adj1,adj2,style,mos_quality,std_quality,mos_align,std_align\nnull,None,NA,,,1,.5,1,.5\n"
    )
    table = datasets.load("agiqa3k", root=str(tmp_path))
    assert rows(table, "image", "text", "group") == [["null", "None", "None"]]
    assert table.annotations[["adj1", "adj2"]].values.tolist() == [["NA", ""]]


def test_measurements_may_be_missing(tmp_path):
    (tmp_path / "konvid1k").mkdir()
    (tmp_path / "konvid1k" / "KoNViD_1k_attributes.csv").write_text(
        "flickr_id,blur,file_name,MOS\n1,0.5,NA,3\n2,NA,None,2\n3,,x,2\n"
    )
    annotations = datasets.load("konvid1k", root=str(tmp_path)).annotations
    assert annotations["blur"].isna().tolist() == [False, True, True]
    assert annotations["file_name"].tolist() == ["NA", "None", "x"]


@pytest.mark.parametrize("name", ["./a.jpg", "x/../a.jpg", ".//a.jpg", ".\\a.jpg", "x\\..\\a.jpg"])
def test_a_picture_has_one_name(own, listed, name):
    assert rows(own(f"image,score\n{name},1\n"), "image") == [["a.jpg"]]
    with pytest.raises(UserError, match="line 3: .*a.jpg is already on line 2 as a.jpg. Keep one of the two"):
        own(f"image,score,split\na.jpg,1,train\n{name},1,test\n")
    with pytest.raises(
        UserError,
        match=r"a.jpg is in test_x.json object 0 \(test\) and again.* in train_x.json .*: training and test",
    ):
        listed({"m/train_x": [name], "m/test_x": ["a.jpg"]}, "m/x")


def test_names_that_are_so_already_stay_as_they_are():
    names = pd.Series(
        [
            "a.jpg",
            "x/a.jpg",
            "/pictures/a.jpg",
            "../ava/1.jpg",
            "a..b/.hidden/c.",
            "10004473376",
            "x y.jpg",
            "...",
        ]
    )
    assert labelfile.picture_names(names).tolist() == [*names[:3], "../ava/1.jpg", *names[4:]]
    assert labelfile.picture_names(pd.Series(["//r//a.jpg", "../../a.jpg", "a\\b.jpg"])).tolist() == [
        "/r/a.jpg",
        "../../a.jpg",
        "a/b.jpg",
    ]


def test_names_that_a_disk_does_not_tell_apart_are_refused(own, listed):
    with pytest.raises(UserError, match="line 3: A.JPG differs from a.jpg on line 2 in capitals alone"):
        own("image,score\na.jpg,1\nA.JPG,2\n")
    with pytest.raises(UserError, match="is in test_x.json object 0 .test. and again, as A.jpg"):
        listed({"m/train_x": ["A.jpg"], "m/test_x": ["a.jpg"]}, "m/x")


def test_one_name_in_two_folders_is_two_pictures(own, listed):
    assert len(own("image,score,split\na/1.jpg,1,train\nb/1.jpg,1,test\n")) == 2
    assert len(listed({"m/train_x": ["a/1.jpg"], "m/test_x": ["b/1.jpg"]}, "m/x")) == 2


# --- lists --------------------------------------------------------------------------------------------------


FIVE = {
    f"ft/{part}_split_{number}": [f"{number if part == 'test' else number + 1}.png"]
    for part in ("train", "test")
    for number in range(1, 6)
}


def test_numbered_splits_are_chosen(listed):
    table = listed(FIVE, "ft/split:2")
    assert rows(table, "image", "split") == [["2.png", "test"], ["3.png", "train"]]
    assert table.version == "ft/split:2"
    assert table.manifest() != listed(FIVE, "ft/split:3").manifest()
    assert not listed(FIVE, "ft/split:2:dmos").higher_is_better


@pytest.mark.parametrize(
    "preset, said",
    [
        (
            "ft/split",
            "ft has 5 numbered splits of 'split', .*: choose one of ft/split:1, ft/split:2, .*ft/split:5",
        ),
        ("ft/split:6", "ft has no split 6 of 'split': choose one of ft/split:1"),
        ("ft/split:1:2", "lists knows no preset 'ft/split:1:2'"),
        ("ft/split:DMOS", "lists knows no preset 'ft/split:DMOS'"),
        ("ft/split:lower", "knows no preset 'ft/split:lower': behind FOLDER/NAME may stand"),
        ("ft/split:", "knows no preset"),
        ("ft/split:1:dmos:mos", "knows no preset"),
    ],
)
def test_what_is_no_preset_of_numbered_splits_is_refused(listed, preset, said):
    with pytest.raises(UserError, match=said):
        listed(FIVE, preset)


@pytest.mark.parametrize(
    "files, preset, images",
    [
        (
            ["m/train_agi_split1", "m/train_agi_split2", "m/test_agi"],
            "m/agi:2",
            ["m/test_agi", "m/train_agi_split2"],
        ),  # one test list for all
        (
            ["m/train_koniq_7k2", "m/test_koniq_2k"],
            "m/koniq",
            ["m/test_koniq_2k", "m/train_koniq_7k2"],
        ),  # sizes, no numbers
        (["m/train_koniq", "m/train_koniq_spaq_mix_v0"], "m/koniq", ["m/train_koniq"]),
        (
            ["m/train_koniq", "m/train_koniq_spaq_mix_v0"],
            "m/koniq_spaq_mix_v0",
            ["m/train_koniq_spaq_mix_v0"],
        ),
        (
            ["3/koniq10k_test", "3/koniq10k_train"],
            "3/koniq10k",
            ["3/koniq10k_test", "3/koniq10k_train"],
        ),  # Compare2Score's
        (["m/tid2013_testing_set"], "m/tid2013", ["m/tid2013_testing_set"]),
    ],
)
def test_lists_are_found_by_their_names(listed, files, preset, images):
    assert rows(listed({file: [file] for file in files}, preset), "image") == [[image] for image in images]


@pytest.mark.parametrize(
    "files, preset, said",
    [
        (
            ["m/train_lsvq_1080p", "m/train_lsvq_720p"],
            "m/lsvq",
            "several train lists of 'lsvq', train_lsvq_1080p.json and .*: name one whole .m/lsvq_1080p.",
        ),
        (
            ["m/train_koniq"],
            "m/koniq:1",
            "has no split 1 of 'koniq': its lists are not numbered, so leave the number out",
        ),
        (["m/train_koniq"], "m/spaq", "has no JSON lists of 'spaq': .* there is m/koniq"),
    ],
)
def test_lists_that_do_not_belong_together_are_refused(listed, files, preset, said):
    with pytest.raises(UserError, match=said):
        listed({file: [file] for file in files}, preset)


@pytest.mark.parametrize(
    "place",
    [
        "ft/csiq/split",
        "ft/live/split",
        "m/csiq",
        "m/live",
        "m/live_iqa",
        "LIVE/metas/all",
        "3/live",
        "m/live_md",
    ],
)
def test_lists_that_may_hold_dmos_are_not_read_without_a_word(listed, place):
    folder, _, name = place.rpartition("/")
    files = {f"{folder}/test_{name}": ["a.png"]}
    with pytest.raises(UserError, match=f"hold DMOS, .*: give the preset as {place}:dmos or {place}:mos"):
        listed(files, place)
    assert not listed(files, f"{place}:dmos").higher_is_better
    assert listed(files, f"{place}:mos").higher_is_better


@pytest.mark.parametrize(
    "place",
    [
        "ft/livec/split",
        "m/livew_1k",
        "LIVE-WILD/metas/livew",
        "m/live_challenge",
        "m/livefb",
        "m/kadid",
        "LIVE/metas/livec",
    ],
)
def test_lists_of_mos_need_no_direction(listed, place):
    folder, _, name = place.rpartition("/")
    assert listed({f"{folder}/test_{name}": ["a.png"]}, place).higher_is_better


VOTES = [0, 0, 0.5, 0.5, 0]


@pytest.mark.parametrize(
    "entry, said",
    [
        ({"gt_score": True}, "has the score True: expected a number"),
        ({"gt_score": "3,5"}, "has the score '3,5'"),
        ({"gt_score": None}, "has the score None"),
        ({"std": -0.5}, "has the deviation -0.5: expected a number of at least 0"),
        ({"std": "x"}, "has the deviation 'x'"),
        ({"std": "inf"}, "has the deviation 'inf'"),
        ({"split": "test"}, "has the split 'test' in a list of the split train"),
        ({"image": "http://example.org/a.jpg"}, "is an address on the web"),
        (
            {"target": VOTES, "gt_score": 4},
            "train_x.json object 0: gt_score is 4, and its votes have the mean 3.5 .1 of 1 rows",
        ),
        ({"target": [0, 0, 0], "gt_score": 2}, "has the target .0, 0, 0.: expected 3 shares"),
        ({"target": [-1, 2], "gt_score": 2}, "expected 2 shares"),
        ({"target": "5", "gt_score": 5}, "expected 2 shares"),
    ],
)
def test_entries_that_cannot_be_are_refused(listed, entry, said):
    with pytest.raises(UserError, match=said):
        listed({"m/train_x": [{"image": "a.jpg", "gt_score": 3.5} | entry]}, "m/x")


def test_unequal_votes_are_refused(listed):
    with pytest.raises(UserError, match="train_x.json object 1 has the target .*: expected 5 shares"):
        listed(
            {
                "m/train_x": [
                    {"image": "a", "gt_score": 3.5, "target": VOTES},
                    {"image": "b", "gt_score": 1, "target": [1, 0]},
                ]
            },
            "m/x",
        )


def test_references_of_lists_are_groups(listed):
    entries = [
        {"image": "a", "gt_score": 1, "hq_name": "r.png"},
        {"image": "b", "gt_score": 2, "ref_name": "s.png", "std": None, "conversations": None},
        {"image": "c", "gt_score": 3, "split": "Training"},
    ]
    assert listed({"m/train_x": entries}, "m/x").frame["group"].tolist() == ["r.png", "s.png", ""]


@pytest.mark.parametrize(
    "content, said",
    [
        ('[{"image": "a.jpg", "gt_score": 1}]'.encode("utf-16"), "is written in UTF-16"),
        ('[{"image": "照片一张.jpg"}]'.encode("gbk"), "seems to be written in GBK"),
    ],
)
def test_lists_in_another_encoding_are_a_sentence(tmp_path, content, said):
    (tmp_path / "train_x.json").write_bytes(content)
    with pytest.raises(UserError, match=said):
        lists.read_list(tmp_path / "train_x.json")


def test_a_protocol_takes_no_name_for_two_splits(listed, tmp_path):
    """Lists of a protocol are matched by file name, so there folders do not count."""
    (tmp_path / "koniq10k").mkdir()
    (tmp_path / "koniq10k" / "koniq10k_distributions_sets.csv").write_text(KONIQ_HEADER + "".join(KONIQ))
    with pytest.raises(UserError, match="protocol 'qalign' name a.jpg for test and for train"):
        listed(
            {"qalign_json/train_koniq": ["x/a.jpg"], "qalign_json/test_koniq": ["y/a.jpg"]},
            "default",
            "koniq10k",
            protocol="qalign",
        )
    files = {
        f"qalign_json/{part}_koniq_{number}": [f"x/{name}.jpg"]
        for part, number, name in (("train", 1, "a"), ("train", 2, "b"), ("test", 1, "b"), ("test", 2, "a"))
    }
    for old in (tmp_path / "qalign_json").iterdir():
        old.unlink()
    with pytest.warns(UserWarning, match="qalign-2 lists 2 pictures"):
        table = listed(files, "default", "koniq10k", protocol="qalign-2")
    assert table.frame["split"].tolist() == ["test", "train", "unused"]
    with pytest.raises(UserError, match="2 numbered splits of 'koniq'"):
        listed({}, "default", "koniq10k", protocol="qalign")


# --- scores, deviations and votes ---------------------------------------------------------------------------


def scored(*pairs):
    """A CSV file of scores with their deviations."""
    return "image,score,sd\n" + "".join(f"{row}.jpg,{score},{sd}\n" for row, (score, sd) in enumerate(pairs))


@pytest.mark.parametrize(
    "pairs, said",
    [
        (
            [(12, 0.4), (50, 0.5), (88, 0.6)],
            "the deviations in sd are 0.5 in the middle, beside scores that range over 76",
        ),  # of 1-5 beside 1-100
        (
            [(1.5, 12), (3.5, 15), (4.5, 20)],
            "the deviations in sd reach 20, and those of ratings on 0 to 5 cannot exceed 3.54",
        ),  # of 0-100 beside 1-5
        (
            [(2.0, 0.04), (5.0, 0.06), (7.0, 0.05)],
            "are not deviations of ratings, and are not used",
        ),  # standard errors
    ],
)
def test_deviations_on_another_scale_are_not_used(own, listed, pairs, said):
    with pytest.warns(UserWarning, match=said):
        assert own(scored(*pairs)).frame["sd"].isna().all()
    with pytest.warns(UserWarning, match="the deviations in std"):
        assert (
            listed(
                {"m/train_x": [{"image": str(score), "gt_score": score, "std": sd} for score, sd in pairs]},
                "m/x",
            )
            .frame["sd"]
            .isna()
            .all()
        )


@pytest.mark.parametrize(
    "pairs",
    [
        [(3.0, 0.8), (3.2, 0.9), (3.4, 0.7)],  # a narrow set of pictures
        [(10, 15), (55, 19), (90, 22)],
        [(0.1, 0.03), (0.5, 0.09), (0.9, 0.15)],
        [(1.1, 0.4), (4.9, 0)],
        [(-3.0, 10), (110, 12)],
        [(3, 0.5)],
    ],
)
def test_deviations_that_fit_are_used(own, pairs, recwarn):
    assert own(scored(*pairs)).frame["sd"].tolist() == [sd for _, sd in pairs] and not recwarn.list


def test_negative_deviations_are_refused(own, tmp_path):
    with pytest.raises(UserError, match="line 3: sd is -0.1, expected 0 to inf .a deviation."):
        own(scored((1, 0.1), (2, -0.1)))
    (tmp_path / "pyiqa").mkdir()
    (tmp_path / "pyiqa" / "meta_info_X.csv").write_text("img_name,mos,std\na,1,0.5\nb,2,-1\n")
    with pytest.raises(UserError, match="line 3: std is -1"):
        datasets.load("pyiqa", root=str(tmp_path), preset="X")


@pytest.mark.parametrize(
    "score, column, loads",
    [
        (3.5, "score", True),
        (3.4, "score", False),
        (3.45, "score", True),
        (4, "score", False),
        (3.5, "dmos", True),
        (2.5, "dmos", False),
    ],
)
def test_scores_are_the_mean_of_their_votes(own, score, column, loads):
    """Within 2 % of the scale or 0.05, whichever is more: 0.08 on 1-5."""
    content = f"image,{column},votes\na.jpg,1,9 0 0 0 0\nb.jpg,{score},0 0 5 5 0\n"
    if loads:
        assert len(own(content)) == 2
    else:
        with pytest.raises(
            UserError,
            match=f"mine.csv, line 3: {column} is {score:g}, and its votes have the mean 3.5 .1 of 2 rows",
        ):
            own(content)


# --- pyiqa's files ------------------------------------------------------------------------------------------


@pytest.fixture
def meta(tmp_path):
    """A function that loads a meta file of such content."""

    def load(name, content, suffix=""):
        (tmp_path / "pyiqa").mkdir(exist_ok=True)
        (tmp_path / "pyiqa" / f"meta_info_{name}.csv").write_text(content)
        return datasets.load("pyiqa", root=str(tmp_path), preset=name + suffix)

    return load


SPLITS = (
    "hq_name,dist_name,elo_score,split,ratio802_seed123_split_01\n"
    "r.bmp,a.bmp,1500,training,test\nr.bmp,b.bmp,1400,test,train\n"
)


def test_columns_that_name_splits_and_references_are_used(meta):
    table = meta("PIPALDataset", SPLITS)
    assert rows(table, "split", "group") == [["train", "r.bmp"], ["test", "r.bmp"]]
    assert meta("PIPALDataset", SPLITS, ":ratio802_seed123_split_01").frame["split"].tolist() == [
        "test",
        "train",
    ]


@pytest.mark.parametrize("column", ["elo_score", "dist_name", "hq_name", "DMOS", "1"])
def test_a_column_that_is_no_split_is_refused(meta, column):
    with pytest.raises(
        UserError, match=f"has no column of splits '{column}': choose one of split, ratio802_seed123_split_01"
    ):
        meta("PIPALDataset", SPLITS, f":{column}")


@pytest.mark.parametrize(
    "name, higher",
    [
        ("LIVEIQADataset", False),
        ("LIVEMDDataset", False),
        ("CSIQDataset", False),
        ("LIVEChallengeDataset", True),
        ("KonIQ10kDataset", True),
    ],
)
def test_files_of_dmos_are_known_by_their_name(meta, name, higher):
    assert meta(name, "img_name,mos\na,30\nb,60\n").higher_is_better == higher


def test_standard_errors_are_no_deviations(meta):
    assert (
        meta("TID2013Dataset", "ref_name,dist_name,mos,std\nr,a,5,0.5\nr,b,6,0.6\n").frame["sd"].isna().all()
    )


# --- KonIQ's two sizes --------------------------------------------------------------------------------------


@pytest.fixture
def koniq(tmp_path):
    """A data root with KonIQ's labels and pictures of both sizes."""
    for size in ("512x384", "1024x768"):
        (tmp_path / "koniq10k" / size).mkdir(parents=True)
    (tmp_path / "koniq10k" / "koniq10k_distributions_sets.csv").write_text(KONIQ_HEADER + "".join(KONIQ))
    return tmp_path


@pytest.mark.parametrize(
    "preset, first, second",
    [("default", "512x384", "1024x768"), ("mos100", "mos100:512x384", "mos100:1024x768")],
)
def test_the_size_of_koniq_s_pictures_is_chosen(koniq, preset, first, second):
    with pytest.raises(
        UserError, match=f"holds pictures of both sizes, .*: choose the preset {first} or {second}"
    ):
        datasets.load("koniq10k", root=str(koniq), preset=preset)
    small, large = (datasets.load("koniq10k", root=str(koniq), preset=size) for size in (first, second))
    assert (small.pixels.folder.name, large.pixels.folder.name) == (
        "512x384",
        "1024x768",
    )
    assert small.manifest() != large.manifest()
    assert small.frame["mos"].equals(large.frame["mos"])
    assert small.scale == ((1, 5) if preset == "default" else (1, 100))
    assert small.frame["sd"].isna().all() == (preset == "mos100")
    (koniq / "koniq10k" / "512x384").rmdir()
    assert datasets.load("koniq10k", root=str(koniq), preset=preset).pixels.folder.name == "1024x768"


def test_other_datasets_pass_over_the_size_of_koniq_s_pictures(koniq, own):
    """KonIQ is joined to others, and trained or tested with others, under one preset."""
    own("image,score\na.jpg,1\nb.jpg,2\n", "default")
    table = datasets.load("koniq10k+csv", root=str(koniq), preset="1024x768")
    assert table.version == "koniq10k:1024x768 csv:default"
    assert table.pixels.parts[0].folder.name == "1024x768"
    assert datasets.manifest("iqa", preset="1024x768") == datasets.manifest("iqa")
    with pytest.raises(UserError, match="csv has no file mos100:512x384.csv"):
        datasets.load("koniq10k+csv", root=str(koniq), preset="mos100:512x384")


def test_the_size_of_koniq_s_pictures_is_chosen_for_pyiqa_s_file_too(koniq, meta):
    content = "img_name,mos,official_split\na.jpg,1,training\nb.jpg,2,test\n"
    with pytest.raises(
        UserError, match="choose the preset KonIQ10kDataset:512x384 or KonIQ10kDataset:1024x768"
    ):
        meta("KonIQ10kDataset", content)
    (koniq / "koniq10k" / "1024x768" / "a.jpg").touch()
    assert meta("KonIQ10kDataset", content, ":official_split:1024x768").pixels.folder.name == "1024x768"
    with pytest.raises(UserError, match="pyiqa knows no preset 'KonIQ10kDataset:512x384:1024x768'"):
        meta("KonIQ10kDataset", content, ":512x384:1024x768")
    with pytest.raises(UserError, match="has no column of splits '512x384'"):
        meta("SPAQDataset", content, ":512x384")


def test_koniq_s_deviations_are_those_of_votes(koniq):
    (koniq / "koniq10k" / "koniq10k_distributions_sets.csv").write_text(
        KONIQ_HEADER + KONIQ[0].replace("0.435", "-0.435")
    )
    with pytest.raises(UserError, match="line 2: SD is -0.435, expected 0 to 4"):
        datasets.load("koniq10k", root=str(koniq), preset="512x384")


def test_labels_alone_need_no_size(koniq):
    assert label_audit.labels_preset("koniq10k", koniq, "mos100") == "mos100:512x384"
    assert label_audit.labels_preset("ava", koniq) == "default"
    assert label_audit.koniq_extras(datasets.load("koniq10k", root=str(koniq), preset="512x384"), koniq)[
        "columns"
    ]["srcc"] == pytest.approx(1)


# --- the published files ------------------------------------------------------------------------------------


def test_real_lists_and_votes_pass(data_root):
    """Nothing in published files is refused: votes and scores agree, pictures stand in one split."""
    if not (data_root / "qalign_json").is_dir() or not (data_root / "koniq10k").is_dir():
        pytest.skip(NO_DATA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        koniq = datasets.load("koniq10k", root=str(data_root))
        listed = datasets.load("lists", root=str(data_root), preset="qalign_json/koniq")
    labelfile.check_votes(
        koniq.frame["source"], "MOS", koniq.frame["mos"].to_numpy(), koniq.votes, koniq.scale
    )
    assert len(listed) == 9056 and not labelfile.alike(listed.frame["image"]).duplicated().any()
    sd = labelfile.usable_deviations(data_root, "SD", koniq.frame["sd"], koniq.frame["mos"], koniq.scale)
    assert np.isfinite(sd).all()
    with pytest.warns(UserWarning, match="are not used"):
        whole = datasets.load("koniq10k", root=str(data_root), preset="mos100").frame["mos"]
        labelfile.usable_deviations(data_root, "SD", koniq.frame["sd"], whole, (1.0, 100.0))
