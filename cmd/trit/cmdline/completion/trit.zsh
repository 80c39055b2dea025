#compdef trit
# Completion of trit for zsh: source <(trit completion zsh), or save it as _trit in a folder of $fpath
_trit() {
	local word rest files=0
	local -a list keys
	while IFS=$'\t' read -r word rest; do
		case $word in
		:files) files=1 ;;
		*=) keys+=("$word") ;;
		*) list+=("${word//:/\\:}:$rest") ;;
		esac
	done < <("${(Q)words[1]}" completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)
	(( $#list )) && _describe trit list
	(( $#keys )) && compadd -S '' -- "${keys[@]}"
	(( files )) && _files
	return 0
}
compdef _trit trit
