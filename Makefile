# dkv - build, test and install. One makefile, no recursion, no configure.
#
#   make              build everything into build/
#   make demo         a local cluster, a real file, a killed node (see README.md)
#   make test         everything that must pass: lint, unit, simulator, bats, sanitizers
#   make sim SEEDS=n  simulated clusters
#   make fuzz SECONDS=n
#   make bench        measured against peers; make bench-deps installs those
#   make asan tsan    programs and unit tests under the sanitizers, in build/asan, build/tsan
#   make lint format  style as a test; rewrite the sources in it
#   make install      into $(DESTDIR)$(PREFIX)

PREFIX  ?= /usr/local
BUILD   ?= build
CC      ?= gcc
CFLAGS  ?= -O2 -g
SEEDS   ?= 1000
SECONDS ?= 60

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wstrict-prototypes \
       -Wmissing-prototypes -Wformat=2
HARDEN = -fstack-protector-strong -fPIE
CPPFLAGS = -D_GNU_SOURCE -DDKV_VERSION='"$(VERSION)"' -Ilibshared -Icmd -Itests -MMD -MP
COMPILE = $(CC) -std=c11 $(WARN) $(CPPFLAGS) $(HARDEN) $(CFLAGS)
LINK    = @mkdir -p $(@D) && $(CC) $(CFLAGS) -pie -Wl,-z,relro,-z,noexecstack,--as-needed $(LDFLAGS) -o $@
VERSION = 0.1.0

# Sources are found, not listed: a new file needs no edit here.
PURE     = base causal ring lsm wire quorum
WORLD    = os net proc
PROGRAMS = $(sort $(notdir $(wildcard cmd/*)))
BRAIN   := $(filter-out %/main.c cmd/dkv/%,$(wildcard cmd/*/*.c))
UNIT    := $(wildcard tests/unit/*/*_test.c)
SIM     := $(wildcard tests/sim/*.c)
FUZZ    := $(wildcard tests/fuzz/*_fuzz.c)
BENCH   := $(wildcard tests/bench/*_bench.c)
MAN     := $(wildcard cmd/*/*.[1-8] libshared/*/*.[1-8])
BIN      = $(PROGRAMS:%=$(BUILD)/bin/%)

object  = $(patsubst %.c,$(BUILD)/%.o,$(1))
program = $(patsubst %.c,$(BUILD)/%,$(1))
layer   = $(BUILD)/lib$(1).a

PURE_LIBS  = $(foreach l,quorum wire lsm ring causal base,$(call layer,$(l)))
WORLD_LIBS = $(foreach l,proc net os,$(call layer,$(l)))
PURE_LINK  = -llz4
WORLD_LINK = -lzmq -pthread

all: $(BIN)

# ---- libraries, one archive a layer -------------------------------------------------
.SECONDEXPANSION:
.SECONDARY:
$(BUILD)/lib%.a: $$(call object,$$(wildcard libshared/$$*/*.c))
	@mkdir -p $(@D)
	@rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/libbrain.a: $(call object,$(BRAIN))
	@mkdir -p $(@D)
	@rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

# ---- programs ------------------------------------------------------------------------
$(BUILD)/bin/dkv: LDLIBS = $(PURE_LINK) $(WORLD_LINK) -ljansson
$(BUILD)/bin/dkv-%: LDLIBS = $(PURE_LINK) $(WORLD_LINK) -lczmq
$(BIN): $(BUILD)/bin/%: $$(call object,$$(wildcard cmd/$$*/*.c)) $(WORLD_LIBS) $(PURE_LIBS)
	$(LINK) $^ $(LDLIBS)

# ---- tests ---------------------------------------------------------------------------
# A unit test of a pure layer links that layer and those below, nothing else: what
# reaches up or out does not link. tests/sim holds the file system in memory.
below_base   = base
below_causal = causal base
below_ring   = ring base
below_lsm    = lsm base
below_wire   = wire causal base
below_quorum = quorum wire ring causal base
below_brain  = brain quorum wire lsm ring causal base
below_os     = os base
below_net    = net os wire causal base
below_proc   = proc net os wire ring causal base
below_sim    = lsm base
below_client = quorum wire lsm ring causal base
link_net     = $(WORLD_LINK)
link_proc    = $(WORLD_LINK) -lczmq
link_os      = -pthread

layer_of = $(word 1,$(subst /, ,$(patsubst $(BUILD)/tests/unit/%,%,$(1))))
$(call program,$(UNIT)): $(BUILD)/%_test: $(BUILD)/%_test.o $$(call object,$$(wildcard tests/sim/*_vfs.c)) \
		$$(foreach l,$$(below_$$(call layer_of,$$@)),$$(call layer,$$(l)))
	$(LINK) $^ -lcmocka $(PURE_LINK) $(link_$(call layer_of,$@))

unit: $(call program,$(UNIT))

$(BUILD)/tests/sim/sim: $(call object,$(SIM)) $(BUILD)/libbrain.a $(PURE_LIBS)
	$(LINK) $^ $(PURE_LINK)

sim: $(BUILD)/tests/sim/sim
	$< $(SEEDS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

clean:
	rm -rf build

.PHONY: all unit sim clean
