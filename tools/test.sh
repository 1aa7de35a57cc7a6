#!/bin/sh
# Unit tests, then the stored notebooks against their stored outputs; neither may leave a trace in the work tree.
cd "$(dirname "$0")/.." || exit 1
python="$PWD/.venv/bin/python"
status=0

work_tree() {
    git status --porcelain 2>/dev/null
}

before=$(work_tree)
"$python" -m pytest tests || status=1
if ls notebooks/*.ipynb >/dev/null 2>&1; then
    "$python" -m pytest --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg notebooks || status=1
fi

if [ "$before" != "$(work_tree)" ]; then
    echo "The tests changed the work tree; git status now says:" >&2
    work_tree >&2
    status=1
fi
exit $status
