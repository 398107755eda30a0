#!/usr/bin/env bats
# Videos: packed, looked at, and shown as frames.

load tiny

setup() {
    tiny_setup
    command -v ffmpeg >/dev/null && [ -e "$COCA_BIN/../lib/coca_video.so" ] || skip "FFmpeg is missing: ./run.sh build all"
}
teardown() { tiny_teardown; }

decode() { coca-decode "${MODEL[@]}" "$@"; }

# shades FILE OPTION ...: a video of 20 frames of 24 x 12, each of one grey, frame i brighter than the one before it.
shades() {
    local file=$1
    shift
    ffmpeg -v error -y -f lavfi -i color=black:s=24x12:r=10:d=2 -vf "format=yuv420p,geq=lum='40+N*9':cb=128:cr=128" \
        -c:v libx264 -qp 0 -bf 2 -g 6 "$@" "$file"
}
# moving FILE OPTION ...: one whose left, middle and right differ.
moving() {
    local file=$1
    shift
    ffmpeg -v error -y -f lavfi -i testsrc2=s=48x16:r=10:d=2 -pix_fmt yuv420p "$@" "$file"
}
# frames FILE DIRECTORY: its frames as ffmpeg writes them, 01.png, 02.png, …
frames() {
    mkdir -p "$2"
    ffmpeg -v error -y -flags bitexact -i "$1" -vsync passthrough -sws_flags bilinear+bitexact -pix_fmt rgb24 "$2/%02d.png"
}
# pixels OUT OPTION ...: the pixels that a pass shows, without npy's header.
pixels() {
    local out=$1
    shift
    decode --images file:rec "$@"
    coca-tap export rec --tensor pixels --out rec.npy
    tail -c +129 rec.npy >"$out"
}
# drops RECORDING: its lines about what could not be had.
drops() { tr '\0' '\n' <"$1" | grep -ao '{"edge":"images".*}'; }
# listed NAME ...: a list that is whole.
listed() {
    printf '%s\n' "$@" >list
    touch list.closed
}

@test "video: F frames by each rule are the pictures that ffmpeg makes of those frames" {
    shades shades.mp4
    frames shades.mp4 png
    for rule in "starts 01 06 11 16" "centres 03 08 13 18" "linspace 01 07 13 20"; do
        read -r name chosen <<<"$rule"
        listed "$PWD/shades.mp4"
        pixels shown --list list --frames 4 --sampling "$name"
        # shellcheck disable=SC2086 # several words
        listed $(printf "$PWD/png/%s.png " $chosen)
        pixels wanted --list list
        [ -s wanted ]
        cmp shown wanted
    done
}

@test "video: the bytes tell what is a video, of one frame it is the middle one, a picture stands F times" {
    shades shades.mp4
    mv shades.mp4 shades.jpg
    frames shades.jpg png
    listed "$PWD/shades.jpg" "$PWD/png/05.png"
    pixels one --list list
    listed "$PWD/png/11.png" "$PWD/png/05.png"
    pixels wanted --list list
    cmp one wanted
    listed "$PWD/png/05.png"
    pixels still --list list --frames 3
    listed "$PWD/png/05.png" "$PWD/png/05.png" "$PWD/png/05.png"
    pixels wanted --list list
    cmp still wanted
}

@test "video: clips and crops are consecutive samples with the record's id" {
    moving moving.mp4
    shades shades.mp4
    mkdir videos
    mv moving.mp4 shades.mp4 videos
    for name in moving shades; do echo "$name" >videos/$name.txt; done
    coca-pack pack --from folder videos --to set
    decode --data set --frames 2 --clips 2 --crops 3 --images file:views
    coca-tap export views --tensor ids --out ids.npy
    [ "$(tail -c +129 ids.npy | od -An -v -w8 -td8 | tr -d ' ' | uniq -c | awk '{print $1, $2}' | xargs)" = "6 0 6 1" ]
    # Each view by itself: of 48 x 16 made 24 x 8, the columns 0, 8 and 16 on, of frames 2, 7 and 12, 17.
    frames videos/moving.mp4 png
    coca-tap export views --tensor pixels --out views.npy
    tail -c +129 views.npy | head -c $((6 * 2 * 192)) >views.bytes
    for frame in 03 08 13 18; do
        for left in 0 16 32; do ffmpeg -v error -y -i png/$frame.png -vf crop=16:16:$left:0 png/$frame.$left.png; done
    done
    listed png/{03.0,08.0,03.16,08.16,03.32,08.32,13.0,18.0,13.16,18.16,13.32,18.32}.png
    pixels wanted --list list --root "$PWD"
    # A resize reads beyond the crop, so only the middle of each row is that of the crop alone.
    middle() { od -An -v -w24 -tu1 "$1" | awk '{print $10, $11, $12, $13, $14, $15}'; }
    [ -n "$(middle wanted)" ]
    [ "$(middle views.bytes)" = "$(middle wanted)" ]
}

@test "video: views are for a pass, and three crops for a model that crops" {
    shades shades.mp4
    mkdir videos
    mv shades.mp4 videos
    echo grey >videos/shades.txt
    coca-pack pack --from folder videos --to set
    run decode --train-data set --batch-size 3 --steps 1 --clips 2 --images file:rec
    [ "$status" -eq 2 ]
    [[ $output == *"--clips and --crops are for a pass"* ]]
}

