#!/usr/bin/env bash
# Makes the virtual environment $1 and installs mmssl with its development tools at the versions of constraints.txt.
set -euo pipefail
venv=$1

suitable() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

python=""
for candidate in ${PYTHON:-} python3 python3.12 python3.11; do
  if suitable "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
  echo "mmssl needs Python 3.11 or 3.12, which is not installed: sudo apt-get install python3 python3-venv (or set PYTHON=/path/to/python3.12)" >&2
  exit 1
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  echo "Python's venv module is missing: sudo apt-get install python3-venv" >&2
  exit 1
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
