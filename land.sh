#!/bin/bash
# rebase, check, test the given paths, merge only if all is well
set -e
export OMP_NUM_THREADS=1 GOMP_SPINCOUNT=0 PYTHONPATH=$PWD/src
git rebase -q main
.venv/bin/ruff format --check -q; .venv/bin/ruff check -q; .venv/bin/mypy | tail -3; test ${PIPESTATUS[0]} = 0
[ -n "$1" ] && .venv/bin/python -m pytest -q -x "$@" 2>&1 | tail -4 && test ${PIPESTATUS[0]} = 0
git -C /work/main merge --ff-only e2 | tail -1
