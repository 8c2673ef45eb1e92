# SPDX-License-Identifier: GPL-2.0
#
# make            build ./gotrace (what is missing is named; "make deps" installs it)
# make demo       install what is missing, build, trace a real Go server under load for 10 s
# make test       install what is missing, build, run all tests
# make bench      what a probe costs, as ratios in one run
# make fuzz       fuzz the reader of Go binaries and the finders of probe sites for FUZZ_SECONDS each
# make lint       linters and house rules (tests/README.md says more)
# V=1 shows the commands, SANITIZE=1 builds with ASan and UBSan.

OUT	:= .output
CC	?= cc
CLANG	?= clang
BPFTOOL	?= $(shell tests/setup.sh --bpftool)
ARCH	:= $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')
VERSION	:= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

WARN	:= -Wall -Wextra -Wshadow -Wtype-limits -Wmissing-prototypes -Werror
CFLAGS	?= -O2 -g
GT_CFLAGS := -std=gnu11 -D_GNU_SOURCE= $(WARN) -Iinclude -Iuser -I$(OUT) -I$(OUT)/gen \
	     -DGOTRACE_VERSION='"$(VERSION)"' $(CFLAGS)
LDLIBS	:= -lbpf -lelf -lz -lcapstone -lprotobuf-c -ljansson -lm
BPF_CFLAGS := -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -O2 -g $(WARN) -Wno-missing-prototypes \
	      -Iinclude -I. -Ibpf
ifeq ($(SANITIZE),1)
OUT	:= .output/asan
CFLAGS	+= -fsanitize=address,undefined -fno-omit-frame-pointer
endif

ifeq ($(V),1)
Q =
msg =
else
Q = @
msg = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(CURDIR)/%,%,$(2))';
MAKEFLAGS += --no-print-directory
endif

SRCS	:= $(wildcard user/*.c user/*/*.c)
OBJS	:= $(patsubst user/%.c,$(OUT)/user/%.o,$(SRCS)) $(OUT)/gen/profile.pb-c.o
# What unit tests link: the parts that need neither root nor BPF.
PLAIN	:= $(patsubst %.c,%.o,$(wildcard user/gobin/*.c user/model/*.c user/report/*.c user/probe/site.c \
	   user/probe/flow*.c user/probe/plan*.c user/probe/globals.c user/probe/closer.c user/budget.c))
UOBJS	:= $(patsubst %.o,$(OUT)/unit/%.o,$(PLAIN)) $(OUT)/unit/gen/profile.pb-c.o
UTESTS	:= $(patsubst tests/unit/%.c,$(OUT)/unit/%,$(wildcard tests/unit/test_*.c))
UFLAGS	:= -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
GEN	:= $(OUT)/gen/profile.pb-c.c $(OUT)/gotrace.skel.h

.PHONY: all deps demo test unit e2e bench fuzz chroot-test kernels lint clean vmlinux
.SECONDARY:
.DELETE_ON_ERROR:

all:
	$(Q)tests/setup.sh --check
	$(Q)$(MAKE) gotrace

gotrace: $(OBJS)
	$(call msg,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OUT)/user/%.o: user/%.c $(GEN) | $(OUT)
	$(call msg,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GT_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/gen/%.o: $(OUT)/gen/%.c
	$(call msg,CC,$@)
	$(Q)$(CC) -O2 -g -I$(OUT)/gen -c -o $@ $<

$(OUT)/gen/%.pb-c.c: user/report/%.proto
	$(call msg,PROTOC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c --proto_path=$(<D) --c_out=$(@D) $<

$(OUT)/gotrace.bpf.o: bpf/gotrace.bpf.c $(wildcard bpf/*.h) $(wildcard include/gotrace/*.h) vmlinux.h | $(OUT)
	$(call msg,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@.tmp $<
	$(Q)$(BPFTOOL) gen object $@ $@.tmp

$(OUT)/gotrace.skel.h: $(OUT)/gotrace.bpf.o
	$(call msg,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name gotrace_bpf > $@

$(OUT):
	$(Q)mkdir -p $@

# The kernel types that bpf/ reads, cut out of a kernel's BTF: make vmlinux BTF=/path/to/btf
vmlinux:
	$(Q)BPFTOOL="$(BPFTOOL)" tests/vmlinux.sh $(BTF) > $(OUT)/vmlinux.h && mv $(OUT)/vmlinux.h vmlinux.h

deps:
	$(Q)tests/setup.sh

demo: deps
	$(Q)$(MAKE) gotrace
	$(Q)tests/demo.sh

test: deps
	$(Q)$(MAKE) gotrace
	$(Q)tests/run.sh

# Unit tests are built with ASan and UBSan and need no root.
unit: $(UTESTS)
	$(Q)tests/unit.sh $(UTESTS)

$(OUT)/unit/user/%.o: user/%.c $(OUT)/gen/profile.pb-c.c
	$(call msg,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GT_CFLAGS) $(UFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/unit/gen/%.o: $(OUT)/gen/%.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -O2 -g $(UFLAGS) -I$(OUT)/gen -c -o $@ $<

$(OUT)/unit/%: tests/unit/%.c $(UOBJS)
	$(call msg,UNIT,$@)
	$(Q)$(CC) $(GT_CFLAGS) $(UFLAGS) -o $@ $< $(UOBJS) -lcmocka -lelf -lz -lcapstone -lprotobuf-c -ljansson -lm

e2e: gotrace
	$(Q)tests/e2e/run.py

# What bench compares with: an empty program at gotrace's own sites.
$(OUT)/bench/floor.bpf.o: tests/bench/floor.bpf.c vmlinux.h
	$(call msg,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(OUT)/bench/floor.skel.h: $(OUT)/bench/floor.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name floor_bpf > $@

FLOOR	:= $(filter $(OUT)/user/gobin/% $(OUT)/user/probe/% $(OUT)/user/target/%,$(OBJS))

$(OUT)/bench/floor: tests/bench/floor.c $(OUT)/bench/floor.skel.h $(FLOOR)
	$(call msg,LD,$@)
	$(Q)$(CC) $(GT_CFLAGS) -I$(OUT)/bench -o $@ $< $(FLOOR) $(LDLIBS)

bench: gotrace $(OUT)/bench/floor
	$(Q)tests/bench/run.sh

fuzz:
	$(Q)tests/fuzz/run.sh

# The two commands from a clean clone on a fresh system: make chroot-test SUITE=bookworm
chroot-test:
	$(Q)tests/chroot.sh $(SUITE)

# Exactness on other kernels, booted in QEMU: make kernels SUITES="bullseye trixie"
kernels: gotrace
	$(Q)tests/matrix/kernels.sh $(SUITES)

lint:
	$(Q)tests/lint.sh

clean:
	$(Q)rm -rf $(OUT) gotrace

-include $(OBJS:.o=.d) $(UOBJS:.o=.d)
