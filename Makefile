# cocaflow. `make help` lists the targets.
#
# A room is a folder of common/; ROOM_DEPS says which rooms it may use. Each room becomes one static library,
# and a test in tests/unit/ROOM links that room and what it depends on only, so a forbidden dependency fails to link.

BUILD     ?= build
# Absolute or not, it names the same targets, or what one build depends on is unknown to the next.
override BUILD := $(patsubst $(CURDIR)/%,%,$(BUILD))
SANITIZE  ?=
DEVELOPER ?=

CC        ?= gcc
CXX       ?= g++
PKG_CONFIG?= pkg-config

ROOMS          := base tensor ranks wire stage ops model measure run optim worker train image text dataset remote
DEPS_base      :=
DEPS_tensor    := base
DEPS_ranks     := base
DEPS_wire      := tensor base
DEPS_stage     := ranks wire tensor base
DEPS_ops       := tensor base
DEPS_model     := ops tensor base
DEPS_measure   := text tensor base
DEPS_optim     := model ops tensor base
DEPS_run       := optim model ops stage wire tensor base
DEPS_worker    := run optim model ops stage wire dataset remote tensor base
DEPS_train     := ranks run optim model ops stage wire tensor base
DEPS_image     := tensor base
DEPS_text      := base
DEPS_dataset   := remote base
DEPS_remote    := base

SYSLIBS        := -lzmq -lmsgpackc -llmdb -ljpeg -lspng -lwebpdemux -lwebp -larchive -lz -ljansson -ldnnl -lsentencepiece -lpcre2-8 -lunistring -lstemmer -lstdc++ -lm -lpthread -ldl

WARN      := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla
WARNXX    := -Wall -Wextra -Wshadow
OPT       := $(if $(SANITIZE),-O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all,-O3 -g)
CPPFLAGS  += -Icommon -D_GNU_SOURCE
BASEFLAGS := $(OPT) $(if $(DEVELOPER)$(SANITIZE),-Werror) -MMD -MP -fopenmp
override CFLAGS   += -std=c11 $(WARN) $(BASEFLAGS)
override CXXFLAGS += -std=c++17 $(WARNXX) $(BASEFLAGS)
# The CUDA backend, a shared object, takes the failure words from the executable that loads it.
override LDFLAGS  += -rdynamic -fopenmp $(if $(SANITIZE),-fsanitize=$(SANITIZE))

include common/rooms.mk

.DEFAULT_GOAL := all
OBJECTS := $(CUDA_OBJECT) $(VIDEO_OBJECT) $(REMOTE_OBJECT) $(MPI_OBJECTS) $(NCCL_OBJECT)

.PHONY: all help check check-headers clean libs unit-programs fuzz bench dist
all: $(addprefix $(BUILD)/bin/,$(STAGES)) $(OBJECTS)
	$(if $(CUDA_MISSING),@echo "  CUDA backend left out: $(CUDA_MISSING)")
	$(if $(NCCL_MISSING),@echo "  NCCL between GPUs left out: $(NCCL_MISSING)")
	$(if $(VIDEO_OBJECT),,@echo "  videos left out: FFmpeg's $(VIDEO_LIBRARIES) were not found; ./run.sh build all installs them")
	$(if $(REMOTE_OBJECT),,@echo "  shards on servers left out: libcurl was not found; ./run.sh build all installs it")
	$(if $(MPI_MISSING),@echo "  ranks of MPI left out: $(MPI_MISSING:%=mpicc.%) not found; ./run.sh build all installs them")
libs: $(ALL_LIBS)

help:
	@echo "make                      the executables, in $(BUILD)/bin"
	@echo "make check                every unit test; make check-NAME, those of tests/unit/*/test_NAME.c or of room NAME"
	@echo "make check-headers        each header compiles alone"
	@echo "make fuzz                 each target of tests/fuzz for FUZZ_SECONDS (20); make fuzz-NAME"
	@echo "make bench                speed against limits, in this machine's own terms"
	@echo "make dist                 dist/: a folder that runs on any x86-64 Linux (needs patchelf)"
	@echo "make clean"
	@echo "DEVELOPER=1               warnings are errors"
	@echo "SANITIZE=address,undefined BUILD=build-sanitize   a build with the sanitizers"

RUNS := $(addprefix run-,$(UNIT_TESTS))
check: $(RUNS)
$(RUNS): run-%: $(BUILD)/tests/% $(VIDEO_OBJECT) $(REMOTE_OBJECT) $(MPI_OBJECTS)
	$(Q)cd tests && $(abspath $<)
