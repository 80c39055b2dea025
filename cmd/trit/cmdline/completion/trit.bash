# Completion of trit for bash: source <(trit completion bash)
_trit() {
	local word rest current=${COMP_WORDS[COMP_CWORD]}
	[[ $current == = ]] && current=
	COMPREPLY=()
	while IFS=$'\t' read -r word rest; do
		if [[ $word == :files ]]; then
			compopt -o filenames
			while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
			continue
		fi
		[[ $word == *= ]] && compopt -o nospace
		[[ $word == -*=?* ]] && word=${word#*=} # bash takes what stands before "=" for a word of its own
		COMPREPLY+=("$word")
	done < <("${COMP_WORDS[0]/#\~/$HOME}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _trit trit
