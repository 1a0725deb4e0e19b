# Completion of hookctl(1) for fish. What can stand under the cursor only hookctl knows; this hands it the words without
# their quotes, and fish puts the answers into quotes. Nothing that was typed or answered is ever evaluated.

function __hookctl_answers
    set -l words (commandline -opc) # -o takes quotes away; -x would expand, too
    set -e words[1]
    set -l word (commandline -ct | string unescape)
    command hookctl __complete $words "$word" 2>/dev/null
end

complete -c hookctl -f -a '(__hookctl_answers | string match -v ":*")'
complete -c hookctl -n '__hookctl_answers | string match -q ":*"' -F
