package worker

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// runtimeMemory is what the program needs beside its model, in bytes: its own data, stacks, and the dictionary.
const runtimeMemory = 512 << 20

// Confine takes from this process for good what a model does not need: memory beyond so many bytes, writing files, and all
// files outside of the current folder. It returns what the system could not take. A program that was compiled with cgo, as
// tests are, cannot reach all its threads for some of it.
func Confine(memory int64) (lacks []string) {
	lack := func(what string, err error) {
		if err != nil {
			lacks = append(lacks, fmt.Sprintf("%s (%v)", what, err))
		}
	}
	// RLIMIT_DATA counts what can be written, not what Go's runtime reserves, nor the file of weights that is mapped.
	for _, l := range []struct {
		what  string
		which int
		max   uint64
	}{{"a limit on memory", unix.RLIMIT_DATA, uint64(memory) + runtimeMemory}, {"a limit on files that are written", unix.RLIMIT_FSIZE, 0},
		{"no images of crashes", unix.RLIMIT_CORE, 0}, {"a limit on open files", unix.RLIMIT_NOFILE, 256}} {
		lack(l.what, syscall.Setrlimit(l.which, &syscall.Rlimit{Cur: l.max, Max: l.max}))
	}
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10) // fails where the market itself runs at a lower one
	lack("no new rights", prctl(unix.PR_SET_NO_NEW_PRIVS, 1))
	files := shutIn()
	lock := landlock()
	if files != nil && lock != nil { // one of them is enough
		lack("other files out of reach", fmt.Errorf("%v; %v", files, lock))
	}
	lack("no rights of root", dropRights())
	return lacks
}

func prctl(option, value uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, option, value, 0, 0, 0, 0)
	return failed(errno)
}

func failed(errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

// shutIn makes the current folder the root of all files.
func shutIn() error {
	if err := syscall.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	return os.Chdir("/")
}

// landlock lets all threads read the current folder and nothing else, and connect to nothing
// (https://docs.kernel.org/userspace-api/landlock.html).
func landlock() error {
	abi, _, errno := syscall.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	const readable = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	rules := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1} // all that the first version knows
	known := unsafe.Sizeof(rules.Handled_access_fs)                                               // bytes of the rules, as far as the kernel knows them
	if abi >= 4 {
		rules.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		known += unsafe.Sizeof(rules.Handled_access_net)
	}
	set, _, errno := syscall.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), known, 0)
	if errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	defer syscall.Close(int(set))
	here, err := syscall.Open(".", unix.O_PATH|syscall.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	defer syscall.Close(here)
	beneath := unix.LandlockPathBeneathAttr{Allowed_access: readable, Parent_fd: int32(here)}
	if _, _, errno := syscall.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, set, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&beneath)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	_, _, errno = syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0)
	return failed(errno)
}

// dropRights takes from all threads the rights that root of a namespace has in it.
func dropRights() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&none)), 0)
	return failed(errno)
}
