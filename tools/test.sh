#!/bin/sh
# Unit tests, the stored notebooks against their stored outputs, every notebook once at the smallest scale; nothing may leave a trace in the work tree.
cd "$(dirname "$0")/.." || exit 1
python=".venv/bin/python"
status=0

work_tree() {
    git status --porcelain 2>/dev/null
}

before=$(work_tree)
# A process per core; cells of a notebook, and tests of a file, stay together and in order.
pytest="$python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile"
$pytest tests || status=1
if ls notebooks/*.ipynb >/dev/null 2>&1; then
    $pytest --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg notebooks/*.ipynb || status=1
fi
$python -m moslab reproduce --profile smoke --runs fresh || status=1

if [ "$before" != "$(work_tree)" ]; then
    echo "The tests changed the work tree; git status now says:" >&2
    work_tree >&2
    status=1
fi
exit $status
