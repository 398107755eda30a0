# How rooms become libraries, stages become executables and tests become programs. Sources are found, never listed.

comma    := ,
find_c    = $(sort $(foreach d,$1,$(wildcard $d/*.c)))
find_cxx  = $(sort $(foreach d,$1,$(wildcard $d/*.cpp)))

ROOM_DIRS_ops     := common/ops common/ops/reference common/ops/cpu
ROOM_DIRS_dataset := common/dataset common/dataset/import
ROOM_DIRS_model   := $(addprefix common/model/,. layers params towers generate)
room_dirs = $(or $(ROOM_DIRS_$1),common/$1)
room_lib  = $(BUILD)/lib/lib$1.a
# A room and all it depends on, as archives in link order.
room_libs = $(foreach r,$1,$(call room_lib,$r))

define room_rule
$(call room_lib,$1): $(patsubst %.c,$(BUILD)/obj/%.o,$(call find_c,$(call room_dirs,$1))) \
                     $(patsubst %.cpp,$(BUILD)/obj/%.o,$(call find_cxx,$(call room_dirs,$1)))
	@mkdir -p $$(@D)
	$$(AR_TAG)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$r)))

Q       := $(if $(V),,@)
CC_TAG   = $(Q)echo "  CC   $<" && mkdir -p $(@D) &&
AR_TAG   = $(Q)echo "  AR   $@" &&
LD_TAG   = $(Q)echo "  LD   $@" && mkdir -p $(@D) &&

$(BUILD)/obj/%.o: %.c
	$(CC_TAG)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@
$(BUILD)/obj/%.o: %.cpp
	$(CC_TAG)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c $< -o $@

# Executables: stages/NAME.c with, beside it, its own folder stages/NAME/*.c when it needs more than one file.
STAGES   := $(patsubst stages/%.c,%,$(wildcard stages/*.c))
stage_sources = stages/$1.c $(call find_c,stages/$1)
ALL_LIBS := $(call room_libs,train ranks worker run optim measure model ops stage wire image text dataset remote tensor base)

define stage_rule
$(BUILD)/bin/$1: $(patsubst %.c,$(BUILD)/obj/%.o,$(call stage_sources,$1)) $(ALL_LIBS)
	$$(LD_TAG)$(CC) $$(LDFLAGS) -Wl,--as-needed $$^ $(SYSLIBS) -o $$@
endef
$(foreach s,$(STAGES),$(eval $(call stage_rule,$s)))

# The CUDA backend: a shared object that executables load when --device cuda:N asks for it, where nvcc is. Machine code for
# Hopper, and code that the driver translates for every GPU from Ampere on. In the sanitizers' build its sources run on the CPU
# (tests/cuda/device.h).
NVCC       ?= $(firstword $(wildcard $(shell command -v nvcc) /usr/local/cuda/bin/nvcc))
CUDA_HOME  := $(patsubst %/bin/nvcc,%,$(realpath $(NVCC)))
CUDA_ARCH  ?= -gencode arch=compute_90,code=sm_90 -gencode arch=compute_80,code=compute_80
CUDA_FLAGS := -std=c++17 -O3 $(CUDA_ARCH) -Xcompiler -fPIC,-fopenmp,-Wall,-Wextra$(if $(DEVELOPER),$(comma)-Werror)
CUDA_OBJECT := $(if $(NVCC),$(BUILD)/lib/coca_cuda.so)
CUDA_MISSING := $(if $(CUDA_OBJECT),,nvcc was not found)
CUDA_PARTS := $(patsubst %.cu,$(BUILD)/obj/%.o,$(sort $(wildcard common/ops/cuda/*.cu)))
ifneq ($(SANITIZE),)
READABLE   := $(BUILD)/cuda
CUDA_TEXTS := $(patsubst common/%,$(READABLE)/%,$(wildcard common/ops/cuda/*.cu common/ops/cuda/*.cuh))
STAND_IN   := $(patsubst %.cpp,$(BUILD)/obj/%.o,$(sort $(wildcard tests/cuda/*.cpp)))
STAND_IN_FLAGS := -Itests/cuda -I$(READABLE) -Icommon -isystem $(CUDA_HOME)/include -fPIC -Wno-unknown-pragmas -Wno-shadow
$(READABLE)/%: common/% tests/cuda/launches.pl
	$(Q)mkdir -p $(@D) && perl tests/cuda/launches.pl $< >$@
$(CUDA_PARTS): $(BUILD)/obj/common/%.o: $(READABLE)/%.cu $(CUDA_TEXTS)
	@echo "  CXX  $(<:$(READABLE)/%=common/%)" && mkdir -p $(@D)
	$(Q)$(CXX) -D_GNU_SOURCE $(CXXFLAGS) $(STAND_IN_FLAGS) -include tests/cuda/device.h -c -x c++ $< -o $@
$(STAND_IN): $(BUILD)/obj/%.o: %.cpp $(CUDA_TEXTS)
	$(CC_TAG)$(CXX) -D_GNU_SOURCE $(CXXFLAGS) $(STAND_IN_FLAGS) -c $< -o $@
# What the sanitizers are to watch is the backend; the fibers under it cost most of the time.
$(BUILD)/obj/tests/cuda/fibers.o: override CXXFLAGS := $(filter-out -fsanitize% -fno-sanitize% -O1,$(CXXFLAGS)) -O2
$(CUDA_OBJECT): $(CUDA_PARTS) $(STAND_IN)
	$(LD_TAG)$(CXX) $(LDFLAGS) -shared $^ -o $@
else
$(CUDA_PARTS): $(BUILD)/obj/%.o: %.cu
	@echo "  NVCC $<" && mkdir -p $(@D)
	$(Q)$(NVCC) $(CPPFLAGS) $(CUDA_FLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
$(CUDA_OBJECT): $(CUDA_PARTS)
	$(LD_TAG)$(NVCC) -shared -Xlinker '-rpath=$$ORIGIN:/usr/local/cuda/lib64' $^ -lcublasLt -lgomp -o $@
endif

# Videos: a shared object that executables load when one comes, where FFmpeg's libraries are.
VIDEO_LIBRARIES := libavformat libavcodec libswscale libavutil
VIDEO_FLAGS  := $(shell $(PKG_CONFIG) --cflags $(VIDEO_LIBRARIES) 2>/dev/null)
VIDEO_LINKED := $(shell $(PKG_CONFIG) --libs $(VIDEO_LIBRARIES) 2>/dev/null)
VIDEO_OBJECT := $(if $(VIDEO_LINKED),$(BUILD)/lib/coca_video.so)
VIDEO_PARTS  := $(patsubst %.c,$(BUILD)/obj/%.o,$(call find_c,common/image/ffmpeg))
$(VIDEO_PARTS): override CFLAGS += -fPIC -fvisibility=hidden $(VIDEO_FLAGS)
$(VIDEO_OBJECT): $(VIDEO_PARTS)
	@mkdir -p $(@D)
	$(LD_TAG)$(CC) $(LDFLAGS) -shared $^ $(VIDEO_LINKED) -o $@

# Servers: a shared object that executables load when one is named, where libcurl is.
REMOTE_FLAGS  := $(shell $(PKG_CONFIG) --cflags libcurl 2>/dev/null)
REMOTE_LINKED := $(shell $(PKG_CONFIG) --libs libcurl 2>/dev/null)
REMOTE_OBJECT := $(if $(REMOTE_LINKED),$(BUILD)/lib/coca_remote.so)
REMOTE_PARTS  := $(patsubst %.c,$(BUILD)/obj/%.o,$(call find_c,common/remote/curl))
$(REMOTE_PARTS): override CFLAGS += -fPIC -fvisibility=hidden $(REMOTE_FLAGS)
$(REMOTE_OBJECT): $(REMOTE_PARTS)
	@mkdir -p $(@D)
	$(LD_TAG)$(CC) $(LDFLAGS) -shared $^ $(REMOTE_LINKED) -o $@

# Ranks: a shared object for each kind of MPI whose mpicc is here, of the same source; an executable loads the one whose launcher
# started it.
MPI_KINDS    := $(foreach k,openmpi mpich,$(if $(shell command -v mpicc.$k),$k))
MPI_MISSING  := $(filter-out $(MPI_KINDS),openmpi mpich)
MPI_OBJECTS  := $(MPI_KINDS:%=$(BUILD)/lib/coca_%.so)
MPI_SOURCES  := $(call find_c,common/ranks/mpi)
# mpicc says which folders and libraries it adds: the compiler is ours. Its headers are not held to our warnings.
mpi_flags     = $(patsubst -I%,-isystem %,$(filter -I%,$(shell mpicc.$1 -show)))
mpi_linked    = $(filter -L% -l%,$(shell mpicc.$1 -show))
define mpi_rule
$(BUILD)/mpi/$1/%.o: %.c
	$$(CC_TAG)$(CC) $$(CPPFLAGS) $(call mpi_flags,$1) $$(CFLAGS) -fPIC -fvisibility=hidden -c $$< -o $$@
$(BUILD)/lib/coca_$1.so: $(MPI_SOURCES:%.c=$(BUILD)/mpi/$1/%.o)
	@mkdir -p $$(@D)
	$$(LD_TAG)$(CC) $$(LDFLAGS) -shared $$^ $(call mpi_linked,$1) -o $$@
endef
$(foreach k,$(MPI_KINDS),$(eval $(call mpi_rule,$k)))

# Between GPUs: a shared object that executables load for several ranks on GPUs, where nvcc and NCCL's header are. Not in the
# sanitizers' build, whose GPU is the CPU.
NCCL_HEADER  := $(firstword $(wildcard $(addsuffix /nccl.h,$(CUDA_HOME)/include /usr/include /usr/local/include)))
NCCL_OBJECT  := $(if $(SANITIZE),,$(if $(NVCC),$(if $(NCCL_HEADER),$(BUILD)/lib/coca_nccl.so)))
NCCL_MISSING := $(if $(CUDA_OBJECT),$(if $(SANITIZE)$(NCCL_OBJECT),,nccl.h was not found))
NCCL_PARTS   := $(patsubst %.c,$(BUILD)/obj/%.o,$(call find_c,common/ranks/nccl))
$(NCCL_PARTS): override CFLAGS += -fPIC -fvisibility=hidden $(addprefix -isystem ,$(CUDA_HOME)/include $(dir $(NCCL_HEADER)))
$(NCCL_OBJECT): $(NCCL_PARTS)
	@mkdir -p $(@D)
	$(LD_TAG)$(NVCC) -shared -Xlinker '-rpath=$$ORIGIN:/usr/local/cuda/lib64' $^ -o $@

# Unit tests: tests/unit/ROOM/test_NAME.c → build/tests/ROOM/test_NAME; tests/unit/STAGE, of an executable's own folder, with it
# and every room. A room's test_faults has what makes calls fail.
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*/test_*.c))
faults_of   = $(if $(filter %/test_faults,$1),$(patsubst %.c,$(BUILD)/obj/%.o,$(call find_c,tests/unit/faults)))

unit_libs = $(if $(filter $1,$(STAGES)),$(patsubst %.c,$(BUILD)/obj/%.o,$(call find_c,stages/$1)) $(ALL_LIBS),\
    $(call room_libs,$1 $(DEPS_$1)))
define unit_rule
$(BUILD)/tests/$1: $(BUILD)/obj/tests/unit/$1.o $(call faults_of,$1) $(call unit_libs,$(patsubst %/,%,$(dir $1)))
	$$(LD_TAG)$(CC) $$(LDFLAGS) -Wl,--as-needed $$^ -lcmocka $(SYSLIBS) -o $$@
endef
$(foreach t,$(filter-out ops64/%,$(UNIT_TESTS)),$(eval $(call unit_rule,$t)))

# The reference operations in double precision, for finite differences: tests/unit/ops64 only, never linked with the
# float build.
REAL64_SOURCES := $(call find_c,common/ops common/ops/reference)
$(BUILD)/real64/%.o: %.c
	$(CC_TAG)$(CC) $(CPPFLAGS) -DCOCA_REAL_DOUBLE $(CFLAGS) -c $< -o $@
$(BUILD)/lib/libops64.a: $(patsubst %.c,$(BUILD)/real64/%.o,$(REAL64_SOURCES))
	@mkdir -p $(@D)
	$(AR_TAG)rm -f $@ && ar rcs $@ $^
$(BUILD)/tests/ops64/%: $(BUILD)/real64/tests/unit/ops64/%.o $(BUILD)/lib/libops64.a $(call room_libs,tensor base)
	$(LD_TAG)$(CC) $(LDFLAGS) -Wl,--as-needed $^ -lcmocka $(SYSLIBS) -o $@

# A stage of a test (tests/probe), and the stages that meet it, all with the test's own table of stages.
PROBE_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(call find_c,tests/probe))
PROBE_TABLE   := $(BUILD)/obj/tests/probe/stages.o
PROBES        := $(addprefix $(BUILD)/probe/,coca-probe coca-loss coca-image-encode)
$(BUILD)/probe/coca-probe: $(PROBE_OBJECTS) $(ALL_LIBS)
	$(LD_TAG)$(CC) $(LDFLAGS) -Wl,--as-needed $^ $(SYSLIBS) -o $@
