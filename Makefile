# hookd: see README.md. "make help" lists the targets.

GO     = go
TAGS   = urfave_cli_no_docs
BUILD  = CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS)
SHIM   = bin/hookshim
PREFIX = /usr/local
DEBS   = bin
ZSHDIR = $(PREFIX)/share/zsh/site-functions
PAGES  = man/hookd.8 man/hookshim.8 man/hookctl.1 man/hookd.hook.5 man/hookd-events.7 man/hookd-examples.7 man/hookd-compat.7

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# What is run-parts(8), too, has an entry point of its own where there is one (compat/runparts/entry_*.s). hookshim is started
# often, and goes without debug data.
ENTRY  = $(if $(filter amd64,$(shell $(GO) env GOARCH)),-E hookd/compat/runparts.entry)

.PHONY: help build shim run test test-trixie check bench install deb clean

help:
	@echo 'make build    the programs, in bin/'
	@echo 'make run      hookd in the foreground, with examples/first'
	@echo 'make test     every test this host allows'
	@echo 'make test-trixie  those on a booted Debian, all on Debian 13'
	@echo 'make check    format, vet, staticcheck, manuals, floor plan'
	@echo 'make bench    hookd beside a bare C program, run-parts, idle cost, benchmarks'
	@echo 'make install  below $$(DESTDIR)$$(PREFIX), $(PREFIX) by default'
	@echo 'make deb      a Debian package, below $$(DEBS), bin by default'

build: shim
	$(BUILD) -o bin/ ./cmd/hookd
	$(BUILD) -ldflags '$(ENTRY)' -o bin/ ./cmd/hookctl

shim:
	$(BUILD) -ldflags '-s -w $(ENTRY)' -o $(SHIM) ./cmd/hookshim

run: build
	@echo
	@echo 'hookd runs with examples/first. In another terminal, here:'
	@echo '    bin/hookctl --socket run/control.sock emit user.hello name=you --wait'
	@echo '    bin/hookctl --socket run/control.sock start counter'
	@echo '    bin/hookctl --socket run/control.sock watch'
	@echo 'Control-C ends it.'
	@echo
	@bin/hookd --hooks examples/first --state run --executor process

test:
	@$(GO) test -tags $(TAGS) -count=1 -run TestLevels -v ./internal/booted | grep -E '^ *(level|FAIL|---)' 
	$(GO) test -tags $(TAGS) -count=1 ./...

test-trixie:
	HOOKD_TEST_SUITE=trixie $(GO) test -tags $(TAGS) -count=1 -skip Netns \
		./cmd/internal/hookd ./hookspec ./runner/systemd ./test/booted ./test/oldworld

check:
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	$(GO) vet -tags $(TAGS) ./...
	CGO_ENABLED=0 $(GO) run $(STATICCHECK) -tags $(TAGS) ./...
	@out=$$(mandoc -T lint $(PAGES) 2>/dev/null | grep -v 'referenced manual not found'); \
		test -z "$$out" || { echo "$$out"; exit 1; }
	$(GO) test -count=1 -run TestFloorPlan .

bench: build
	@CGO_ENABLED=0 $(GO) run ./test/bench
	@HOOKD_BENCH=$(CURDIR)/bin $(GO) test -tags $(TAGS) -count=1 -v -run TestBootedBench ./test/bench
	$(GO) test -tags $(TAGS) -run '^$$' -bench . -benchmem ./...

install: build
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin
	install bin/hookd $(DESTDIR)$(PREFIX)/sbin
	install bin/hookctl $(DESTDIR)$(PREFIX)/bin
	install -D bin/hookshim $(DESTDIR)$(PREFIX)/lib/hookd/hookshim
	for page in $(PAGES); do \
		install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page#man/}; done
	install -D -m 644 cmd/internal/hookctl/completion/hookctl.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/hookctl
	install -D -m 644 cmd/internal/hookctl/completion/hookctl.zsh \
		$(DESTDIR)$(ZSHDIR)/_hookctl
	install -D -m 644 cmd/internal/hookctl/completion/hookctl.fish \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/hookctl.fish

# The package is built in a copy: dpkg-buildpackage writes beside the tree, and two may run at a time. What -d leaves out is a
# C compiler, which Debian takes for granted and nothing here needs.
deb:
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && mkdir -p $(DEBS) "$$copy/hookd" && \
		tar -c --exclude=./.git --exclude=./bin --exclude=./run . | tar -x -C "$$copy/hookd" && \
		(cd "$$copy/hookd" && dpkg-buildpackage -us -uc -b -d) && mv "$$copy"/*.deb $(DEBS)/

clean:
	rm -rf bin run
