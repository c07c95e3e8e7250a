# Completion of deformer for bash. zsh reads it too: autoload -U +X bashcompinit && bashcompinit && source THIS_FILE
# shellcheck shell=bash
# What can be typed is asked of the tool itself, once a shell for each verb.

typeset -gA _deformer_known

# Sets _deformer_words to what `deformer VERB... --help` lists: verbs and long options, one a line.
_deformer_ask() {
  local key="$*"
  key=${key:-deformer}
  if [[ -z ${_deformer_known[$key]:-} ]]; then
    _deformer_known[$key]=$("$_deformer_tool" "$@" --help 2>/dev/null | awk '
      /^[^ ]/ { verbs = /^Subcommands:/ }
      verbs && /^  [a-z]/ { print $1 }
      match($0, /^  (-[a-z],)?--[a-z0-9-]+/) { print substr($0, index($0, "--"), RSTART + RLENGTH - index($0, "--")) }')
  fi
  _deformer_words=${_deformer_known[$key]}
}

_deformer() {
  local current=${COMP_WORDS[COMP_CWORD]}
  local verb=${COMP_WORDS[1]} _deformer_tool=${COMP_WORDS[0]} _deformer_words=
  # As the shell would start it: a ~ typed by hand is not expanded here.
  _deformer_tool=${_deformer_tool/#\~\//$HOME/}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _deformer_ask
  elif [[ $verb == store ]] && ((COMP_CWORD == 2)); then
    _deformer_ask store
  elif [[ $verb == store && $current == -* ]]; then
    _deformer_ask store "${COMP_WORDS[2]}"
  elif [[ $current == -* ]]; then
    _deformer_ask "$verb"
  fi
  # Nothing found: the shell completes a file (-o default).
  # shellcheck disable=SC2207 # words of the tool's own help, without blanks
  COMPREPLY=($(compgen -W "$_deformer_words" -- "$current" || true))
}

complete -o bashdefault -o default -F _deformer deformer
