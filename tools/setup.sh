#!/bin/sh
# Finds a Python of 3.11 or newer and lets tools/setup.py prepare .venv. PYTHON=... names the interpreter to use.
cd "$(dirname "$0")/.." || exit 1

new_enough() {
    "$1" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 15)))' >/dev/null 2>&1
}

found=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14 python}; do
    if new_enough "$candidate"; then
        exec "$candidate" tools/setup.py
    fi
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) && found="$found $candidate is Python $version;"
done

if [ -n "$found" ]; then
    echo "moslab needs Python 3.11 to 3.14, but$found install a newer one, or name it: make PYTHON=/path/to/python ..." >&2
else
    echo "moslab needs Python 3.11 to 3.14, but no Python was found${PYTHON:+ at $PYTHON}: install one, or name it: make PYTHON=/path/to/python ..." >&2
fi
exit 1
