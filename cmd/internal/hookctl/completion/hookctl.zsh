#compdef hookctl
# Completion of hookctl(1) for zsh. What can stand under the cursor only hookctl knows; this hands it the words without
# their quotes, and zsh puts the answers into quotes. Nothing that was typed or answered is ever evaluated.

_hookctl() {
	local -a answers finished unfinished
	local answer word typed=${(Q)PREFIX}
	[[ $compstate[quote] == \' ]] && typed=$PREFIX # a backslash in it is one
	answers=("${(@f)$(command hookctl __complete "${(@Q)words[2,CURRENT-1]}" "$typed" 2>/dev/null)}")
	case $answers[1] in
	:files | :dirs)
		[[ $PREFIX == --*=* ]] && compset -P 1 '*='
		if [[ $answers[1] == :dirs ]]; then _files -/; else _files; fi
		return
		;;
	esac
	for answer in $answers; do
		word=${answer%%$'\t'*}
		answer=${${word//\\/\\\\}//:/\\:}${${answer#$word}/#$'\t'/:} # WORD:MEANING, as _describe takes it
		if [[ $word == *= ]]; then unfinished+=($answer); else finished+=($answer); fi
	done
	_describe hookctl finished -- unfinished -S ''
}

# This file is a function that compinit has found, or its text was sourced.
if [[ $funcstack[1] == _hookctl ]]; then _hookctl "$@"; else compdef _hookctl hookctl; fi
