#!/usr/bin/env bash
# Videos with checkable truth: a picture of Open Clip Art on a card that moves in one of eight ways, 2,000 of training's
# pictures and 400 of those held out, 64 x 64 pixels and 16 to 24 frames, as mp4 (h264), webm (vp9) and avi (mpeg4) in turn.
#   data/video-motions/train, data/video-motions/test, each with classnames.txt
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"

# motion NUMBER T: the class of that number as three filter expressions (what happens to the card, its x, its y), T the share of
# the clip that has passed. Each begins with the card upright in the middle: so frames without their order tell them apart, too.
motions=(
    "null                                                (W-w)/2-22*T  (H-h)/2"
    "null                                                (W-w)/2+22*T  (H-h)/2"
    "null                                                (W-w)/2       (H-h)/2-22*T"
    "null                                                (W-w)/2       (H-h)/2+22*T"
    "scale=w=2*floor(20*(1+T)):h=2*floor(12*(1+T)):eval=frame  32-floor(20*(1+T))  32-floor(12*(1+T))"
    "scale=w=2*floor(20-12*T):h=2*floor(12-7*T):eval=frame      32-floor(20-12*T)   32-floor(12-7*T)"
    "rotate=PI/3*T:ow=48:oh=48:c=black@0                 (W-w)/2       (H-h)/2"
    "rotate=-PI/3*T:ow=48:oh=48:c=black@0                (W-w)/2       (H-h)/2"
)
colours=(0x6a8caf 0xb06a5f 0x7fa36b 0xa58bb8 0xc2a878 0x5f9ea0 0x8c8c8c 0x4a5a78 0xd0c8b0 0x705848)
codecs=("mp4 libx264 -crf 20" "webm libvpx-vp9 -crf 24 -b:v 0 -deadline realtime -cpu-used 5" "avi mpeg4 -qscale:v 3")

# clip NUMBER PICTURE FOLDER: a video, and beside it its class.
clip() {
    local number=$((10#$1)) suffix codec card x y frames options
    read -r card x y <<<"${motions[number % 8]}"
    read -r suffix codec options <<<"${codecs[number % 3]}"
    frames=$((16 + number / 7 % 9))
    local graph="color=white:s=40x24:r=12[white];[0]format=rgba,scale=36:20:force_original_aspect_ratio=decrease[picture];
        [white][picture]overlay=(W-w)/2:(H-h)/2,format=rgba,$card[card];
        color=${colours[number / 11 % 10]}:s=64x64:r=12[ground];
        [ground][card]overlay=x=$x+$((number / 13 % 5 - 2)):y=$y+$((number / 17 % 5 - 2)):eval=frame,format=yuv420p"
    # shellcheck disable=SC2086 # several options
    ffmpeg -v error -y -nostdin -loop 1 -framerate 12 -i "$2" -filter_complex_threads 1 \
        -filter_complex "${graph//T/(n/$((frames - 1)))}" -frames:v "$frames" -c:v "$codec" $options -threads 1 -g 12 \
        -bitexact "$3/$1.$suffix"
    echo $((number % 8)) >"$3/$1.cls"
}
# clips SET COUNT PART: COUNT clips of the first pictures of a dataset, packed.
clips() {
    made "video-motions/$3" && return
    mkdir "$folder/$3" "$folder/$3.pictures"
    coca-pack export "$1" --limit "$2" --tar - | tar -x -C "$folder/$3.pictures" --exclude='*.txt' --exclude='*.json'
    for picture in "$folder/$3.pictures"/*; do
        name=${picture##*/}
        printf '%s\0%s\0%s\0' "${name%.*}" "$picture" "$folder/$3"
    done | xargs -0 -n 3 -P "$(nproc)" "$self" clip
    coca-pack pack --from folder "$folder/$3" --class-names video-motions.classes.txt --replace --to "video-motions/$3"
    cp video-motions.classes.txt "video-motions/$3/classnames.txt"
}

self=$PWD/video-motions.sh
if [[ ${1:-} == clip ]]; then
    clip "$2" "$3" "$4"
    exit
fi
made video-motions/test && made video-motions/train && exit
fetch ffmpeg /usr/bin/ffmpeg
./openclipart.sh
mkdir -p video-motions
folder=$(mktemp -d "$PWD/video-motions/.clips.XXXXXX")
trap 'rm -rf "$folder"' EXIT
clips openclipart/train 2000 train
clips openclipart/held-out 400 test