# check-hash runs tests/unit/*/test_hash.c, check-base all of tests/unit/base.
# Those of FFmpeg's part need FFmpeg's.
check-headers: $(patsubst %.h,$(BUILD)/headers/%.ok,$(filter-out $(if $(VIDEO_OBJECT),,common/image/ffmpeg/%),$(shell find common -name '*.h')))
$(BUILD)/headers/%.ok: %.h
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) -std=c11 $(WARN) -Werror -fsyntax-only -include $< -x c /dev/null && touch $@
# One target for each room and each test name.
check_targets = $(sort $(patsubst %/,%,$(dir $(UNIT_TESTS))) $(patsubst test_%,%,$(notdir $(UNIT_TESTS))))
define check_rule
check-$1: $(addprefix run-,$(filter $1/% %/test_$1,$(UNIT_TESTS)))
endef
$(foreach t,$(filter-out headers,$(check_targets)),$(eval $(call check_rule,$t)))
unit-programs: $(VIDEO_OBJECT) $(REMOTE_OBJECT) $(MPI_OBJECTS) $(addprefix $(BUILD)/tests/,$(UNIT_TESTS)) $(addprefix $(BUILD)/gpu/,$(GPU_PROGRAMS)) $(PROBES)

FUZZ_SECONDS ?= 20
fuzz: $(addprefix fuzz-,$(FUZZ_TARGETS))
fuzz-%: $(BUILD)-fuzz/%
	$(Q)mkdir -p $(BUILD)-fuzz/corpus/$* && echo "  FUZZ $* for $(FUZZ_SECONDS) s"
	$(Q)$< -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -rss_limit_mb=2048 -timeout=10 -close_fd_mask=3 \
	    -artifact_prefix=$(BUILD)-fuzz/$*- $(BUILD)-fuzz/corpus/$* tests/fuzz/corpus/$* || \
	    { echo "FAILED: fuzz target $*; the input lies in $(BUILD)-fuzz/$*-*"; exit 1; }
# Every measurement is made even when an earlier one falls short; the exit code tells whether one did.
bench: all $(addprefix $(BUILD)/bench/,$(BENCHES))
	$(Q)BUILD=$(BUILD) tests/bench/run.sh $(addprefix $(BUILD)/bench/,$(BENCHES))

# A folder that runs on any x86-64 Linux: executables, their libraries, scripts, presets. CUDA's own libraries are the target's,
# and FFmpeg's, which with all that they need would be ten times the rest, and libcurl, which finds its certificates where its
# system keeps them.
DIST_TESTS := ops/test_backends ops/test_open ops/test_shared model/test_parity ranks/test_nccl
# libarchive's shared object brings 35 MB of tables by way of formats that nothing here reads.
DIST_SYSLIBS := $(SYSLIBS:-larchive=-l:libarchive.a -l:libbz2.so.1.0 -l:liblz4.so.1 -l:libzstd.so.1 -l:liblzma.so.5)
$(BUILD)/dist/coca-pack: $(patsubst %.c,$(BUILD)/obj/%.o,$(call stage_sources,coca-pack)) $(ALL_LIBS)
	$(LD_TAG)$(CC) $(filter-out -rdynamic,$(LDFLAGS)) -Wl,--gc-sections,--as-needed $^ $(DIST_SYSLIBS) -o $@
dist: all $(BUILD)/dist/coca-pack $(addprefix $(BUILD)/tests/,$(DIST_TESTS)) $(addprefix $(BUILD)/gpu/,$(GPU_PROGRAMS))
	$(Q)rm -rf dist && mkdir -p dist/bin dist/lib dist/data dist/tests dist/test-programs/gpu
	$(Q)cp -r pipelines dist/ && cp -r data/models data/prompts data/tasks dist/data/ && cp -r tests/gpu tests/parity dist/tests/
	$(Q)cp $(BUILD)/bin/* dist/bin/ && cp $(BUILD)/dist/coca-pack dist/bin/
	$(Q)cp $(addprefix $(BUILD)/gpu/,$(GPU_PROGRAMS)) dist/test-programs/gpu/
	$(Q)for t in $(DIST_TESTS); do mkdir -p dist/test-programs/unit/$${t%/*} && cp $(BUILD)/tests/$$t dist/test-programs/unit/$$t; done
	$(Q)ldd dist/bin/* dist/test-programs/gpu/* dist/test-programs/unit/*/* | awk '$$2 == "=>" && $$3 ~ /^\// {print $$3}' | sort -u | \
	    grep -vE '/(libc|libm|libpthread|libdl|librt|ld-linux[^/]*)\.so' | xargs cp -t dist/lib
	$(Q)for f in dist/bin/* dist/lib/*; do patchelf --set-rpath '$$ORIGIN/../lib' $$f; done
	$(Q)for f in dist/test-programs/gpu/*; do patchelf --set-rpath '$$ORIGIN/../../lib' $$f; done
	$(Q)for f in dist/test-programs/unit/*/*; do patchelf --set-rpath '$$ORIGIN/../../../lib' $$f; done
	$(Q)$(if $(OBJECTS),cp $(OBJECTS) dist/lib/)
	$(Q)strip dist/bin/* dist/test-programs/gpu/* dist/test-programs/unit/*/* $(addprefix dist/lib/,$(notdir $(OBJECTS)))
clean:
	rm -rf $(BUILD)
