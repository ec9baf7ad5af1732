# dkv - build, test and install. One makefile, no recursion, no configure.
#
#   make              build everything into build/
#   make demo         a local cluster, a real file, a killed node (see README.md)
#   make test         everything that must pass: lint, unit, simulator, bats, sanitizers
#   make sim SEEDS=n  simulated clusters
#   make mutants      planted bugs, one at a time: the test that each names must find it
#   make torture ROUNDS=n   kill -9, power loss and cut cables of real processes
#   make fuzz SECONDS=n
#   make bench        measured against peers; make bench-deps installs those
#   make bench-engine the storage engine against RocksDB, LevelDB and LMDB; about 20 minutes
#   make asan tsan    programs and unit tests under the sanitizers, in build/asan, build/tsan
#   make lint format  style as a test; rewrite the sources in it
#   make install      into $(DESTDIR)$(PREFIX); make uninstall takes it away: dkv-install(7)

PREFIX  ?= /usr/local
BUILD   ?= build
CC      ?= gcc
CFLAGS  ?= -O2 -g
SEEDS   ?= 20000
# In make test: three minutes of them.
TEST_SEEDS ?= 5000
SECONDS ?= 60
ROUNDS  ?= 300
JOBS    ?= $(shell nproc)
FEWER_SEEDS = $(shell expr $(SEEDS) / 160 + 1)

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wstrict-prototypes \
       -Wmissing-prototypes -Wformat=2
HARDEN = -fstack-protector-strong -fPIE
CPPFLAGS = -D_GNU_SOURCE -DDKV_VERSION='"$(VERSION)"' -Ilibshared -Icmd -Itests -MMD -MP
COMPILE = $(CC) -std=c11 $(WARN) $(CPPFLAGS) $(HARDEN) $(CFLAGS)
LINK    = @mkdir -p $(@D) && $(CC) $(CFLAGS) -pie -Wl,-z,relro,-z,noexecstack,--as-needed $(LDFLAGS) -o $@
VERSION = 0.1.0

# Sources are found, not listed: a new file needs no edit here.
PURE     = base causal merkle replica ring consensus lsm wire turn quorum peer client
WORLD    = os net client/net proc
PROGRAMS = $(patsubst cmd/%/main.c,%,$(wildcard cmd/*/main.c))
BRAIN   := $(filter-out %/main.c cmd/dkv/%,$(wildcard cmd/*/*.c))
UNIT    := $(wildcard tests/unit/*/*_test.c tests/unit/*/*/*_test.c)
SIM     := $(wildcard tests/sim/*.c)
DISK    := $(wildcard tests/disk/*.c)
FUZZ    := $(wildcard tests/fuzz/*_fuzz.c)
BENCH   := $(wildcard tests/bench/*_bench.c)
MAN     := $(wildcard cmd/*/*.[1-8] libshared/*/*.[1-8])
BIN      = $(PROGRAMS:%=$(BUILD)/bin/%)

object  = $(patsubst %.c,$(BUILD)/%.o,$(1))
program = $(patsubst %.c,$(BUILD)/%,$(1))
layer   = $(BUILD)/lib$(1).a

PURE_LIBS  = $(foreach l,client peer quorum turn wire lsm consensus ring replica merkle causal base,$(call layer,$(l)))
WORLD_LIBS = $(foreach l,proc client/net net os,$(call layer,$(l)))
PURE_LINK  = -llz4 -lsodium
WORLD_LINK = -lzmq -pthread

all: $(BIN)

# ---- libraries, one archive a layer -------------------------------------------------
.SECONDEXPANSION:
.SECONDARY:
# Of a layer, with folders in it that are no layers of their own.
layer_sources = $(filter-out $(patsubst %,libshared/%/%,$(filter $(1)/%,$(PURE) $(WORLD))), \
	$(wildcard libshared/$(1)/*.c libshared/$(1)/*/*.c))
$(BUILD)/lib%.a: $$(call object,$$(call layer_sources,$$*))
	@mkdir -p $(@D)
	@rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/libbrain.a: $(call object,$(BRAIN))
	@mkdir -p $(@D)
	@rm -f $@ && $(AR) rcs $@ $^

# The part of the program dkv that can be tested without a cluster.
DKV_PARTS = level arguments client_conf command explain_copy histogram jsonl options replicas report \
	bulk/format bulk/journal bulk/window
$(BUILD)/libdkv.a: $(call object,$(DKV_PARTS:%=cmd/dkv/%.c))
	@mkdir -p $(@D)
	@rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

