//go:build tools

// Package tools names the command that the set-up builds (programs.ts), so that `go mod tidy` keeps it.
package tools

import (
	_ "github.com/zalando/skipper/cmd/skipper"
)
