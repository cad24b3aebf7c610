package try

import (
	"os"
	"os/exec"
	"syscall"
)

// isolate has a command start in namespaces of its own, in which there is no network and nobody else's process: it is
// root there, which is nobody outside, so that it can take the files from itself as well. It ends with this process.
func isolate(cmd *exec.Cmd, alone bool) (lacks []string) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if alone {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return nil
}
