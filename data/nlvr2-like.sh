#!/usr/bin/env bash
# Statements about two emoji, true or false by what Unicode says they are (emoji-tasks.pl): 12,000 of training's emoji, 2,400
# of those held out, half of them true. Each statement goes with two pairs, of which one makes it true.
#   data/nlvr2-like/train, data/nlvr2-like/test, each with classnames.txt
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"
task_of_emoji nlvr2 12000 2400
