//go:build !noasm

package kernel

import "golang.org/x/sys/unix"

// permitTiles asks Linux for the state of AMX's tiles, which a process has only on request (arch/x86/xstate.rst in the
// kernel's documentation). The permission holds for all threads and does not end.
func permitTiles() bool {
	const archReqXcompPerm, tileData = 0x1023, 18
	_, _, err := unix.RawSyscall(unix.SYS_ARCH_PRCTL, archReqXcompPerm, tileData, 0)
	return err == 0
}
