# Shared by the scripts that train readers of the size of models/squad-mini; sourced after common.sh, not run.
# They set caller_dir (before common.sh changes the directory), data and work.
# shellcheck shell=bash disable=SC2034,SC2154  # variables of those scripts, and for them

# Absolute, because common.sh has changed the directory.
from_caller() { if [[ $1 == /* ]]; then echo "$1"; else echo "$caller_dir/$1"; fi; }

# Weights of the losses. LRS is divided by the teacher's mean square: on a model of this size the paper's 0.5 is 1-2 % of the
# gradient (docs/training.md).
kd_and_lrs=(--loss-weights "task=0.7,kd=1.1,lrs=3" --lrs-scale teacher)

check_training_data() {
  local file
  for file in squad/train-v1.1-subset.json squad/train-v1.1-more.json qamr/qamr-sentences.json extractive-other/train.json; do
    [[ -r $data/$file ]] || die "$data: there is no $file in it"
  done
}

# Sets qamr, teacher_files and student_files; makes WORK_DIR/new_wiki.json, the Wikipedia part of SQuADShifts: questions like SQuAD's on
# other articles.
name_training_files() {
  qamr=$data/qamr/qamr-sentences.json
  teacher_files=("$data/squad/train-v1.1-subset.json" "$data/squad/train-v1.1-more.json")
  student_files=("${teacher_files[@]}" "$work/new_wiki.json")
  if [[ -f $work/new_wiki.json ]]; then return; fi
  mkdir -p "$work"
  python3 - "$data/extractive-other/train.json" "$work/new_wiki.json" <<'END'
import json, sys
articles = [a for a in json.load(open(sys.argv[1]))["data"] if a["title"] == "SQuADShifts-new_wiki"]
json.dump({"version": "1.1", "data": articles}, open(sys.argv[2], "w"))
END
}

# stage NAME ARGUMENT...: trains WORK_DIR/NAME, or goes on where it stopped; nothing when it is done.
stage() {
  local name=$1 resume=()
  shift
  if [[ -f $work/$name/done ]]; then return; fi
  if [[ -f $work/$name/training/state.safetensors ]]; then resume=(--resume); fi
  say "stage $name"
  build/release/deformer train --output "$work/$name" --seed 1 --held-out 500 --warmup 0.1 "$@" "${resume[@]}"
  touch "$work/$name/done"
}
