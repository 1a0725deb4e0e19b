# Completion of hookctl(1) for bash. What can stand under the cursor only hookctl knows; this takes the line apart for
# it and puts its answers into quotes. Nothing that was typed or answered is ever evaluated.

_hookctl() {
	local words=() word= kept= quote= live= answer
	COMPREPLY=()
	_hookctl_read "${COMP_LINE:0:COMP_POINT}"
	if [[ $live ]]; then
		compopt -o default 2>/dev/null
		return 0
	fi
	while IFS= read -r answer; do
		case $answer in
		:files) compopt -o default 2>/dev/null ;;
		:dirs) compopt -o dirnames 2>/dev/null ;;
		*) _hookctl_reply "${answer%%$'\t'*}" ;;
		esac
	done < <(command hookctl __complete "${words[@]:1}" "$word" 2>/dev/null)
	return 0
}

# _hookctl_read takes apart what stands before the cursor, as bash would, but expands nothing. It sets words, those that
# are finished; word, the one under the cursor; kept, what readline leaves of that word as it stands, since it breaks
# words at COMP_WORDBREAKS and at an open quote; quote, the quote that is open; and live if the shell would expand the
# word or redirect to it, so that only the shell's own completion, of files, can help.
_hookctl_read() {
	local line=$1 char opened= begun=
	while [[ $line ]]; do
		char=${line:0:1} line=${line:1}
		case $quote$char in
		"''" | '""') quote= ;;
		"'"?) word+=$char ;;
		'"\')
			[[ $line == [\$\`\"\\]* ]] && char=${line:0:1} line=${line:1}
			word+=$char
			;;
		'"'?)
			[[ $char == [\$\`] ]] && live=yes
			word+=$char
			;;
		\\) word+=${line:0:1} line=${line:1} begun=yes ;;
		[\'\"]) quote=$char opened=$word begun=yes ;;
		[[:space:]])
			[[ $begun ]] && words+=("$word")
			[[ $begun && $word != *[\<\>] ]] && live=
			word= kept= begun=
			;;
		*)
			[[ $char == [\$\`\;\&\|\<\>\(\)] ]] && live=yes
			word+=$char begun=yes
			[[ $COMP_WORDBREAKS == *"$char"* ]] && kept=$word
			;;
		esac
	done
	[[ $quote ]] && kept=$opened
}

# _hookctl_reply adds a word to the replies: what readline would not keep of it, between the quotes that are open, or
# between single ones if it needs any. A character that would end or expand them is put between the others. So the part
# that several replies share, which readline inserts, never ends in the middle of an escape.
_hookctl_reply() {
	local rest=${1:${#kept}} both=${quote:-\'} special=\' other=\" quoted= char
	[[ $1 == "$word"* ]] || return
	[[ $1 == *= ]] && compopt -o nospace 2>/dev/null
	if [[ ! $quote && $rest != *[!a-zA-Z0-9_.,:/@%+=-]* ]]; then
		COMPREPLY+=("$rest")
		return
	fi
	[[ $quote == \" ]] && special='$`"\!' other=\'
	while [[ $rest ]]; do
		char=${rest:0:1} rest=${rest:1}
		[[ $special == *"$char"* ]] && char=$both$other$char$other$both
		quoted+=$char
	done
	COMPREPLY+=("$both$quoted$both")
}

complete -F _hookctl hookctl