define probe_rule
$(BUILD)/probe/$1: $(patsubst %.c,$(BUILD)/obj/%.o,$(call stage_sources,$1)) $(PROBE_TABLE) $(ALL_LIBS)
	$$(LD_TAG)$(CC) $$(LDFLAGS) -Wl,--as-needed $$^ $(SYSLIBS) -o $$@
endef
$(foreach s,coca-loss coca-image-encode,$(eval $(call probe_rule,$s)))

# Objects from the shell, for tests.
PROBES += $(BUILD)/probe/coca-objects
$(BUILD)/probe/coca-objects: $(BUILD)/obj/tests/remote/coca-objects.o $(call room_libs,remote base)
	$(LD_TAG)$(CC) $(LDFLAGS) -Wl,--as-needed $^ $(SYSLIBS) -o $@

# Benchmarks: tests/bench/bench_NAME.c with every room; each prints its figures and exits 1 below its limit. Files beside them
# with other names are for all of them, and for the programs of tests/gpu.
BENCHES := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/bench_*.c))
BENCH_COMMON := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out tests/bench/bench_%,$(call find_c,tests/bench)))
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BENCH_COMMON) $(ALL_LIBS)
	$(LD_TAG)$(CC) $(LDFLAGS) -Wl,--as-needed $^ $(SYSLIBS) -o $@
