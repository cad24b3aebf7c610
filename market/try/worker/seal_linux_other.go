//go:build linux && !amd64

package worker

var extra []uintptr