# ---- programs ------------------------------------------------------------------------
# dkv starts without czmq: libshared/net/net.h.
$(BUILD)/bin/dkv: LDLIBS = $(PURE_LINK) $(WORLD_LINK) -ljansson
$(BUILD)/bin/dkv-%: LDLIBS = $(PURE_LINK) $(WORLD_LINK) -lczmq
$(BIN): $(BUILD)/bin/%: $$(call object,$$(wildcard cmd/$$*/*.c cmd/$$*/*/*.c)) $(WORLD_LIBS) $(PURE_LIBS)
	$(LINK) $^ $(LDLIBS)

# ---- tests ---------------------------------------------------------------------------
# A unit test of a pure layer links that layer and those below, nothing else: what
# reaches up or out does not link. tests/disk holds files in memory.
below_base   = base
below_causal = causal base
below_merkle = merkle base
below_replica = replica causal base
below_ring   = ring base
below_consensus = consensus base
below_lsm    = lsm base
below_wire   = wire causal base
below_turn   = turn wire causal base
below_quorum = quorum wire ring causal base
below_peer   = peer wire ring causal base
below_brain  = brain peer quorum turn wire lsm consensus ring replica merkle causal base
below_os     = os base
below_net    = net os wire causal base
below_proc   = proc net os peer turn wire lsm ring causal base
below_disk   = lsm base
below_client = client wire ring causal base
below_dkv    = dkv client os wire ring causal base
link_net     = $(WORLD_LINK) -lczmq
link_proc    = $(WORLD_LINK) -lczmq
link_dkv     = -ljansson -pthread
link_os      = -pthread

layer_of = $(word 1,$(subst /, ,$(patsubst $(BUILD)/tests/unit/%,%,$(1))))
$(call program,$(UNIT)): $(BUILD)/%_test: $(BUILD)/%_test.o $(BUILD)/tests/unit/unit.o $(call object,$(DISK)) \
		$$(foreach l,$$(below_$$(call layer_of,$$@)),$$(call layer,$$(l)))
	$(LINK) $^ -lcmocka $(PURE_LINK) $(link_$(call layer_of,$@))

unit: $(call program,$(UNIT))

SIM_PROGRAM = $(if $(wildcard tests/sim/sim.c),$(BUILD)/tests/sim/sim)
$(BUILD)/tests/sim/sim: $(call object,$(SIM) $(DISK)) $(BUILD)/libbrain.a $(PURE_LIBS)
	$(LINK) $^ $(PURE_LINK)

sim: $(SIM_PROGRAM)
	$< $(SEEDS)

mutants: programs
	@tests/mutants/run --build $(BUILD)

# A node under load, killed, and without power: tests/torture/torture.
TORTURE = $(call program,$(addprefix tests/torture/,load.c check.c shutdown.c))
TORTURE_PARTS = tests/torture/ledger.c tests/torture/value.c
$(TORTURE): %: %.o $(call object,$(TORTURE_PARTS)) $(WORLD_LIBS) $(PURE_LIBS)
	$(LINK) $^ $(PURE_LINK) $(WORLD_LINK)

torture: deps $(BIN) $(TORTURE)
	PATH="$(abspath $(BUILD))/bin:$$PATH" tests/torture/torture kill $(ROUNDS)
	PATH="$(abspath $(BUILD))/bin:$$PATH" tests/torture/torture ext4 $(shell expr $(ROUNDS) / 10 + 1)
	PATH="$(abspath $(BUILD))/bin:$$PATH" tests/torture/torture xfs $(shell expr $(ROUNDS) / 30 + 1)
	PATH="$(abspath $(BUILD))/bin:$$PATH" tests/torture/split $(shell expr $(ROUNDS) / 6)

# A fuzz target is one object; libFuzzer drives it, or replay.c with a stored corpus.
REPLAY = $(FUZZ:%_fuzz.c=$(BUILD)/%_replay)
fuzz_parts = $(call object,$(DISK)) $(BUILD)/libbrain.a \
	$(BUILD)/libdkv.a $(PURE_LIBS)
$(REPLAY): %_replay: %_fuzz.o $(BUILD)/tests/fuzz/replay.o $(fuzz_parts)
	$(LINK) $^ $(PURE_LINK) -ljansson

$(call program,$(FUZZ)): %_fuzz: %_fuzz.o $(fuzz_parts)
	$(LINK) $^ $(PURE_LINK) -ljansson -fsanitize=fuzzer

SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
fuzz:
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang CFLAGS='$(SANITIZE) -fsanitize=fuzzer-no-link' \
		$(FUZZ:%.c=$(BUILD)/fuzz/%)
	@failed=0; for target in $(FUZZ:tests/fuzz/%_fuzz.c=%); do \
		mkdir -p $(BUILD)/fuzz/corpus/$$target tests/fuzz/corpus/$$target && \
		$(BUILD)/fuzz/tests/fuzz/$${target}_fuzz -max_total_time=$(SECONDS) -timeout=10 \
			-print_final_stats=1 -artifact_prefix=$(BUILD)/fuzz/$$target- \
			$(BUILD)/fuzz/corpus/$$target tests/fuzz/corpus/$$target || failed=1; \
	done; exit $$failed

# What tests/run runs, for a build directory and a number of seeds.
run_programs = $(UNIT:%.c='$(1)/%') \
	$(foreach f,$(FUZZ:tests/fuzz/%_fuzz.c=%),'$(1)/tests/fuzz/$(f)_replay tests/fuzz/corpus/$(f)') \
	$(if $(SIM_PROGRAM),'$(1)/tests/sim/sim $(2)')
# What crashes at every point there is takes minutes with sanitizers: make asan does it.
enumerating = $(patsubst %,'$(1)/tests/unit/lsm/%_test',crash allocation fault)
run_lint = 'tests/lint/lint $(PURE_LIBS) $(BUILD)/libbrain.a'
run_mutants = 'tests/mutants/run --part --build $(BUILD)'
run_bats = $(patsubst %,'bats --tap %',$(wildcard tests/bats/*.bats))

# What bats tests have made for them.
NEXT_RING = $(BUILD)/tests/fixture/next_ring
$(NEXT_RING): $(NEXT_RING).o $(foreach l,ring base,$(call layer,$(l)))
	$(LINK) $^

programs: $(BIN) $(NEXT_RING) $(call program,$(UNIT)) $(REPLAY) $(SIM_PROGRAM) $(TORTURE)

deps:
	@tests/deps test

test: deps
	@$(MAKE) --no-print-directory -j$(JOBS) programs
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/asan CFLAGS='$(SANITIZE)' programs
	@PATH="$(abspath $(BUILD))/bin:$$PATH" tests/run $(run_lint) \
		$(run_bats) -- $(run_mutants) $(call run_programs,$(BUILD),$(TEST_SEEDS)) \
		$(filter-out $(call enumerating,$(BUILD)/asan),$(call run_programs,$(BUILD)/asan,$(FEWER_SEEDS)))

asan: SANITIZE_WITH = $(SANITIZE)
tsan: SANITIZE_WITH = -O1 -g -fsanitize=thread
asan tsan:
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/$@ CFLAGS='$(SANITIZE_WITH)' programs
	@tests/run $(call run_programs,$(BUILD)/$@,$(FEWER_SEEDS))

lint: $(PURE_LIBS) $(BUILD)/libbrain.a
	@tests/lint/lint $^

format:
	clang-format -i $(shell find libshared cmd tests -name '*.[ch]')

bench-deps:
	@tests/deps bench

bench: all
	@tests/bench/cluster
	@tests/bench/converge

# ROCKSDB may name another build of it, such as '-L/opt/rocksdb/lib -Wl,-rpath,/opt/rocksdb/lib -lrocksdb'.
ROCKSDB ?= -lrocksdb
BENCH_ENGINE = $(BUILD)/tests/bench/engine/engine
$(BENCH_ENGINE): $(call object,$(wildcard tests/bench/engine/*.c) cmd/dkv/histogram.c) \
		$(foreach l,os lsm base,$(call layer,$(l)))
	$(LINK) $^ $(PURE_LINK) $(ROCKSDB) -lleveldb -llmdb -pthread -lm

bench-engine: bench-deps
	@$(MAKE) --no-print-directory -j$(JOBS) $(BENCH_ENGINE)
	@mkdir -p $(BUILD)/bench
	@$(BENCH_ENGINE) --dir $(BUILD)/bench/data --json $(BUILD)/bench/engine.json --table tests/bench/RESULTS.md

# ---- demo, install -------------------------------------------------------------------
demo:
	@tests/deps build
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@PATH="$(abspath $(BUILD))/bin:$$PATH" examples/demo.sh

# Where each file goes: SOURCE:TARGET below the prefix. Units name the programs in /usr/local/bin.
INSTALLED = $(DESTDIR)$(PREFIX)
INSTALL_FILES = $(foreach m,$(MAN),$(m):share/man/man$(patsubst .%,%,$(suffix $(m)))/$(notdir $(m))) \
	cmd/dkv/dkv.bash:share/bash-completion/completions/dkv \
	$(foreach f,$(wildcard systemd/*.d/*.conf),$(f):lib/$(f:systemd/%=%)) \
	$(foreach u,$(wildcard systemd/*.service systemd/*.target),$(u):lib/systemd/system/$(notdir $(u)))
install: all
	install -d $(INSTALLED)/bin
	install -m 755 $(BIN) $(INSTALLED)/bin
	@for pair in $(INSTALL_FILES); do \
		install -D -m 644 "$${pair%%:*}" "$(INSTALLED)/$${pair#*:}" || exit 1; \
	done
	sed -i 's|/usr/local/|$(PREFIX)/|g' $(INSTALLED)/lib/systemd/system/dkv*

# Takes away what install put there, and no configuration and no data.
uninstall:
	rm -f $(BIN:$(BUILD)/%=$(INSTALLED)/%)
	@for pair in $(INSTALL_FILES); do rm -f "$(INSTALLED)/$${pair#*:}" || exit 1; done

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

clean:
	rm -rf build

.PHONY: all unit sim mutants torture fuzz programs deps test asan tsan lint format bench bench-deps bench-engine demo install uninstall clean
