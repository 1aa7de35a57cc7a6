#!/bin/sh
# The form of the code, unit tests, the stored notebooks against their stored outputs, every notebook once at the
# smallest scale; nothing may leave a trace in the work tree. The last line says what failed.
cd "$(dirname "$0")/.." || exit 1
python=".venv/bin/python"
code="src tests benchmarks tools"
failed=""

work_tree() {
    git status --porcelain 2>/dev/null
}

form_of_the_code() {
    form=0
    .venv/bin/ruff format --check $code || form=1
    .venv/bin/ruff check $code || form=1
    .venv/bin/mypy src benchmarks tools || form=1
    return $form
}

before=$(work_tree)
# The smoke batch takes what everything else leaves of the cores, and the rest when that is through.
smoke_log=$(mktemp) || exit 1
nice -n 19 $python -m moslab reproduce --profile smoke --runs fresh >"$smoke_log" 2>&1 &
smoke=$!
trap 'kill $smoke 2>/dev/null; rm -f "$smoke_log"' EXIT
trap 'exit 130' INT TERM
form_of_the_code || failed="$failed, the form of the code"
# A process per core that may be used; cells of a notebook, and tests of a file, stay together and in order. Files run
# by name: by their number of tests the slowest, which have few, would come last, and one core would wait.
cores=$($python -c "from moslab.utils.cores import cores; print(cores())")
pytest="$python -m pytest --numprocesses $cores --maxprocesses 8 --dist loadfile --no-loadscope-reorder"
$pytest tests -p no:nbval || failed="$failed, the unit tests"
if ls notebooks/*.ipynb >/dev/null 2>&1; then
    $pytest --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg notebooks/*.ipynb ||
        failed="$failed, the stored notebooks against their stored outputs"
fi
wait $smoke || failed="$failed, the smoke profile"
trap 'rm -f "$smoke_log"' EXIT
cat "$smoke_log"

if [ "$before" != "$(work_tree)" ]; then
    echo "The tests changed the work tree; git status now says:" >&2
    work_tree >&2
    failed="$failed, the check that the work tree stays clean"
fi
if [ -n "$failed" ]; then
    echo "Failed: ${failed#, }; the reasons stand above." >&2
    exit 1
fi
