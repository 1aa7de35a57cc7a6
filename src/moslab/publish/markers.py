"""Pages written by hand that hold parts made of results, each between two markers."""


def fill(text: str, marker: str, content: str) -> str:
    """`text` with everything between <!-- marker --> and <!-- /marker --> replaced.

    Text without these markers stays as it is.
    """
    start, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    if start not in text or end not in text:
        return text
    before, rest = text.split(start, 1)
    return f"{before}{start}\n{content}\n{end}{rest.split(end, 1)[1]}"
