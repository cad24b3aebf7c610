package track

// Alive tells whether a process of this machine is running.
func Alive(pid int) bool { return alive(pid) }
