#!/usr/bin/env bash
# The results of CoCa's paper (arXiv 2205.01917), and what makes each of them from the original data sets.
#
#   pipelines/paper.sh --list                   every cell: its numbers, the data sets it needs, its commands
#   pipelines/paper.sh CELL                     the same of one
#   pipelines/paper.sh CELL --data DIR --pretrained DIR [options]     and runs its commands
#
# --data DIR has the data sets as they are published, where --list says, and gets the packed ones in DIR/cocaflow, each once.
# --pretrained DIR is a model folder: of the paper's family and any size, for its own numbers at 576 pixels (train.sh
# --image-size). --runs DIR: where trained models go, as runs/paper-CELL; what was interrupted goes on. All other options are
# handed to every pipeline (--device, --precision, --microbatch, --image-size, …).
#
# The tables are data/tasks/paper*.tsv: the paper's numbers, the data sets, the commands. Hyperparameters are those of the
# paper's tables 9 and 10, data/tasks/*.json; data/README.md says where the paper contradicts itself.
#
# Exit codes: 0 done, 2 bad usage, else that of the command that failed.
set -uo pipefail
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib/supervise.sh"
[[ ${1-} == --help || $# -eq 0 ]] && { usage; exit $((!$# * 2)); }

tables=$COCA_HOME/data/tasks
# rows TABLE [NAME]: its lines, those of one name.
rows() { awk -F'\t' -v name="${2-}" '!/^#/ && (name == "" || $1 == name)' "$tables/$1.tsv"; }
cells() { rows paper | cut -f1 | uniq; }
commands() { rows paper-commands "$1" | cut -f2-; }
# The packed data sets that a cell's commands read.
data_sets() { commands "$1" | grep -o 'PACKED/[a-z0-9-]*' | sed 's|PACKED/||' | awk '!seen[$0]++'; }
# pack NAME: the command that packs a data set.
pack() { rows paper-data "$1" | awk -F'\t' '{printf "%s --to \"$PACKED/%s\"\n", $5, $1}'; }

show() {
    rows paper "$1" | awk -F'\t' 'NR == 1 {printf "%s: %s\n", $1, $2}
        {printf "  %-50s %-26s Base %-6s Large %-6s CoCa %s\n", $3, $4, $5, $6, $7}'
    for data_set in $(data_sets "$1"); do rows paper-data "$data_set"; done |
        awk -F'\t' '{printf "  needs %s: %s (about %s GB, packed %s)\n", $1, $4, $2, $3}'
    for data_set in $(data_sets "$1"); do pack "$data_set"; done | sed 's/^/    /'
    commands "$1" | sed 's/^/    /'
}
run() {
    printf '+ %s\n' "$1" >&2
    bash -euo pipefail -c "$1" paper "${options[@]}" </dev/null || fail $? "$cell: this command failed with $?: $1"
}

read_options "$@"
options+=("${job_options[@]}" "${job_settings[@]}") # pipelines read them again
take list list
take_value data data && take_value pretrained pretrained
RUNS=$COCA_HOME/runs && take_value RUNS runs
if ((${#list[@]})); then
    ((!${#operands[@]})) || fail 2 "--list takes no cell; paper.sh ${operands[0]} shows one"
    for cell in $(cells); do show "$cell" && echo; done
    exit
fi
((${#operands[@]} == 1)) || fail 2 "give one CELL of paper.sh --list"
cell=${operands[0]}
[[ $(rows paper "$cell") ]] || fail 2 "$cell: no such cell; there are $(cells | paste -sd' ')"
[[ $data$pretrained ]] || { show "$cell"; exit; }
[[ $data && $pretrained ]] || fail 2 "give both --data DIR and --pretrained DIR"
for folder in "$data" "$pretrained"; do [[ -d $folder ]] || fail 2 "$folder: no such folder"; done
show "$cell" >&2

export RUNS DATA=$data PACKED=$data/cocaflow PRETRAINED=$pretrained
cd "$COCA_HOME" || exit 1
mkdir -p "$PACKED" || exit 1
for data_set in $(data_sets "$cell"); do
    [[ -f $PACKED/$data_set/dataset.json ]] || run "$(pack "$data_set")"
done
while read -r command; do run "$command"; done < <(commands "$cell")
