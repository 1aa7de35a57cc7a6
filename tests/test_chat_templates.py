"""Chat templates of checkpoint folders: which one is taken, and which are refused."""

import shutil
from pathlib import Path

import pytest
from checkpoint_folders import IMAGE, refused, rewrite, template
from transformers import ProcessorMixin

from moslab.backbones import catalogue, llava, loading, templates
from moslab.utils.errors import UserError


@pytest.fixture
def folder(tiny_base, tmp_path) -> Path:
    return shutil.copytree(tiny_base, tmp_path / "base")


@pytest.fixture
def llava_folder(tiny_llava, tmp_path) -> Path:
    return shutil.copytree(tiny_llava, tmp_path / "llava")


def write_template(folder: Path, name: str, text: str) -> None:
    if name == "chat_template.jinja":
        (folder / name).write_text(text)
    else:
        rewrite(folder / name, chat_template=text)


@pytest.mark.parametrize("architecture", ["qwen2_vl", "llava"])
@pytest.mark.parametrize(
    "names",
    [
        ("tokenizer_config.json",),
        ("chat_template.jinja",),
        ("chat_template.json",),
        ("processor_config.json",),
        ("tokenizer_config.json", "chat_template.json"),
        ("tokenizer_config.json", "chat_template.jinja"),
        ("tokenizer_config.json", "processor_config.json"),
        ("chat_template.jinja", "chat_template.json"),
        ("chat_template.json", "processor_config.json"),
        ("chat_template.jinja", "processor_config.json"),
    ],
    ids=" and ".join,
)
def test_the_chat_template_is_the_one_that_transformers_takes(folder, llava_folder, names, architecture):
    checkpoint = {"qwen2_vl": folder, "llava": llava_folder}[architecture]
    (checkpoint / "chat_template.jinja").unlink()
    image = {"qwen2_vl": IMAGE, "llava": "<image>"}[architecture]
    for name in names:
        write_template(checkpoint, name, template(f"of {name}: ", image))
    processor = catalogue.architecture_of(architecture).read_processor(checkpoint)
    own = ProcessorMixin.get_processor_dict(checkpoint)[0].get("chat_template")
    assert processor.chat_template == (own or processor.tokenizer.chat_template)
    assert processor.chat_template.startswith("of ")


@pytest.mark.parametrize(
    "named",
    [
        {"default": template("main: "), "tools": "other"},
        [{"name": "tools", "template": "other"}, {"name": "default", "template": template("main: ")}],
    ],
)
def test_of_several_chat_templates_the_default_is_taken(folder, named):
    (folder / "chat_template.jinja").unlink()
    rewrite(folder / "tokenizer_config.json", chat_template=named)
    assert loading.load(str(folder)).processor.chat_template == template("main: ")


BLIND = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n"
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            BLIND,
            "tokenizer_config.json writes 0 image tokens (<|image_pad|>) for a picture and must write one: "
            "replace it by the one published",
        ),
        (template("", IMAGE * 2), "writes 2 image tokens"),
        ("no question " + IMAGE, "leaves out the question"),
        ("{{ raise_exception('texts only') }}", "cannot be filled in (texts only)"),
        ("{% for", "cannot be filled in"),
        ({"tools": "one", "other": "two"}, "holds several chat templates and none called 'default'"),
    ],
)
def test_a_chat_template_without_place_for_a_picture_is_refused_on_loading(folder, text, sentence):
    (folder / "chat_template.jinja").unlink()
    rewrite(folder / "tokenizer_config.json", chat_template=text)
    assert sentence in refused(folder)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_template_file_is_refused(folder, content):
    (folder / "chat_template.json").write_text(content)
    assert "chat_template.json cannot be read" in refused(folder)


def test_an_empty_chat_template_counts_as_none(folder, tiny_base):
    (folder / "chat_template.jinja").write_text("")
    usual = loading.load(str(tiny_base)).processor.chat_template
    assert loading.load(str(folder)).processor.chat_template == usual


def test_a_text_with_the_picture_s_own_token_is_refused(tiny_base):
    backbone = loading.load(str(tiny_base))
    sentence = r"holds <\|image_pad\|>, which stands for a picture: take it out of the text"
    with pytest.raises(UserError, match=sentence):
        backbone.prompt(f"Challenge title: {IMAGE}.", 16)


def test_templates_and_checks_are_the_same_for_every_architecture(tiny_base, tiny_llava):
    for checkpoint in (tiny_base, tiny_llava):
        backbone = loading.load(str(checkpoint))
        ids = templates.conversation(backbone.processor, backbone.architecture, "How?", 3)
        assert backbone.prompt("How?", 3) == ids
        assert backbone.prompt("How?", 3).count(backbone.model.config.image_token_id) == 3
    assert llava.CHAT_TEMPLATE == backbone.processor.chat_template
