# Shared by the scripts that train the bundled models; sourced after common.sh, not run.
# They set data and work. TRAINING_PRECISION in the environment: bf16 on a processor with AMX or AVX-512 BF16; fp32 otherwise.
# shellcheck shell=bash disable=SC2034,SC2154  # variables of those scripts, and for them

precision=${TRAINING_PRECISION:-fp32}

# Weights of the losses. LRS is divided by the teacher's mean square: on a model of this size the paper's 0.5 is 1-2 % of the
# gradient (docs/training.md).
task_and_kd="task=0.7,kd=1.1"
kd_alone=(--loss-weights "$task_and_kd")
kd_and_lrs=(--loss-weights "$task_and_kd,lrs=3" --lrs-scale teacher)

# Sets qamr, teacher_files and student_files; stops where DATA_DIR lacks one.
name_training_files() {
  qamr=$data/qamr/qamr-sentences.json
  teacher_files=("$data/squad/train-v1.1-subset.json" "$data/squad/train-v1.1-more.json")
  student_files=("${teacher_files[@]}" "$work/new_wiki.json")
  other=$data/extractive-other/train.json
  local file
  for file in "${teacher_files[@]}" "$qamr" "$other"; do
    [[ -r $file ]] || die "$data: there is no ${file#"$data/"} in it"
  done
}

# Makes WORK_DIR/new_wiki.json, the Wikipedia part of SQuADShifts: questions like SQuAD's on other articles.
select_new_wiki() {
  if [[ -f $work/new_wiki.json ]]; then return; fi
  mkdir -p "$work"
  python3 - "$other" "$work/new_wiki.json.part" <<'END'
import json, sys
articles = [a for a in json.load(open(sys.argv[1]))["data"] if a["title"] == "SQuADShifts-new_wiki"]
with open(sys.argv[2], "w") as file:
    json.dump({"version": "1.1", "data": articles}, file)
END
  mv "$work/new_wiki.json.part" "$work/new_wiki.json"
}

# What stages are scored on, and what they have in common; a script may change both between stages.
scored=(--held-out 500)
schedule=(--seed 1 --warmup 0.1)

# stage NAME ARGUMENT...: trains WORK_DIR/NAME, or goes on where it stopped; nothing when it is done.
stage() {
  local name=$1 resume=()
  shift
  if [[ -f $work/$name/done ]]; then return; fi
  if [[ -f $work/$name/training/state.safetensors ]]; then resume=(--resume); fi
  say "stage $name"
  build/release/deformer train --output "$work/$name" "${scored[@]}" "${schedule[@]}" \
    --precision "$precision" "$@" "${resume[@]}"
  touch "$work/$name/done"
}

# train_student NAME SPLIT_LAYER[,SPLIT_LAYER...] ARGUMENT...: from the teacher to WORK_DIR/NAME, with the options in `losses`; the
# arguments are those of its last stage. The split takes from the upper layers what they knew of matching the two sides: that is
# learned on short passages first.
train_student() {
  local name=$1 shared=("${losses[@]}" --split-layers "$2" --learning-rate 3e-4)
  shift 2
  stage "$name-qamr" --model "$work/teacher" --squad "$qamr" "${shared[@]}" --batch-questions 64 --epochs 0.3
  stage "$name" --model "$work/$name-qamr" --squad "${student_files[@]}" "${shared[@]}" --batch-questions 32 "$@"
}
