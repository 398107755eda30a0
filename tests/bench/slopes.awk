# What grows: the resident memory of each process as a straight line through the second half of its samples.
#
#   awk -F'\t' -v limit=GROWTH -v per=X -v unit=TEXT -v each=TEXT -f slopes.awk SAMPLES
#
# A sample is a line: where it was taken (seconds, pictures, …), process id, name, resident memory in UNIT. Growth is in UNIT for PER of
# that, which EACH names, with the line's standard error. Exits 1 when a line rises by more than LIMIT and by more than twice its
# error, or when no process has eight samples: shells and what they run now and then come and go.
{ key = $3 ($2 ? " " $2 : ""); n[key]++; at[key, n[key]] = $1; rss[key, n[key]] = $4 }

# Sets `slope` and `error`, of the samples from the middle on.
function line_through(key,    first, count, i, t, r, st, sr, stt, str, srr, rest) {
    first = int(n[key] / 2) + 1
    count = n[key] - first + 1
    for (i = first; i <= n[key]; i++) { st += at[key, i]; sr += rss[key, i] }
    for (i = first; i <= n[key]; i++) {
        t = at[key, i] - st / count
        r = rss[key, i] - sr / count
        stt += t * t; str += t * r; srr += r * r
    }
    slope = stt ? str / stt : 0
    rest = srr - slope * str
    error = stt ? sqrt((rest > 0 ? rest : 0) / (count - 2) / stt) : 0
}

END {
    printf "%-28s %8s %14s %20s %12s\n", "process", "samples", unit " at last", unit " " each, "error"
    for (key in n) {
        if (n[key] < 8) continue
        line_through(key)
        grows = slope * per > limit && slope > 2 * error
        printf "%-28s %8d %14d %20.1f %12.1f%s\n", key, n[key], rss[key, n[key]], slope * per, error * per, grows ? "  GROWS" : ""
        growing += grows
        seen++
    }
    exit growing > 0 || !seen
}