@test "video: training crops and changes all frames of a sample alike, wherever the recording begins" {
    mkdir videos
    for i in 1 2 3; do
        moving videos/$i.webm -c:v libvpx-vp9 -g $((2 * i))
        ffmpeg -v error -y -f lavfi -i testsrc2=s=48x16:r=10:d=0.1 -loop 1 -pix_fmt yuv420p videos/still.$i.mp4
        echo "words $i" | tee videos/$i.txt >videos/still.$i.txt
    done
    coca-pack pack --from folder videos --to set
    train=(--train-data set --batch-size 6 --steps 4 --seed 4 --frames 3 --aug-flip 0.5 --aug-scale-low 0.3)
    decode "${train[@]}" --rand-augment-layers 2 --images file:all
    decode "${train[@]}" --rand-augment-layers 2 --images file:end --first-step 2
    tail -c +9 end >tail
    cmp tail <(tail -c "$(stat -c %s tail)" all)
    coca-tap export all --tensor pixels --out all.npy
    coca-tap export all --tensor ids --out ids.npy
    # Records 3 to 5 are stills of one frame: their three rows are the same.
    rows=0
    while read -r id first second third; do
        ((id >= 3)) || continue
        [ "$first" = "$second" ] && [ "$second" = "$third" ]
        rows=$((rows + 1))
    done < <(paste -d ' ' <(tail -c +129 ids.npy | od -An -v -w8 -td8) \
        <(tail -c +129 all.npy | od -An -v -w192 -tx1 | tr -d ' ' | paste -d ' ' - - -))
    [ "$rows" -gt 3 ]
}

@test "video: what is cut is a drop that says how many frames are there, and its row is grey" {
    shades whole.mp4 -movflags faststart
    head -c $(($(stat -c %s whole.mp4) * 8 / 10)) whole.mp4 >cut.mp4
    listed "$PWD/whole.mp4" "$PWD/cut.mp4"
    decode --list list --frames 4 --images file:rec
    drops rec >drops
    [ "$(wc -l <drops)" -eq 1 ]
    grep -q '"record":1,.*cut mp4: [0-9]* of [0-9]* bytes are there, with [0-9]* frames' drops
    coca-tap export rec --tensor pixels --out rec.npy
    [ "$(tail -c +$((129 + 4 * 192)) rec.npy | tr -d '\200' | wc -c)" -eq 0 ]
}

@test "video: coca-pack keeps what decodes, names what does not, and gives it back" {
    mkdir videos
    shades videos/a.mp4
    moving videos/b.webm -c:v libvpx
    moving videos/c.avi -c:v mpeg4 -bf 2
    head -c 2000 videos/c.avi >videos/cut.avi
    cp videos/a.mp4 videos/damaged.mp4
    printf '%0200d' 0 | dd of=videos/damaged.mp4 bs=1 seek=600 conv=notrunc status=none
    : >videos/empty.mp4
    for name in a b c cut damaged empty; do echo "$name" >videos/$name.txt; done
    coca-pack pack --from folder videos --to set
    [ "$(coca-pack list set | wc -l)" -eq 3 ]
    grep -q 'cut.avi".*video does not decode.*cut avi: 2000 of' set/dropped.jsonl
    grep -q 'damaged.mp4".*video does not decode' set/dropped.jsonl
    grep -q 'empty.mp4".*its file is empty' set/dropped.jsonl
    [ "$(coca-pack show set 0 | jq -c '.video | [.container, .codec, .width, .height, .frames, .seconds]')" = \
        '["mp4","h264",24,12,20,2]' ]
    [ "$(coca-pack show set 1 | jq -r '.video.container + .video.codec')" = webmvp8 ]
    coca-pack extract set 2 | cmp - videos/c.avi
    coca-pack verify set
    coca-pack export set --tar set.tar
    tar tf set.tar | grep -q '000000001.webm'
    coca-pack pack --from tar set.tar --to again
    for i in 0 1 2; do cmp <(coca-pack extract set $i) <(coca-pack extract again $i); done
    coca-pack pack --from folder videos --to unverified --no-verify
    [ "$(coca-pack list unverified | wc -l)" -eq 5 ]
    run coca-pack pack --from folder videos --to small --max-pixels 500
    grep -q 'too many pixels.*48 x 16' small/dropped.jsonl
}

@test "video: a build without FFmpeg says what is missing when a video comes" {
    shades shades.mp4
    mkdir -p videos other/bin
    cp shades.mp4 videos
    echo grey >videos/shades.txt
    coca-pack pack --from folder videos --to set
    cp "$COCA_BIN/coca-decode" "$COCA_BIN/coca-pack" other/bin
    run other/bin/coca-decode "${MODEL[@]}" --data set --images file:rec
    [ "$status" -eq 2 ]
    [[ $output == *"coca_video.so"*"./run.sh build all"* ]]
    listed "$PWD/shades.mp4"
    other/bin/coca-decode "${MODEL[@]}" --list list --images file:rec
    drops rec | grep -q 'coca_video.so'
    run other/bin/coca-pack pack --from folder videos --to other/set
    [ "$status" -eq 3 ]
    [[ $output == *"FFmpeg is missing: ./run.sh build all"* ]]
}
