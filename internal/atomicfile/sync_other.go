//go:build !unix

package atomicfile

// SyncDir has nothing to do: only Unix lets a folder be synced.
func SyncDir(string) error { return nil }
