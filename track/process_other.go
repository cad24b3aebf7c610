//go:build !unix

package track

import "os"

// alive tells whether there is a process of that number, as far as the system tells.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	return p.Release() == nil
}

// PeakRSS is not known here.
func PeakRSS() int64 { return 0 }
