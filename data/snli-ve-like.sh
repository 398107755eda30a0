#!/usr/bin/env bash
# Statements about one emoji, entailed, neutral or contradicted, with a truth that follows from what Unicode says it is
# (emoji-tasks.pl): 12,000 of training's emoji, 2,400 of those held out. Half of them are contradictions; who knows the
# statement alone is right half the time.
#   data/snli-ve-like/train, data/snli-ve-like/test, each with classnames.txt
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"
task_of_emoji snli-ve 12000 2400
