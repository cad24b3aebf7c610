package worker

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// never are the calls that an open model has no use for: other files, the network, other programs and processes, and what
// could be had of the kernel by a detour. extra has those that only this kind of processor has.
var never = []uintptr{
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT4,
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT,
	unix.SYS_BPF, unix.SYS_IO_URING_SETUP, unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN, unix.SYS_KEYCTL, unix.SYS_ADD_KEY,
}

// Seal has the kernel end this process at once when it opens a file or the network, or starts a process or a program. It
// is for a process that has opened all that it needs; threads are started as before. It returns what the system could not
// do.
func Seal() (lacks []string) {
	_ = time.Now().Local().String() // reads the time zone's file, if there is one
	if err := seal(); err != nil {
		return []string{fmt.Sprintf("an end at the first forbidden call (%v)", err)}
	}
	return nil
}

// seal installs a filter for all threads (https://docs.kernel.org/userspace-api/seccomp_filter.html).
func seal() error {
	const (
		number, arch, argument0 = 0, 4, 16 // where they stand in what a filter sees, little-endian
		load, equal, atLeast    = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		anyBit, answer          = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, unix.BPF_RET | unix.BPF_K
		x32                     = 0x40000000 // calls of another kind, by the same numbers
	)
	machine, ok := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("not on %s", runtime.GOARCH)
	}
	kill, allow := unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_KILL_PROCESS}, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW}
	filter := []unix.SockFilter{
		{Code: load, K: arch}, {Code: equal, K: machine, Jt: 1}, kill,
		{Code: load, K: number}, {Code: atLeast, K: x32, Jf: 1}, kill,
	}
	for _, call := range append(never, extra...) {
		filter = append(filter, unix.SockFilter{Code: equal, K: uint32(call), Jf: 1}, kill)
	}
	filter = append(filter,
		// The library of C tries this one first, and takes the older one, whose arguments a filter can see, where there is none.
		unix.SockFilter{Code: equal, K: unix.SYS_CLONE3, Jf: 1}, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(syscall.ENOSYS)},
		unix.SockFilter{Code: equal, K: unix.SYS_CLONE, Jf: 3}, unix.SockFilter{Code: load, K: argument0}, unix.SockFilter{Code: anyBit, K: unix.CLONE_THREAD, Jt: 1}, kill,
		allow)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, errno := syscall.Syscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	stuck, _, errno := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	if stuck != 0 {
		return fmt.Errorf("thread %d has a filter of its own", stuck)
	}
	return nil
}
