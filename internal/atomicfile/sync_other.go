//go:build !unix

package atomicfile

// syncDir has nothing to do: only Unix lets a folder be synced.
func syncDir(string) error { return nil }
