# Completion of trit for fish: trit completion fish | source
function __trit_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    test (count $current) -eq 0; and set current ""
    set -l words $before[2..-1]
    test (count $before) -lt 2; and set words
    for line in ($before[1] completion words -- $words "$current" 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c trit -f -a '(__trit_complete)'