GPU_PROGRAMS := $(patsubst tests/gpu/%.c,%,$(call find_c,tests/gpu))
$(BUILD)/gpu/%: $(BUILD)/obj/tests/gpu/%.o $(BENCH_COMMON) $(ALL_LIBS)
	$(LD_TAG)$(CC) $(LDFLAGS) -Wl,--as-needed $^ $(SYSLIBS) -o $@

# Fuzz targets: tests/fuzz/fuzz_NAME.c with every room, under libFuzzer and the sanitizers. clang, since gcc has no libFuzzer.
FUZZ_TARGETS := $(filter-out $(if $(VIDEO_OBJECT),,video),$(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_CC      := clang -std=c11 -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fopenmp-simd
FUZZ_ROOMS   := base tensor wire image dataset remote model text
# Kernels for several instruction sets stand behind pragmas of gcc's, and no bytes from outside come to them.
FUZZ_SOURCES := $(filter-out common/model/generate/%,$(call find_c,$(foreach r,$(FUZZ_ROOMS),$(call room_dirs,$r)) common/ops common/ops/reference))
$(BUILD)-fuzz/obj/%.o: %.c
	$(CC_TAG)$(FUZZ_CC) $(CPPFLAGS) -MMD -MP -c $< -o $@
$(BUILD)-fuzz/libfuzz.a: $(patsubst %.c,$(BUILD)-fuzz/obj/%.o,$(FUZZ_SOURCES))
	@mkdir -p $(@D)
	$(AR_TAG)rm -f $@ && ar rcs $@ $^
# FFmpeg's part stands in the program, so that coverage leads into it as far as it is ours.
FUZZ_VIDEO := $(patsubst %.c,$(BUILD)-fuzz/obj/%.o,$(call find_c,common/image/ffmpeg))
$(FUZZ_VIDEO): override CPPFLAGS += $(VIDEO_FLAGS)
$(BUILD)-fuzz/video: tests/fuzz/fuzz_video.c $(FUZZ_VIDEO) $(BUILD)-fuzz/libfuzz.a
	$(LD_TAG)$(FUZZ_CC) -fsanitize=fuzzer $(CPPFLAGS) $^ $(SYSLIBS) $(VIDEO_LINKED) -o $@
$(BUILD)-fuzz/%: tests/fuzz/fuzz_%.c $(BUILD)-fuzz/libfuzz.a
	$(LD_TAG)$(FUZZ_CC) -fsanitize=fuzzer $(CPPFLAGS) $^ $(SYSLIBS) -o $@

-include $(shell find $(BUILD)/obj $(BUILD)/mpi $(BUILD)/real64 $(BUILD)-fuzz -name '*.d' 2>/dev/null)
