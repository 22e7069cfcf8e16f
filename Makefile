# SPDX-License-Identifier: MIT
#
# The short way to what meson does. What is installed is built in build/, and the variants that are
# tested in directories below: gcc, asan (clang, AddressSanitizer and UBSan), tsan (clang,
# ThreadSanitizer), fuzz (clang, libFuzzer). Each target installs the packages that it lacks.

FUZZ_SECONDS ?= 60

options_gcc = -Dwerror=true
options_asan = -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false
options_tsan = -Dman=disabled -Dwerror=true -Db_sanitize=thread -Db_lundef=false
options_fuzz = -Dfuzz=true -Dtests=disabled -Dman=disabled -Dexamples=false
compiler_gcc = CC=gcc
compiler_asan = CC=clang
compiler_tsan = CC=clang
compiler_fuzz = CC=clang

.PHONY: all demo check install lint format fuzz bench clean help
.PRECIOUS: build/%/build.ninja
.NOTPARALLEL:

all: setup-build build/build.ninja
	@ninja -C build

demo: setup-demo build/build.ninja
	@ninja -C build --quiet
	@build/examples/sysmon/sysmon-demo

check: setup-check build/gcc/build.ninja build/asan/build.ninja build/tsan/build.ninja
	@scripts/check

install: all
	@meson install -C build --no-rebuild --quiet
	@test -n "$(DESTDIR)" || test "$$(id -u)" -ne 0 || ldconfig

lint: setup-lint build/asan/build.ninja
	@scripts/lint build/asan

format: setup-lint
	@scripts/lint-format -i

fuzz: setup-fuzz build/fuzz/build.ninja
	@ninja -C build/fuzz --quiet
	@scripts/fuzz build/fuzz $(FUZZ_SECONDS)

bench: setup-bench build/build.ninja
	@ninja -C build --quiet
	@build/tools/hark/hark bench $(ADDRESSES)

clean:
	rm -rf build

help:
	@echo 'make              builds the library, the command, the examples and the man pages'
	@echo 'make demo         shows them at work over every transport, for less than 20 seconds'
	@echo 'make check        builds with gcc and clang, runs all tests and lints; make lint: only these'
	@echo 'make install      as root, or with DESTDIR=...'
	@echo 'make format       formats all C as .clang-format has it'
	@echo 'make fuzz         fuzzes each target for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make bench        measures hark beside the bare system calls, on ADDRESSES=...'
	@echo 'make clean        removes build/'

setup-%:
	@scripts/setup $*

build/build.ninja:
	@said=$$(meson setup build -Dtests=disabled 2>&1) || { echo "$$said"; exit 1; }

build/%/build.ninja:
	@said=$$($(compiler_$*) meson setup build/$* $(options_$*) 2>&1) || { echo "$$said"; exit 1; }
