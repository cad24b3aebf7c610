//go:build runners

package program

import "embed"

// embedded holds a runner for each target, compressed. A release is made in two steps:
//
//	go generate -tags runners ./export/program
//	go build -tags runners ./cmd/xiaoyu
//
//go:generate go run ./gen
//go:embed runners/*.zst
var embedded embed.FS
