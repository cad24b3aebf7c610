//go:build !linux

package worker

import "runtime/debug"

// Confine has the runtime collect garbage before a model has more memory than it may; systems other than Linux are not
// asked for more.
func Confine(memory int64) (lacks []string) {
	debug.SetMemoryLimit(memory)
	return nil
}

// Seal does nothing here: systems other than Linux are not asked for it, and package try says what they lack.
func Seal() (lacks []string) { return nil }
