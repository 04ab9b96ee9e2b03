# make check is what continuous integration runs.
.PHONY: check test build
check:
	CGO_ENABLED=0 bash .ci/run
test:
	go test ./...
build:
	CGO_ENABLED=0 go build -o spatten ./cmd/spatten
