# The words in which a script describes its job. They write a table, whose processes coca-run starts, watches and stops. Sourced.
#
#   read_options ARGUMENT ...       the script's arguments into `options`, each --NAME=VALUE or --FLAG, and `operands`
#   take ARRAY NAMES                moves the options of these names, a pattern such as out|names, from `options` to ARRAY
#   take_value VARIABLE NAME        the same of one, its value into VARIABLE, which stays as it is without it
#   job_scratch                     `job_dir`, the job's directory, is a new one that goes with the job
#   stage NAME COMMAND ...          a process the job needs to its end; its words go to log/NAME.log
#   sink NAME COMMAND ...           the same, but it keeps this script's stdout and stderr
#   workers NAME COUNT COMMAND ...  processes that may die and are started again
#   feeder NAME COMMAND ...         a program that reads this script's stdin: it ends before the job or with it
#   side NAME COMMAND ...           a program that goes on beside the job
#   again NAME SETTING COMMAND ...  runs before the job starts again, when it lost a stage or sink; SETTING is restarts=N
#   job_then                        what follows is another job, for when the one before ended well
#   job_run OPTION ...              coca-run takes this script's place; options are its own (coca-run --help)

COCA_HOME=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
PATH=${COCA_BIN:-$COCA_HOME/build/bin}:$COCA_HOME/bin:$PATH # bin: as `make dist` lays it out

# Options whose value is a path, made absolute, since stages work in the job's directory; and those without a value.
paths='benchmark|cache|caption|classnames|data|head-labels|html|keys|losses|meteor-data|names|out|page|predictions|pretrained|results|resume|retrieval|runs|templates|tokenizer|zero-shot'
flags='co-caption|frozen|help|insecure|json|list|metrics|null|once|sample|texts'
options=() operands=() job_options=() job_settings=() job_table=''

usage() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"; } # the comment at the head of the script that runs
fail() { local text=${*:2}; printf '%s: error: %s\n' "${0##*/}" "${text//[[:cntrl:]]/ }" >&2; exit "$1"; }

read_options() {
    while (($#)); do
        if [[ $1 == -- ]]; then operands+=("${@:2}") && break
        elif [[ $1 == -0 ]]; then options+=(--null)
        elif [[ $1 != --* ]]; then operands+=("$1")
        elif [[ $1 == *=* ]]; then add_option "${1%%=*}" "${1#*=}"
        elif [[ $1 != --@($flags) && ${2---} != --* ]]; then add_option "$1" "$2" && shift
        elif [[ $1 == --@($paths) ]]; then fail 2 "$1 needs a value"
        else options+=("$1"); fi
        shift
    done
    take job_options 'keys|insecure|!(remote)-timeout|message-limit'
    take job_settings record
}
add_option() {
    local value=$2
    [[ $1 == --@($paths) && $2 != @(/*|-|) || $1 == --model && $2 == @([^/]*/*|[^/]*.[jJ][sS][oO][nN]) ]] && value=$PWD/$2
    options+=("$1=$value")
}
take() {
    local -n taken=$1
    local option left=()
    taken+=()
    for option in "${options[@]}"; do
        if [[ $option == --@($2)?(=*) ]]; then taken+=("$option"); else left+=("$option"); fi
    done
    options=("${left[@]}")
}
take_value() {
    local given=("--$2=${!1-}")
    take given "$2"
    [[ ${given[-1]} == *=* ]] || fail 2 "--$2 needs a value"
    printf -v "$1" %s "${given[-1]#*=}"
}
job_scratch() {
    job_dir=$(mktemp -d "${TMPDIR:-/tmp}/cocaflow.XXXXXX") || exit 1
    job_settings+=(--scratch)
    trap 'rm -rf "$job_dir"' EXIT # until coca-run has it
}
# row WORD ...: in single quotes, nothing in a word means anything to who reads the table.
row() { local line; printf -v line "'%s' " "${@//\'/\'\\\'\'}"; job_table+=$line$'\n'; }
stage() { row stage "$@"; }
sink() { row sink "$@"; }
workers() { row worker "$1" "count=$2" "${@:3}"; }
feeder() { row feeder "$@"; }
side() { row side "$@"; }
again() { row again "$@"; }
job_then() { row then; }
job_run() { exec coca-run --run-dir "$job_dir" "$@" "${job_settings[@]}" --table 3 -- "${job_options[@]}" 3<<<"$job_table"; }
