"""What labels alone say about a dataset and about lists made from it.

No picture is opened and nothing is trained.
"""

from moslab.analysis.label_audit.answer_lists import direction, left_out, word_range, words
from moslab.analysis.label_audit.audit import (
    EXTRAS,
    agiqa_extras,
    audit,
    ava_extras,
    icaa_extras,
    koniq_extras,
    labels_preset,
    tad_extras,
)
from moslab.analysis.label_audit.codings import (
    CODINGS,
    RANGES,
    WRITTEN,
    answer_tokens,
    coding_ceilings,
    digit_ceilings,
    levels_without_picture,
    one_digit,
)
from moslab.analysis.label_audit.findings import answer, averaging, ceiling, findings
from moslab.analysis.label_audit.predictors import mixtures, published, rater_ceiling, title_power, together
from moslab.analysis.label_audit.shared import shared_groups, test_sets

__all__ = [
    "CODINGS",
    "EXTRAS",
    "RANGES",
    "WRITTEN",
    "agiqa_extras",
    "answer",
    "answer_tokens",
    "audit",
    "ava_extras",
    "averaging",
    "ceiling",
    "coding_ceilings",
    "digit_ceilings",
    "direction",
    "findings",
    "icaa_extras",
    "koniq_extras",
    "labels_preset",
    "left_out",
    "levels_without_picture",
    "mixtures",
    "one_digit",
    "published",
    "rater_ceiling",
    "shared_groups",
    "tad_extras",
    "test_sets",
    "title_power",
    "together",
    "word_range",
    "words",
]
