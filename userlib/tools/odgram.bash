# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of the odgram tool for bash.

_odgram_ids() {
	odgram "$1" --json 2>/dev/null | sed -n 's/.*"id": \([0-9]*\),.*/\1/p'
}

# The options that a command's help lists.
_odgram_options() {
	odgram "$1" --help 2>/dev/null | grep -oE -- '(^|[ ,])--?[a-z]+' | tr -d ' ,'
	echo --help
}

_odgram() {
	local cur=${COMP_WORDS[COMP_CWORD]} words='' files=

	if [ "$COMP_CWORD" = 1 ]; then
		words=$(odgram --help 2>/dev/null | awk '/^  [a-z]/ { print $1 }')
		words+=' --help --version'
	else
		case ${COMP_WORDS[1]},$COMP_CWORD in
		ports,2 | sockets,2)
			words="--json --long --help $(_odgram_ids "${COMP_WORDS[1]}")"
			;;
		ports,3 | sockets,3)
			[[ ${COMP_WORDS[2]} != --* ]] || words=$(_odgram_ids "${COMP_WORDS[1]}")
			;;
		stats,2) words='--json --help' ;;
		top,*) words='--json -d --delay -n --count --help' ;;
		watch,*) words='--json -n --count --help' ;;
		hist,2) words='on off show --help' ;;
		hist,3)
			words=$(_odgram_ids sockets)
			[ "${COMP_WORDS[2]}" = show ] || words+=' all'
			;;
		hist,4) [ "${COMP_WORDS[2]}" != show ] || words=--json ;;
		doctor,2) words=--help ;;
		recv,* | replay,*)
			case ${COMP_WORDS[1]},${COMP_WORDS[COMP_CWORD - 1]} in
			recv,-f | recv,--format) words=moldudp64 ;;
			recv,-w | recv,--write | recv,--svg) files=yes ;;
			replay,-[ts] | replay,--to | replay,--speed | replay,--ttl) ;;
			recv,*) [[ $cur != -* ]] || words=$(_odgram_options recv) ;;
			replay,*)
				files=yes
				[[ $cur != -* ]] || words=$(_odgram_options replay)
				;;
			esac
			;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen ${files:+-f} -W "$words" -- "$cur")
}

complete -o filenames -F _odgram odgram
