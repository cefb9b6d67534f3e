# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# shellcheck shell=bash
#
# Completion for bash, by the functions of the package bash-completion: commands,
# the options that their --help shows, and a COMMAND's own.
_refpage() {
  local cur prev words cword
  _init_completion || return
  if ((cword == 1)); then
    mapfile -t COMPREPLY < <(compgen -W 'probe run report trace uninit --help --version' -- "$cur")
    return
  fi
  local command=${words[1]} i
  if [[ $command =~ ^(run|trace|uninit)$ ]]; then
    for ((i = 2; i < cword; i++)); do
      if [[ ${words[i]} == -- ]]; then
        _command_offset $((i + 1))
        return
      elif [[ ${words[i]} != -* && ${words[i]} != = && ${words[i - 1]} != = ]]; then
        _command_offset "$i"
        return
      fi
    done
  fi
  case $prev in
  --variant) mapfile -t COMPREPLY < <(compgen -W 'refpage memset anon' -- "$cur") ;;
  --library | --output | -o) _filedir ;;
  *)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "$(_parse_help refpage "$command --help")" -- "$cur")
      [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
    elif [[ $command == report ]]; then
      _pids
    elif [[ $command =~ ^(run|trace|uninit)$ ]]; then
      _command_offset "$cword"
    fi
    ;;
  esac
} &&
  complete -F _refpage refpage
