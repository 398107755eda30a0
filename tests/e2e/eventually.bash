# How long a test waits for what must come, in seconds: long enough for two sanitized jobs on a slow core, and less than bats lets
# a test run. What must be fast has a limit of its own, in words.
PATIENCE=${COCA_TEST_PATIENCE:-400}

# eventually COMMAND ...: until it succeeds; 1, and says what was in vain, when it does not within PATIENCE.
eventually() {
    local deadline=$((SECONDS + PATIENCE))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || { echo "in vain: $*"; return 1; }
        sleep 0.02
    done
}
