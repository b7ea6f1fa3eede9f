# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of the odgram tool for bash.

_odgram() {
	local cur=${COMP_WORDS[COMP_CWORD]} words=

	if [ "$COMP_CWORD" = 1 ]; then
		words=$(odgram --help 2>/dev/null | awk '/^  [a-z]/ { print $1 }')
		words+=' --help --version'
	else
		case ${COMP_WORDS[1]},$COMP_CWORD in
		ports,2 | sockets,2 | stats,2) words='--json --help' ;;
		top,*) words='-d --delay -n --count --help' ;;
		watch,*) words='--json -n --count --help' ;;
		hist,2) words='on off show --help' ;;
		hist,3)
			words=$(odgram sockets --json 2>/dev/null |
				sed -n 's/.*"id": \([0-9]*\),.*/\1/p')
			[ "${COMP_WORDS[2]}" = show ] || words+=' all'
			;;
		hist,4) [ "${COMP_WORDS[2]}" != show ] || words=--json ;;
		doctor,2 | recv,2 | replay,2) words=--help ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _odgram odgram
