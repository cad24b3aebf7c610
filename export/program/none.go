//go:build !runners

package program

import "embed"

// embedded holds no runners: only a release carries them.
var embedded embed.FS
