# SPDX-License-Identifier: MIT
# Dispatches only: each target is a script or another room's Makefile. The
# kernel's build is in Kbuild.

all: ## the module for the installed kernel, and the library
	scripts/module
	$(MAKE) -s --no-print-directory -C userlib

demo: ## a feed over two bad lines, received in a VM; installs what it needs
	scripts/demo

test: ## all tests; installs and builds what they need
	scripts/test

check: ## what can be said without running: style, sparse, warnings
	scripts/check

bench: ## count instructions beside recvfrom, epoll, io_uring; judge the goals
	scripts/bench

install: ## the library, headers, tools and udev rule (DESTDIR, PREFIX)
	$(MAKE) -s --no-print-directory -C userlib install

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

.PHONY: all demo test check bench install clean help
